"""Make failed calls again, within a budget."""

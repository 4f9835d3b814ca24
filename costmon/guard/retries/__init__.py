"""Retry failed calls, within a budget."""

"""Export figures to other tools."""

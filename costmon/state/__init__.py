"""The published current costs: one immutable value, swapped in one step."""

"""Determine the route template of a request from what its framework stores in it."""

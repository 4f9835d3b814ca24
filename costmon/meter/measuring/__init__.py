"""Measure what requests use, in steps, and add it up in constant memory."""

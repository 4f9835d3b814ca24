"""Measure requests in steps, and aggregate the figures in constant memory."""

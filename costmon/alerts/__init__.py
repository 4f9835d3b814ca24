"""Decide which alerts are sent: pure values and arithmetic."""

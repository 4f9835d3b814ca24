"""Decide what people are told: pure values and arithmetic."""

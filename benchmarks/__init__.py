"""Measurements, as ratios of two things taken in one run."""

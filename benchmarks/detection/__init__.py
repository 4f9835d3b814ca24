"""Benchmarks of costmon.detection: `python -m benchmarks.detection --help`."""

"""Measure a program without changing its code: `costmon meter run -- gunicorn app:app`."""

"""Meter a program that says nothing of it: `costmon meter run -- gunicorn app:app`."""

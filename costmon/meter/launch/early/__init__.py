"""The folder that goes on PYTHONPATH: nothing else is in it that a program could import."""

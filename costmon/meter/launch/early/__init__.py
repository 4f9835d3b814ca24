"""The folder that is put on PYTHONPATH; it must not contain any other importable module."""

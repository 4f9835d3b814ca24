"""Supervised actors: the only package that imports pykka."""

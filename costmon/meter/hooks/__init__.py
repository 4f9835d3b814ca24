"""Hooks into the interpreter that attribute work to the request that caused it."""

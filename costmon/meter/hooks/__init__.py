"""What is hung into the interpreter so that work is charged to the request that caused it."""

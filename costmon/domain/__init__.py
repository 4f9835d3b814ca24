"""Values that all packages share; standard library only."""

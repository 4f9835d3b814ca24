"""Values that the whole house speaks in; standard library only."""

"""Hand over what workers measure: to files, to a running service, and back to who shows it."""

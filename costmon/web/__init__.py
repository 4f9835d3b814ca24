"""The pages: rendered here, no script, nothing from elsewhere."""

"""Tell which route template took a request, from what its framework leaves behind."""

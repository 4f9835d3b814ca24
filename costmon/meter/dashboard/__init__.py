"""Show what each endpoint costs: on a page of its own at 127.0.0.1, and inside the service."""

"""The dashboard with the cost of each endpoint, on 127.0.0.1 and inside the costmon service."""

"""Health of the hosts that are called, and quarantine of failing ones."""

"""A budget in front of outbound calls that cannot be overspent."""

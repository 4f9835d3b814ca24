"""What calls cost in the cloud, from dated prices, and what they have cost."""

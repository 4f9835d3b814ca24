"""What the measured load costs: pure functions of a snapshot and a price list."""

"""What the meter has counted, in the forms that other tools read."""

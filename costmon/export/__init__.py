"""What other programs read: the snapshot in their formats. Pure."""

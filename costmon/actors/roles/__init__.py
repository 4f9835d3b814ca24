"""What each kind of actor does; starting, watching and restarting them is the package above."""

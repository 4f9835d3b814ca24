"""What each endpoint of a web application costs, from real CPU time."""

"""What all guarded client libraries share: one request and its answer on the wire."""

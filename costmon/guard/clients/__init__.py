"""What all guarded client libraries share: a request and its response on the wire."""

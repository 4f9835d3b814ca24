"""Parse the usage in responses: JSON, streams, encodings, model prices."""

"""What an answer says about what it cost: usage, streams, cost headers, bytes; standard library."""

"""Where a guard keeps its counters and leases: one file per kind of store."""

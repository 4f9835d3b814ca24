"""One vendor, one module or package; none knows another."""

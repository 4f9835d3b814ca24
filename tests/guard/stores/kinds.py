"""The kinds of stores that the contract suite runs over."""

KINDS = ["memory", "sqlite"]

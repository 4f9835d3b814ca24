"""Costs of cloud resources from dated price lists, and summaries of what was spent."""

"""The JSON that the API serves; `/openapi.json` describes it from these types."""

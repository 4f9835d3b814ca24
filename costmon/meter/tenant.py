"""Whose request it was, for those who let the meter read one header and named its values."""

from collections.abc import Collection
from functools import cache

from costmon.meter.figures import OTHER


@cache
def header_variable(header: str) -> str:
    """Return the variable in which WSGI and Django have a header."""
    return "HTTP_" + header.upper().replace("-", "_")


def tenant_of(value: str | None, known: Collection[str]) -> str:
    """Return a tenant's name: only names that were configured are ever kept."""
    if value is None:
        return ""
    return value if value in known else OTHER

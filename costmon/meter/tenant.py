"""Identify a request's tenant from one header with configured values."""

from collections.abc import Collection
from functools import cache

from costmon.meter.figures import OTHER


@cache
def header_variable(header: str) -> str:
    """Return the WSGI environ key of a header."""
    return "HTTP_" + header.upper().replace("-", "_")


def tenant_of(value: str | None, known: Collection[str]) -> str:
    """Return a tenant's name; unconfigured names become `(other)`."""
    if value is None:
        return ""
    return value if value in known else OTHER

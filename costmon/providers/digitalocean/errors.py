"""Say where an answer is not what DigitalOcean documents."""

import re

from costmon.errors import ProviderSchemaError

SLUG = "digitalocean"
_HINT = "the vendor may have changed its API; check for a newer version of costmon"
_WHERE = re.compile(r" - at `(?P<path>[^`]*)`$")
_MISSING = re.compile(r"missing required field `(?P<field>[^`]*)`")


def schema_fault(path: str, detail: str, where: str | None = None) -> ProviderSchemaError:
    """Make the error for an answer of `path` that is wrong at `where` (`$.droplets[0].id`)."""
    return ProviderSchemaError(
        provider=SLUG,
        endpoint=f"GET {path}",
        detail=detail,
        hint=_HINT,
        path=where,
    )


def decoding_fault(path: str, error: Exception) -> ProviderSchemaError:
    """Make the error for an answer that could not be decoded.

    msgspec names types and positions in its texts, never values, so no part of the answer gets
    out; any other error is named by its class only, because its text quotes the input.
    """
    text = str(error) if type(error).__module__.startswith("msgspec") else type(error).__name__
    found = _WHERE.search(text)
    where = found["path"] if found else "$"
    detail = _WHERE.sub("", text)
    missing = _MISSING.search(detail)
    if missing:
        where = f"{where}.{missing['field']}"
    return schema_fault(path, detail, where)

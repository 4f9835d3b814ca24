"""Parse the `Retry-After` header of a response."""

from math import isfinite


def retry_after_s(result: object, now_s: float) -> float | None:
    """Return the seconds that a host asks clients to wait; `None` if it does not say.

    Args:
        result: A response, or an exception with a `response`.
        now_s: Seconds since 1970, for headers with a date.
    """
    for holder in (result, getattr(result, "response", None)):
        headers = getattr(holder, "headers", None)
        if headers is None:
            continue
        for name in ("Retry-After", "retry-after"):  # a plain dict is case-sensitive
            try:
                value = headers.get(name)
            except (AttributeError, TypeError):
                break
            if isinstance(value, bytes):
                value = value.decode("latin-1")
            if isinstance(value, str):
                return parsed_s(value, now_s)
    return None


def parsed_s(value: str, now_s: float) -> float | None:
    """Parse a header's value to seconds (RFC 9110, 10.2.3); `None` if it is not valid."""
    value = value.strip()
    try:
        seconds = float(value)  # some servers send 0.5
    except ValueError:
        return _until_s(value, now_s)
    return seconds if isfinite(seconds) and seconds >= 0 else None


def _until_s(value: str, now_s: float) -> float | None:
    import datetime as dt
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if date.tzinfo is None:  # "-0000": UTC, location unknown
        date = date.replace(tzinfo=dt.UTC)
    return max(0.0, date.timestamp() - now_s)

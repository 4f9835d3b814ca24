"""When a host says that it may be asked again: the `Retry-After` of an answer."""

from math import isfinite


def retry_after_s(result: object, now_s: float) -> float | None:
    """Return for how many seconds a host asks to be left alone; `None` when it does not say.

    Args:
        result: An answer, or an exception with its `response`.
        now_s: Seconds since 1970, for the form that names a date.
    """
    for holder in (result, getattr(result, "response", None)):
        headers = getattr(holder, "headers", None)
        if headers is None:
            continue
        for name in ("Retry-After", "retry-after"):  # a plain dict knows but one spelling
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
    """Return the seconds that a header's value means (RFC 9110, 10.2.3); `None` when it is none."""
    value = value.strip()
    try:
        seconds = float(value)  # some send 0.5
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
    if date.tzinfo is None:  # "-0000": UTC without saying where
        date = date.replace(tzinfo=dt.UTC)
    return max(0.0, date.timestamp() - now_s)

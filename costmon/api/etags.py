"""Conditional requests: whether a client has the current answer already."""


def matches(if_none_match: str, etag: str) -> bool:
    """Return whether an `If-None-Match` header names the answer that has this tag."""
    if not if_none_match:
        return False
    given = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return any(tag in {etag, "*"} for tag in given)

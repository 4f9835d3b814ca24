"""Show where a store is without what opens it."""


def shown_url(url: str) -> str:
    """Return scheme, host and path: no user, no password, no query."""
    scheme, _, rest = url.partition("://")
    before, _, place = rest.rpartition("@")
    # A query may hold a password, and so may what looks like a place behind an odd one.
    return f"{scheme}://..." if "?" in before else f"{scheme}://{place.partition('?')[0]}"

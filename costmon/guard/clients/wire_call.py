"""One request as it goes over the wire, for any client library."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from costmon.domain.scope import host_of


class WireCall(NamedTuple):
    """A request that is about to be sent.

    Attributes:
        method: The HTTP method, upper case.
        url: Without user information and query, which may be secret.
        host: In canonical form.
        headers: By lower-case name; the last one of each name.
        body: The body, if it is in memory; `None` if there is none, or it is produced while it is
            sent.
        size: Bytes of the body; `None` if not known before it is sent.
    """

    method: str
    url: str
    host: str
    headers: Mapping[str, str]
    body: bytes | None
    size: int | None

    @property
    def path(self) -> str:
        """Return the URL's path."""
        return urlsplit(self.url).path


def wire_call(
    method: str,
    url: str,
    headers: Iterable[tuple[object, object]],
    body: bytes | None,
    size: int | None,
) -> WireCall:
    """Return a request in the form that `Costing` uses.

    Raises:
        ScopeError: The URL names no host.
    """
    parts = urlsplit(url)
    bare = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return WireCall(method.upper(), bare, _host_of(parts.netloc), header_dict(headers), body, size)


@lru_cache(maxsize=1024)
def _host_of(location: str) -> str:
    """Return the host of a URL's network location, from a cache."""
    return host_of(f"//{location}")


def header_dict(headers: Iterable[tuple[object, object]]) -> dict[str, str]:
    """Return headers by lower-case name."""
    return {_text(name).lower(): _text(value) for name, value in headers}


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)

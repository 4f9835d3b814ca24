"""Check the `Host` header of a request, which stops DNS rebinding.

A hostile page can make its own name resolve to 127.0.0.1, but the browser still sends that name in
`Host`. So only names that are known to mean this service are answered.
"""

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache

from costmon.config import Network

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

_HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?\Z")


def host_of(header: str) -> str | None:
    """Return the name or address in a `Host` header, lower case; `None` when it is not valid."""
    found = _HOST.match(header)
    if found is None:
        return None
    return (found[1] or found[2]).lower().removesuffix(".")


def is_loopback(host: str) -> bool:
    """Return whether listening on `host` reaches this machine only."""
    if host.lower() == "localhost":
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def spoken_scheme(peer: str, forwarded: str, trusted: Iterable[Network]) -> str | None:
    """Return the scheme that a trusted proxy's client spoke; `None` when no such proxy says so.

    Args:
        peer: The address that the connection came from.
        forwarded: The header `X-Forwarded-Proto`; of a list the nearest proxy wrote the last one.
        trusted: The proxies that are believed.
    """
    scheme = forwarded.rpartition(",")[2].strip().lower()
    if scheme not in {"http", "https"}:
        return None
    address = _address(peer)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return scheme if any(address in network for network in trusted if address) else None


class HostCheck:
    """Which `Host` headers are answered.

    Beyond loopback any plain address is, too: rebinding needs a name.
    """

    def __init__(self, listen_host: str, allowed: Iterable[str]) -> None:
        names = {host_of(name) or name.lower() for name in allowed}
        self._names = LOOPBACK_NAMES | names | {listen_host.lower()}
        self._addresses_too = not is_loopback(listen_host)
        self.accepts = lru_cache(maxsize=256)(self._accepts)

    def _accepts(self, header: str) -> bool:
        host = host_of(header)
        if host is None:
            return False
        return host in self._names or (self._addresses_too and _address(host) is not None)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None

"""Whom a request was meant for: the check that stops DNS rebinding.

A hostile page can make its own name resolve to 127.0.0.1, but the browser still sends that name in
`Host`. So only names that are known to mean this service are answered.
"""

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache

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

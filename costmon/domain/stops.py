"""Which open circuit stops the calls of a scope."""

import datetime as dt
from collections.abc import Iterable

from costmon.domain.circuit import Circuit
from costmon.domain.scope import GLOBAL, covers
from costmon.domain.vendor_hosts import provider_of


def stop_of(scope: str, circuits: Iterable[Circuit], now: dt.datetime) -> Circuit | None:
    """Return the open circuit that covers a scope most closely; `None` when its calls may pass.

    A call to a vendor's host is also stopped by the circuit of that provider, and every call by the
    one of `global`.

    Args:
        scope: In canonical form; may be a pattern.
        circuits: Every circuit there is.
        now: Aware UTC.
    """
    found = [
        (closeness, circuit)
        for circuit in circuits
        if circuit.is_open(now) and (closeness := _closeness(circuit.scope, scope))
    ]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _closeness(pattern: str, scope: str) -> float:
    direct = covers(pattern, scope)
    if direct:
        return direct
    kind, _, host = scope.partition(":")
    provider = provider_of(host) if kind == "host" else None
    if provider is not None and covers(pattern, f"provider:{provider}"):
        return 0.5
    return 0.1 if pattern == GLOBAL else 0

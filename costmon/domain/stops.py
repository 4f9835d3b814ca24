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
    return _closest(scope, (it for it in circuits if it.is_open(now)))


def standing_of(scope: str, circuits: Iterable[Circuit], now: dt.datetime) -> Circuit | None:
    """Return the circuit that stops a scope, or else the half-open one; see `stop_of`."""
    known = tuple(circuits)
    half_open = (it for it in known if it.current_state(now) == "half-open")
    return stop_of(scope, known, now) or _closest(scope, half_open)


def _closest(scope: str, circuits: Iterable[Circuit]) -> Circuit | None:
    found = [
        (closeness, circuit)
        for circuit in circuits
        if (closeness := _closeness(circuit.scope, scope))
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

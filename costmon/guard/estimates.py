"""Hold less than the worst case, based on what recent calls cost.

`strict` holds the most that a call can cost, as given by the caller. `adaptive` holds the share of
it that 99 of 100 recent calls of the same chain needed, once there have been 20; and while at least
half of a budget is free, a call whose worst case exceeds the rest holds half of the rest instead of
being refused. At most the costs of calls in flight above their estimates can be overspent; in
`strict` mode that is nothing, if no call costs more than its worst case.
"""

import threading
from collections import deque

from costmon.guard.stores.base import Hold, Plan, Refusal

_QUANTILE = 99
_LEAST = 20
_MOST = 256
_MOST_CHAINS = 1024
_PARTS = 1_000_000


class Estimates:
    """The shares of their worst case that recent calls needed, by chain and activity."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._shares: dict[tuple[tuple[str, ...], str], deque[int]] = {}

    def of(self, plan: Plan, upper: int) -> int:
        """Return what to hold for a call that costs at most `upper` nano-units."""
        with self._lock:
            shares = self._shares.get((plan.scopes, plan.activity))
            if shares is None or len(shares) < _LEAST:
                return upper
            ordered = sorted(shares)
        share = ordered[-(-len(ordered) * _QUANTILE // 100) - 1]
        return min(upper, -(-upper * share // _PARTS))

    @staticmethod
    def squeezed(refusal: Refusal) -> int | None:
        """Return what to hold of a budget that is less than half used; `None`: refuse the call."""
        limit, used = refusal.line.limit, refusal.spent + refusal.held
        if limit is None or refusal.line.fixed is not None or used * 2 > limit:
            return None
        return (limit - used) // 2 or None

    def learn(self, hold: Hold, nano: int, upper: int) -> None:
        """Record the cost of a call whose worst case was `upper` nano-units."""
        if upper <= 0:
            return
        name = (hold.plan.scopes, hold.plan.activity)
        with self._lock:
            shares = self._shares.pop(name, None) or deque(maxlen=_MOST)
            if len(self._shares) >= _MOST_CHAINS:
                del self._shares[next(iter(self._shares))]
            shares.append(nano * _PARTS // upper)
            self._shares[name] = shares

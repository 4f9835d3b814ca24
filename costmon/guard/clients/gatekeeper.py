"""What guarded clients ask of a guard."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Protocol

from costmon.clock import EpochClock
from costmon.domain.amount import Amount
from costmon.guard.attempt import HeldLease
from costmon.guard.config import ScopeConfig
from costmon.guard.health.health import Health


class Gatekeeper(Protocol):
    """A guard, as far as clients know it; `costmon.guard.Guard` is one."""

    clock: EpochClock
    currency: str

    @property
    def health(self) -> Health:
        """Return what is known of the hosts that are called."""
        ...

    def reserve(
        self,
        scopes: Iterable[str],
        amount: Amount,
        *,
        ttl: float = 60.0,
        activity: str = "call",
        wait: float = 0.0,
    ) -> HeldLease:
        """Hold an estimate, or raise `CallRefused`."""
        ...

    def config(self, scope: str) -> ScopeConfig | None:
        """Return what is configured about a scope."""
        ...

    def remaining(self, scope: str, period: str | None = None) -> Decimal | None:
        """Return what may still be spent; `None` without a limit."""
        ...

    def abandon(self, lease: Any, actual: Amount | None = None, **outcome: Any) -> None:
        """Settle a lease soon, from a place that must not wait."""
        ...

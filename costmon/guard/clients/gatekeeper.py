"""The interface of a guard for guarded clients."""

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from costmon.clock import EpochClock
from costmon.domain.amount import Amount
from costmon.guard.attempt import HeldLease
from costmon.guard.config import ScopeConfig
from costmon.guard.errors import CallRefused
from costmon.guard.health.health import Health

if TYPE_CHECKING:
    from costmon.guard.off_loop import OffLoop


class Gatekeeper(Protocol):
    """The methods of `costmon.guard.Guard` that clients use."""

    clock: EpochClock
    currency: str

    @property
    def health(self) -> Health:
        """Return the health of the hosts that are called."""
        ...

    @property
    def off_loop(self) -> "OffLoop":
        """Return the threads in which coroutines use the store."""
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
        """Return a scope's configuration."""
        ...

    def remaining(self, scope: str, period: str | None = None) -> Decimal | None:
        """Return what may still be spent; `None` without a limit."""
        ...

    def refuse(self, refused: CallRefused) -> CallRefused:
        """Count a refusal, and return it."""
        ...

    def price_notice(self, kind: str, name: str, text: str) -> None:
        """Tell something about the price of calls of one name, once."""
        ...

    def learnt_model(self, deployment: str) -> str | None:
        """Return the model that answered for a deployment of any guard on the store."""
        ...

    def learn_model(self, deployment: str, model: str) -> None:
        """Remember it."""
        ...

    def abandon(self, lease: Any, actual: Amount | None = None, **outcome: Any) -> None:
        """Settle a lease soon, from code that must not block."""
        ...

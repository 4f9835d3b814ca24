"""The interface of a guard for its link."""

from typing import NamedTuple, Protocol

from costmon.domain.policy import Policy
from costmon.domain.spend import LeaseNote, Notice, RefusalCount, RefusalNote, ScopeGauge
from costmon.guard.stores.base import UsageRow


class Identity(NamedTuple):
    """Who reports.

    The guard's own random name is made by the link, another one after a fork: `Link.guard`.

    Attributes:
        store: `Store.identity()` of the store that the usage rows come from.
        app: Name of the program.
        currency: Of all amounts.
    """

    store: str
    app: str
    currency: str


class Source(Protocol):
    """A guard as its link uses it, by weak reference.

    Everything is called from the link's own threads, never while the link holds a lock that `touch`
    needs, so a method may take the guard's locks. Methods are called about once a second: they
    should be cheap, and must not delay calls. After a `GuardStoreError` the link tries again later;
    after other errors, too, and logs them.
    """

    def identity(self) -> Identity:
        """Return the guard's identity; in a forked process the store may have another one."""
        ...

    def usage(self, since_hour: int) -> list[UsageRow]:
        """Return the store's usage rows of the hours from `since_hour` (seconds since 1970) on."""
        ...

    def gauges(self) -> tuple[ScopeGauge, ...]:
        """Return recently used budgets, the most used first; at most 100."""
        ...

    def leases(self, limit: int) -> tuple[LeaseNote, ...]:
        """Return the oldest calls in flight."""
        ...

    def refusals(self, limit: int) -> tuple[RefusalNote, ...]:
        """Return the latest refusals, the newest first."""
        ...

    def refused(self) -> tuple[RefusalCount, ...]:
        """Return how often this guard has refused, by scope and reason; at most 200."""
        ...

    def notices_after(self, number: int) -> list[tuple[int, Notice]]:
        """Return the notices numbered above `number` that are still kept, in order.

        The guard numbers them 1, 2, 3, ... as they happen.
        """
        ...

    def apply(self, policy: Policy) -> None:
        """Apply the service's budgets and circuits from now on; they replace the former ones.

        Called once for each revision, from one thread, in order. When it raises, it is called again
        with the same policy a moment later.
        """
        ...

    def service_lost(self, reason: str) -> None:
        """Handle that the service stopped answering; `reason` is a sentence without secrets.

        Called once for each outage. The last policy stays in force.
        """
        ...

    def service_returned(self) -> None:
        """Handle that the service answers again; only called after `service_lost`."""
        ...

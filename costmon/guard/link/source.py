"""What the link asks of a guard, and what it tells it."""

from typing import NamedTuple, Protocol

from costmon.domain.policy import Policy
from costmon.domain.spend import LeaseNote, Notice, RefusalCount, RefusalNote, ScopeGauge
from costmon.guard.stores.base import UsageRow


class Identity(NamedTuple):
    """Who reports.

    The guard's own random name is made by the link, another one after a fork: `Link.guard`.

    Attributes:
        store: `Store.identity()` of the store that the usage rows come from.
        app: What the program calls itself.
        currency: Of all amounts.
    """

    store: str
    app: str
    currency: str


class Source(Protocol):
    """A guard, as its link sees it; the link holds it weakly, so it must allow weak references.

    Everything is called from the link's own threads, never while the link holds a lock that `touch`
    needs, so a method may take the guard's locks. What is asked for is asked about once a second:
    it should be cheap, and must not hold up a call. A `GuardStoreError` means "not now": the link
    asks again later. Whatever else is raised is logged, and asked again later, too.
    """

    def identity(self) -> Identity:
        """Return who reports; in a forked process the store may have another identity."""
        ...

    def usage(self, since_hour: int) -> list[UsageRow]:
        """Return the store's usage rows of the hours from `since_hour` (seconds since 1970) on."""
        ...

    def gauges(self) -> tuple[ScopeGauge, ...]:
        """Return the budgets that have been used lately, the most used ones first; at most 100."""
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
        """Return the notices numbered above `number` that are still remembered, in order.

        The guard numbers them 1, 2, 3, ... as they happen.
        """
        ...

    def apply(self, policy: Policy) -> None:
        """Obey the service's budgets and circuits from now on, instead of what it said before.

        Called once for each revision, from one thread, in order. When it raises, it is called again
        with the same policy a moment later.
        """
        ...

    def service_lost(self, reason: str) -> None:
        """The service does not answer any more; `reason` is a sentence without secrets.

        Called once for each time. What was applied last stays in force.
        """
        ...

    def service_returned(self) -> None:
        """The service answers again; only after `service_lost`."""
        ...

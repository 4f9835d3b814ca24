"""What a guard reports to the service, and how it applies the service's policy."""

from collections.abc import Callable
from typing import Protocol

from costmon.domain.policy import Policy
from costmon.domain.spend import LeaseNote, Notice, RefusalCount, RefusalNote, ScopeGauge
from costmon.guard.link.source import Identity
from costmon.guard.notices import Notices
from costmon.guard.rulebook import Rulebook
from costmon.guard.stores.base import Store, UsageRow
from costmon.guard.usage import UsageReader

_FAR_S = 1 << 40


class Reporting(Protocol):
    """What reports need of the guard."""

    app: str
    currency: str
    store: Store

    def gauges(self) -> tuple[ScopeGauge, ...]:
        """Return the status of recently used budgets."""
        ...

    def sweep(self) -> int:
        """Charge expired leases."""
        ...


class Reported:
    """A guard as the link uses it; see `costmon.guard.link.source.Source`."""

    def __init__(
        self,
        guard: Reporting,
        figures: Callable[[], UsageReader],
        rulebook: Rulebook,
        notices: Notices,
    ) -> None:
        self._guard = guard
        self._usage_reader = figures
        self._rulebook = rulebook
        self._notices = notices
        self.fault: str | None = None
        """Why the service does not answer; `None` when it does, or has not been asked yet."""

    def identity(self) -> Identity:
        """Return the guard's identity."""
        return Identity(self._guard.store.identity(), self._guard.app, self._guard.currency)

    def usage(self, since_hour: int) -> list[UsageRow]:
        """Return the store's rows of the hours from `since_hour` on."""
        self._guard.sweep()
        return self._usage_reader().usage(since_hour, _FAR_S)

    def gauges(self) -> tuple[ScopeGauge, ...]:
        """Return the status of recently used budgets."""
        return self._guard.gauges()

    def leases(self, limit: int) -> tuple[LeaseNote, ...]:
        """Return the oldest calls in flight."""
        return self._usage_reader().leases(limit)

    def refusals(self, limit: int) -> tuple[RefusalNote, ...]:
        """Return the latest refusals, newest first."""
        return self._notices.refusals(limit)

    def refused(self) -> tuple[RefusalCount, ...]:
        """Return the counts of refusals by this guard, the most frequent first."""
        return self._notices.refused()[:200]

    def notices_after(self, number: int) -> list[tuple[int, Notice]]:
        """Return the notices numbered above `number` that are still kept."""
        return self._notices.notices_after(number)

    def apply(self, policy: Policy) -> None:
        """Apply the service's policy."""
        self._rulebook.apply(policy)

    def service_lost(self, reason: str) -> None:
        """Keep the reason, which the link has logged."""
        self.fault = reason

    def service_returned(self) -> None:
        """Clear the reason."""
        self.fault = None

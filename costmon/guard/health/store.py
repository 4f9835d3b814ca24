"""The health records of a guard's store, and a fallback while it is unavailable."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from costmon.clock import EpochClock
from costmon.domain.spend import NoticeKind
from costmon.guard.errors import GuardStoreError, HealthRefused
from costmon.guard.health.record import UNKNOWN, HealthRecord
from costmon.guard.health.rules import HealthRules
from costmon.guard.stores.base import Store

if TYPE_CHECKING:
    from random import Random


class Tell(Protocol):
    """Receives notices for users."""

    def __call__(self, kind: NoticeKind, scope: str, text: str, /) -> None:
        """Send a notice."""
        ...


class HealthStore:
    """Reads and changes records; failures of the store are counted, and do not stop calls.

    Attributes:
        failures: How often the store could not be used.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: EpochClock,
        rng: "Random",
        rules: HealthRules,
        tell: Tell | None,
    ) -> None:
        self.clock = clock
        self.rng = rng
        self.rules = rules
        self.failures = 0
        self._store = store
        self._tell = tell

    def read(self, host: str, otherwise: HealthRecord) -> HealthRecord:
        """Return the record of a host, or `otherwise` if the store cannot be used."""
        try:
            return HealthRecord.from_text(self._store.read("health", host)) or UNKNOWN
        except GuardStoreError:
            self.failures += 1
            return otherwise

    def change(
        self, host: str, base: HealthRecord, change: Callable[[HealthRecord], HealthRecord]
    ) -> HealthRecord:
        """Change a host's record in one atomic step, and send a notice of a new quarantine.

        Returns:
            The new record; `change` of `base` if the store cannot be used.
        """
        before = base

        def changed(text: str | None) -> str | None:
            nonlocal before
            before = HealthRecord.from_text(text) or UNKNOWN
            after = change(before)
            return text if after == before else after.to_text()

        try:
            text = self._store.update("health", host, changed)
            after = HealthRecord.from_text(text) or UNKNOWN
        except GuardStoreError:
            self.failures += 1
            before = base
            after = change(base)
        if self._tell is not None and after.quarantine.openings and not before.quarantine.openings:
            now_s = self.clock.epoch_s()
            refusal = self.refusal(host, after, now_s)
            self._tell("quarantined", refusal.scope, str(refusal))
        return after

    def remove(self, host: str, unwanted: Callable[[HealthRecord], bool]) -> bool:
        """Remove a host's record if it is still unwanted; return whether it is gone.

        Raises:
            GuardStoreError: The store cannot be used.
        """

        def without(text: str | None) -> str | None:
            record = HealthRecord.from_text(text)
            return None if record is None or unwanted(record) else text

        return self._store.update("health", host, without) is None

    def records(self) -> Iterator[tuple[str, HealthRecord]]:
        """Yield every host and its record.

        Raises:
            GuardStoreError: The store cannot be used.
        """
        for host, text in self._store.records("health"):
            record = HealthRecord.from_text(text)
            if record is not None:
                yield host, record

    def refusal(self, host: str, record: HealthRecord, now_s: float) -> HealthRefused:
        """Return the error for a call to a host in quarantine."""
        evidence = record.evidence.aged(now_s)
        wait_s = record.quarantine.wait_s(now_s, self.rules)
        return HealthRefused(
            f"host:{host}",
            self.rules.score(evidence),
            evidence.row,
            dt.datetime.fromtimestamp(now_s + wait_s, dt.UTC),
            wait_s,
        )

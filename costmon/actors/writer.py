"""The protocols through which the persister writes, and in which its work waits."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

from costmon.domain.change import Change
from costmon.domain.charge import ChargeWindow
from costmon.domain.charge_report import ChargeOverview, RecordedCharges
from costmon.domain.finding import Series
from costmon.domain.poll import Observation, StoredReading
from costmon.domain.spend import GuardReport
from costmon.state.guard_reports import Recorded
from costmon.state.metered_spend import MeteredSpend
from costmon.store.spend import SavedWatch


class Writer(Protocol):
    """The right to write history, claimed for one incarnation."""

    def record(self, observation: Observation) -> bool:
        """Write one cycle in one transaction; `False` when it was there already."""
        ...

    def record_charges(self, window: ChargeWindow) -> RecordedCharges:
        """Write a window of charges in one transaction; twice is once."""
        ...

    def record_reading(self, stored: StoredReading, rates: Mapping[Series, Decimal]) -> None:
        """Write what is kept of a reading over a restart, and how fast its counters rise."""
        ...

    def charges(self, today: dt.date, restated_since: dt.datetime) -> ChargeOverview:
        """Return what the charges add up to."""
        ...

    def record_report(self, report: GuardReport) -> Recorded:
        """Write what a guard has reported, in one transaction; twice is once."""
        ...

    def metered(self) -> SavedWatch | None:
        """Return what was seen of metered applications at the last look; `None`: no look yet."""
        ...

    def record_metered(self, spent: Mapping[Series, MeteredSpend], saved: SavedWatch) -> None:
        """Write what metered applications have cost in one transaction, with what was seen."""
        ...

    def apply_change(self, change: Change) -> bool:
        """Write one decision in one transaction; `False` when it was there already."""
        ...

    def prune(self, now: dt.datetime) -> None:
        """Delete what is older than its retention."""
        ...


class Waiting(Protocol):
    """Where cycles wait for the database, first in first out, on disk."""

    def set_aside_first(self, cycle_id: str, reason: str) -> None:
        """Set the first aside if it is that cycle: it can never be written."""
        ...

    def append(self, observation: Observation) -> None:
        """Keep one more."""
        ...

    def first(self) -> Observation | None:
        """Return the one that has waited longest."""
        ...

    def drop_first(self, cycle_id: str) -> None:
        """Forget the first if it is that cycle: it is written."""
        ...

    def __len__(self) -> int:
        """Return how many wait."""
        ...


class WaitingChanges(Protocol):
    """Where decisions wait for the database, first in first out, on disk."""

    def set_aside_first(self, change_id: str, reason: str) -> None:
        """Set the first aside if it has that id: it can never be written."""
        ...

    def first(self) -> Change | None:
        """Return the one that has waited longest."""
        ...

    def drop_first(self, change_id: str) -> None:
        """Forget the first if it has that id: it is written."""
        ...

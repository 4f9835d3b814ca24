"""Keep charges in memory while the database is away, within bounds."""

import datetime as dt
from collections import OrderedDict
from dataclasses import dataclass

from costmon.domain.charge import ChargeWindow
from costmon.domain.poll import StoredReading

MOST_ROWS = 20_000
"""Rows that wait, about 50 MB; what has no room is read again when the database is back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingWindow:
    """A window that is to be recorded.

    Attributes:
        cycle_id: In which cycle it was read.
        window: All of its charges.
    """

    cycle_id: str
    window: ChargeWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingReading:
    """What is to be kept of a reading, once the windows before it are recorded.

    Attributes:
        cycle_id: In which cycle it was read.
        stored: What is kept.
    """

    cycle_id: str
    stored: StoredReading


class WaitingCharges:
    """Windows and the ends of readings that wait, first in first out; the newest of each.

    It outlives the persister's incarnations, of which one at a time uses it (under its fence). It
    does not outlive the process: what is lost then is read again, because its end was not recorded.

    Args:
        most_rows: Rows of charges that may wait.
    """

    def __init__(self, most_rows: int = MOST_ROWS) -> None:
        self._most_rows = most_rows
        self._rows = 0
        self._entries: OrderedDict[object, WaitingWindow | WaitingReading] = OrderedDict()
        self._kept: dict[str, tuple[str, set[tuple[str, dt.datetime]]]] = {}
        self._again: set[str] = set()
        self._lost: set[str] = set()

    def __len__(self) -> int:
        """Return how many windows and ends wait."""
        return len(self._entries)

    @property
    def rows(self) -> int:
        """Return how many rows of charges wait."""
        return self._rows

    def add_window(self, cycle_id: str, window: ChargeWindow) -> bool:
        """Keep a window in place of an older one of the same start; `False`: there is no room."""
        key = (window.account, window.provider, window.start)
        self._drop(key)
        if self._rows + len(window.charges) > self._most_rows:
            self._again.add(window.account)
            return False
        self._entries[key] = WaitingWindow(cycle_id=cycle_id, window=window)
        self._rows += len(window.charges)
        self.note(cycle_id, window)
        return True

    def note(self, cycle_id: str, window: ChargeWindow) -> None:
        """Note that a window of a cycle is kept: here, or in the database."""
        known, kept = self._kept.get(window.account, ("", set()))
        if known != cycle_id:
            kept = set()
        self._kept[window.account] = (cycle_id, kept | {(window.provider, window.start)})

    def has_all(self, account: str, cycle_id: str, windows: int) -> bool:
        """Tell whether so many windows of a cycle are kept.

        If not, the account's charges are to be read again. When the next cycle is incomplete too,
        they wait for their turn: a repeated failure must not lead to polling without pause.
        """
        known, kept = self._kept.get(account, ("", set()))
        if windows == 0 or (known == cycle_id and len(kept) == windows):
            self._lost.discard(account)
            return True
        if account not in self._lost:
            self._lost.add(account)
            self._again.add(account)
        return False

    def add_reading(self, cycle_id: str, stored: StoredReading) -> None:
        """Keep the end of a reading, in place of an older one."""
        self._drop(stored.key)
        self._entries[stored.key] = WaitingReading(cycle_id=cycle_id, stored=stored)

    def first(self) -> WaitingWindow | WaitingReading | None:
        """Return what has waited longest."""
        return next(iter(self._entries.values()), None)

    def drop_first(self) -> None:
        """Forget the first: it is recorded."""
        self._drop(next(iter(self._entries)))

    def take_incomplete(self) -> tuple[str, ...]:
        """Return, once, the accounts whose charges are not all kept."""
        again = tuple(sorted(self._again))
        self._again.clear()
        return again

    def _drop(self, key: object) -> None:
        entry = self._entries.pop(key, None)
        if isinstance(entry, WaitingWindow):
            self._rows -= len(entry.window.charges)

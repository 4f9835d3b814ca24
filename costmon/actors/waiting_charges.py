"""Keep charges in memory while the database is away, within bounds."""

import datetime as dt
from collections import OrderedDict
from dataclasses import dataclass

from costmon.domain.charge import ChargeWindow
from costmon.domain.poll import ReadingKey, StoredReading

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
        self._kept: dict[ReadingKey, tuple[str, set[dt.datetime]]] = {}
        self._again: set[ReadingKey] = set()

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
            self._again.add(ReadingKey(window.account, window.provider, "charges"))
            return False
        self._entries[key] = WaitingWindow(cycle_id=cycle_id, window=window)
        self._rows += len(window.charges)
        self.note(cycle_id, window)
        return True

    def note(self, cycle_id: str, window: ChargeWindow) -> None:
        """Note that a window of a cycle is kept: here, or in the database."""
        key = ReadingKey(window.account, window.provider, "charges")
        known, starts = self._kept.get(key, ("", set()))
        if known != cycle_id:
            starts = set()
        self._kept[key] = (cycle_id, starts | {window.start})

    def has_all(self, key: ReadingKey, cycle_id: str, windows: int) -> bool:
        """Tell whether so many windows of a cycle are kept; if not, it is to be read again."""
        known, starts = self._kept.get(key, ("", set()))
        if windows == 0 or (known == cycle_id and len(starts) == windows):
            return True
        self._again.add(key)
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

    def take_incomplete(self) -> tuple[ReadingKey, ...]:
        """Return, once, the readings of which something is not kept."""
        again = tuple(sorted(self._again))
        self._again.clear()
        return again

    def _drop(self, key: object) -> None:
        entry = self._entries.pop(key, None)
        if isinstance(entry, WaitingWindow):
            self._rows -= len(entry.window.charges)

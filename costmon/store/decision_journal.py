"""Decisions that wait for the database, in a file that survives a crash and a full disk."""

from typing import TypeVar

import structlog

from costmon.domain.change import AlertChange, BudgetChange, Change
from costmon.errors import StoreUnavailableError
from costmon.store.changes import from_text, to_text
from costmon.store.record_journal import RecordJournal
from costmon.store.record_log import Entry
from costmon.store.set_aside import UNREADABLE

Kept = TypeVar("Kept", bound=Change)

_log = structlog.get_logger("costmon.store")


class DecisionJournal(RecordJournal):
    """A first-in-first-out store of changes; any thread may call any method.

    What `keep` has taken is on the disk: somebody who has opened a circuit finds it open after a
    kill -9, whether or not the database was there. Changes are rare and short, some thousand fit.
    When there is no room, older ones about the same thing are dropped.

    Args:
        path: The file; made 0600 when missing, its folder must exist.
        capacity_bytes: How much of the disk to take.

    Raises:
        StoreUnavailableError: The file cannot be made or opened, or there is no room for it.
    """

    def keep(self, change: Kept) -> Kept:
        """Keep a change and return it; on the disk when this returns.

        When one of the same id waits already, that one is returned and nothing else is done.
        """
        payload = to_text(change).encode("ascii")
        with self._lock:
            for entry in self._spool.entries:
                waiting = self._read(entry)
                if isinstance(waiting, type(change)) and waiting.id == change.id:
                    return waiting
            if len(payload) > self._spool.free_bytes:
                self._make_room(change, len(payload))
            self._spool.append(payload)
        return change

    def waiting(self) -> tuple[Change, ...]:
        """Return all that wait, in order."""
        with self._lock:
            read = [self._read(entry) for entry in self._spool.entries]
        return tuple(change for change in read if change is not None)

    def first(self) -> Change | None:
        """Return the change that has waited longest; `None` when none waits."""
        with self._lock:
            while self._spool.entries:
                change = self._read(self._spool.entries[0])
                if change is not None:
                    return change
                self._spool.set_aside_first("this version cannot read it")
            return None

    def drop_first(self, change_id: str) -> None:
        """Forget the first change if it has that id, and do nothing if it is another."""
        with self._lock:
            if not self._spool.entries:
                return
            first = self._read(self._spool.entries[0])
            if first is not None and first.id == change_id:
                self._spool.drop_first()

    def set_aside_first(self, change_id: str, reason: str) -> None:
        """Set the first change aside if it has that id: it can never be written."""
        with self._lock:
            if not self._spool.entries:
                return
            first = self._read(self._spool.entries[0])
            if first is not None and first.id == change_id:
                self._spool.set_aside_first(reason)

    def _read(self, entry: Entry) -> Change | None:
        try:
            return from_text(self._spool.read(entry).decode("ascii"))
        except UNREADABLE:
            return None

    def _make_room(self, change: Change, length: int) -> None:
        """Drop what a later change makes void, oldest first, until there is space."""
        kept = list(self._spool.entries)
        subjects = [_subject(self._read(entry)) for entry in kept] + [_subject(change)]
        void = [entry for n, entry in enumerate(kept) if subjects[n] in subjects[n + 1 :]]
        room = self._spool.room_for([self._spool.largest_bytes])
        while void and self._spool.room_for([*(it.length for it in kept), length]) > room:
            kept.remove(void.pop(0))
        dropped = len(subjects) - 1 - len(kept)
        if dropped:
            _log.error("store.changes_dropped", path=str(self._path), dropped=dropped)
        self._spool.keep_only(kept, dropped=dropped)
        if length > self._spool.free_bytes:
            msg = (
                f"{self._path} is full of changes waiting for the database: make the database "
                "available again"
            )
            raise StoreUnavailableError(msg)


def _subject(change: Change | None) -> tuple[str, ...]:
    if change is None:
        return ()
    if isinstance(change, BudgetChange):
        return ("budget", change.scope, change.period)
    if isinstance(change, AlertChange):
        return ("alert", change.condition)
    return ("circuit", change.circuit.scope)

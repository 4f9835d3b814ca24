"""Observations that wait for the database, in a file that survives a crash and a full disk."""

import json
import zlib

import msgspec
import structlog

from costmon.domain.poll import Observation
from costmon.store.record_journal import RecordJournal
from costmon.store.record_log import Entry
from costmon.store.set_aside import UNREADABLE

_COMPRESSION = 1
_log = structlog.get_logger("costmon.store")


class Journal(RecordJournal):
    """A bounded first-in-first-out store of observations; any thread may call any method.

    What `append` has taken is on the disk: it survives kill -9 and, with an honest disk, a power
    cut. The room is allocated when the journal is opened, so that a disk that fills up later does
    not matter. When the room is used up, the newest observation of each account stays, and what
    was dropped for it is counted, also across restarts.

    An observation that cannot be read or written is set aside in a file beside this one (see
    `costmon.store.set_aside`) and counted; the others are not affected.

    Taking an observation out is two steps, so that a crash in between repeats it rather than loses
    it; the store knows by its cycle id that it has it already.

    Args:
        path: The file; made 0600 when missing, its folder must exist.
        capacity_bytes: How much of the disk to take. Half of it holds observations, the other half
            is where those that stay are moved. A file that holds observations keeps its own size.

    Raises:
        StoreUnavailableError: The file cannot be made or opened, or there is no room for it.
    """

    def append(self, observation: Observation) -> None:
        """Keep an observation; on the disk when this returns, unless it was too large to keep."""
        payload = _packed(observation)
        with self._lock:
            if len(payload) > self._spool.free_bytes:
                self._make_room(len(payload), observation.report.account)
            if len(payload) > self._spool.free_bytes:
                self._spool.count_dropped()
                _log.error(
                    "store.journal_observation_too_large",
                    path=str(self._path),
                    account=observation.report.account,
                    observation_bytes=len(payload),
                    dropped_total=self._spool.dropped,
                )
                return
            self._spool.append(payload)

    def first(self) -> Observation | None:
        """Return the observation that has waited longest; `None` when none waits."""
        with self._lock:
            while self._spool.entries:
                try:
                    observation = _unpacked(self._spool.read(self._spool.entries[0]))
                except UNREADABLE as error:
                    reason = f"this version cannot read it ({type(error).__name__})"
                    self._spool.set_aside_first(reason)
                    continue
                if self._is_first(observation.report.cycle_id):
                    return observation
                # Nobody could drop it once it is written.
                self._spool.set_aside_first("its label is not that of its content")
            return None

    def drop_first(self, cycle_id: str) -> None:
        """Forget the first observation if it is that cycle, and do nothing if it is another.

        So a replaced writer that wakes up late cannot drop what its successor has still to write.
        """
        with self._lock:
            if self._is_first(cycle_id):
                self._spool.drop_first()

    def set_aside_first(self, cycle_id: str, reason: str) -> None:
        """Set the first observation aside if it is that cycle: it can never be written."""
        with self._lock:
            if self._is_first(cycle_id):
                self._spool.set_aside_first(reason)

    def _is_first(self, cycle_id: str) -> bool:
        entries = self._spool.entries
        label = _label(self._spool.read(entries[0])) if entries else None
        return label is not None and label[1] == cycle_id

    def _make_room(self, length: int, account: str) -> None:
        waiting = self._spool.entries
        if self._fits(waiting, length):
            self._spool.keep_only(waiting, dropped=0)
            return
        if length > self._spool.largest_bytes:
            return
        # Newest of each account, in order; the incoming one is its account's newest.
        newest = {
            label[0]: entry
            for entry in waiting
            if (label := _label(self._spool.read(entry))) is not None
        }
        newest.pop(account, None)
        kept = sorted(newest.values(), key=lambda entry: entry.number)
        while not self._fits(kept, length):
            kept.pop(0)
        dropped = len(waiting) - len(kept)
        self._spool.keep_only(kept, dropped=dropped)
        _log.error(
            "store.journal_full",
            path=str(self._path),
            dropped=dropped,
            dropped_total=self._spool.dropped,
            kept=len(kept) + 1,
        )

    def _fits(self, entries: list[Entry], length: int) -> bool:
        lengths = [*(entry.length for entry in entries), length]
        return self._spool.room_for(lengths) <= self._spool.room_for([self._spool.largest_bytes])


def _packed(observation: Observation) -> bytes:
    """Return account and cycle id on a line of their own, then all of it as compressed JSON.

    Of the standard library's kind: it writes a lone surrogate as an escape, where faster encoders
    refuse the whole observation.
    """
    text = json.dumps(msgspec.to_builtins(observation), separators=(",", ":"))
    packed = zlib.compress(text.encode("ascii"), _COMPRESSION)
    label = json.dumps((observation.report.account, observation.report.cycle_id))
    return label.encode("ascii") + b"\n" + packed


def _unpacked(payload: bytes) -> Observation:
    _, _, packed = payload.partition(b"\n")
    return msgspec.convert(json.loads(zlib.decompress(packed)), type=Observation)


def _label(payload: bytes) -> tuple[str, str] | None:
    """Return account and cycle id without unpacking the rest; `None` when they cannot be read."""
    line, _, _ = payload.partition(b"\n")
    try:
        account, cycle_id = json.loads(line)
    except UNREADABLE:
        return None
    return account, cycle_id

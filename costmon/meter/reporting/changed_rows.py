"""Find the rows that a service does not have yet; pure.

A service keeps accepted rows for as long as it runs, and names its run (epoch) in each response.
After a restart it is not known what it has kept, so all rows are sent again.
"""

from collections.abc import Iterable

from costmon.meter.figures import RowKey, Snapshot
from costmon.meter.reporting.wire import Due


class ChangedRows:
    """Tracks which rows one service has accepted; for one thread."""

    def __init__(self) -> None:
        self._sent: dict[tuple[bool, RowKey], int] = {}
        self._recording: tuple[str, float] | None = None
        self._epoch: str | None = None
        self._part = 0

    def next_part(self) -> int:
        """Return the number of the next message; numbers increase."""
        self._part += 1
        return self._part

    def due(self, snapshot: Snapshot) -> list[Due]:
        """Return the rows that changed since they were accepted."""
        recording = snapshot.recording, snapshot.started_at
        if recording != self._recording:
            self._recording = recording
            self._sent.clear()
        sent = self._sent
        return [
            Due(is_settled, row)
            for is_settled, phase in ((False, snapshot.whole), (True, snapshot.settled))
            for row in phase.routes
            if sent.get((is_settled, row.key)) != hash(row.counts)
        ]

    def accepted(self, part: Snapshot) -> None:
        """Record that the service accepted the rows of a part."""
        for is_settled, phase in ((False, part.whole), (True, part.settled)):
            for row in phase.routes:
                self._sent[is_settled, row.key] = hash(row.counts)

    def note_epoch(self, epoch: str) -> bool:
        """Record the epoch of the service; return whether it has changed.

        If so, all rows are due again.
        """
        is_other = epoch != self._epoch
        self._epoch = epoch
        if is_other:
            self._sent.clear()
        return is_other


def fingerprint(snapshot: Snapshot) -> int:
    """Return a hash that changes whenever any row changes."""
    rows: Iterable[tuple[object, ...]] = (
        (*row.key, *row.counts)
        for phase in (snapshot.whole, snapshot.settled)
        for row in phase.routes
    )
    head = snapshot.recording, snapshot.started_at, snapshot.is_recording, snapshot.faults
    return hash((head, *rows))

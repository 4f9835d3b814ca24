"""The sum of ended processes, whose files have been removed.

The sum, which lists the names of its files, is written before the files are removed. So after a
crash in between, and to readers that have already read a file, it is known that the file is part
of the sum.
"""

import json
from typing import NamedTuple

from costmon.meter.figures import Snapshot
from costmon.meter.reporting.json_reader import Reading
from costmon.meter.reporting.merging import Run, current, merged, newest_recording, run_of
from costmon.meter.reporting.wire import document_of, snapshot_of

MOST_NAMES = 2_000
"""How many file names the sum keeps; far more than a reader may have read before."""

MOST_RUNS = 50
"""How many runs are kept apart; the oldest ones are added up."""


class Tombstone(NamedTuple):
    """The figures of ended processes.

    Attributes:
        names: Names of their files, the most recent ones.
        past: Their merged figures, by run and recording.
    """

    names: tuple[str, ...] = ()
    past: tuple[Snapshot, ...] = ()


def with_dead(stone: Tombstone, dead: dict[str, Snapshot]) -> Tombstone:
    """Return the sum with these files added; files that it already includes are ignored."""
    new = {name: it for name, it in dead.items() if name not in stone.names}
    if not new:
        return stone
    counted = [*stone.past, *(it._replace(processes=0) for it in new.values())]
    recording = newest_recording(counted)
    by_run: dict[Run, list[Snapshot]] = {}
    for snapshot in current(it for it in counted if it.recording == recording):
        by_run.setdefault(run_of(snapshot), []).append(snapshot)
    sums = sorted((_sum(them) for them in by_run.values()), key=lambda it: it.started_at)
    if len(sums) > MOST_RUNS:
        oldest, kept = sums[:-MOST_RUNS], sums[-MOST_RUNS:]
        # A recording that is continued again and again.
        run = kept[0].run
        parts = [it._replace(run=run, boot=str(number)) for number, it in enumerate(oldest)]
        sums = [_sum([*parts, kept[0]]), *kept[1:]]
    return Tombstone((*stone.names, *new)[-MOST_NAMES:], tuple(sums))


def _sum(snapshots: list[Snapshot]) -> Snapshot:
    # Clear the process id: otherwise it would count as an older snapshot of that process.
    return merged(snapshots)._replace(pid=0, boot="", processes=0)


def encode_tombstone(stone: Tombstone) -> bytes:
    """Return the sum as JSON."""
    runs = [document_of(it) for it in stone.past]
    return json.dumps({"names": stone.names, "runs": runs}, separators=(",", ":")).encode()


def decode_tombstone(content: bytes) -> Tombstone:
    """Parse the sum from JSON.

    Raises:
        InputError: It is not valid; the text says where.
    """
    reading = Reading.parsed(content)
    return Tombstone(
        tuple(name.text() for name in reading.member("names").entries(MOST_NAMES)),
        tuple(snapshot_of(run) for run in reading.member("runs").entries(MOST_RUNS)),
    )

"""The sum of ended processes, whose files have been removed.

The sum, which lists the names of its files, is written before the files are removed. So after a
crash in between, and to readers that have already read a file, it is known that the file is part
of the sum.
"""

import json
from typing import NamedTuple

from costmon.meter.figures import Snapshot
from costmon.meter.reporting.json_reader import Reading
from costmon.meter.reporting.merging import merged
from costmon.meter.reporting.wire import document_of, snapshot_of

MOST_NAMES = 2_000
"""How many file names the sum keeps; far more than a reader may have read before."""


class Tombstone(NamedTuple):
    """The figures of ended processes.

    Attributes:
        names: Names of their files, the most recent ones.
        past: Their merged figures; `None` if there are none.
    """

    names: tuple[str, ...] = ()
    past: Snapshot | None = None


def with_dead(stone: Tombstone, dead: dict[str, Snapshot]) -> Tombstone:
    """Return the sum with these files added; files that it already includes are ignored."""
    new = {name: it for name, it in dead.items() if name not in stone.names}
    if not new:
        return stone
    counted = [it._replace(processes=0) for it in new.values()]
    past = merged([*([stone.past] if stone.past is not None else []), *counted])
    # Clear the process id: otherwise it would count as an older snapshot of that process.
    past = past._replace(pid=0, boot="", processes=0)
    return Tombstone((*stone.names, *new)[-MOST_NAMES:], past)


def encode_tombstone(stone: Tombstone) -> bytes:
    """Return the sum as JSON."""
    past = None if stone.past is None else document_of(stone.past)
    return json.dumps({"names": stone.names, "past": past}, separators=(",", ":")).encode()


def decode_tombstone(content: bytes) -> Tombstone:
    """Parse the sum from JSON.

    Raises:
        InputError: It is not valid; the text says where.
    """
    reading = Reading.parsed(content)
    past = reading.optional("past")
    return Tombstone(
        tuple(name.text() for name in reading.member("names").entries(MOST_NAMES)),
        None if past is None else snapshot_of(past),
    )

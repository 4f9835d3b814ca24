"""The sum of processes that have ended, and whose files were removed for it.

Who removes a file has first written the sum with the file's name in it. So after a crash in between
the file is known to be in the sum, and so it is for a reader that saw the file before.
"""

import json
from typing import NamedTuple

from costmon.meter.figures import Snapshot
from costmon.meter.reporting.json_reader import Reading
from costmon.meter.reporting.merging import merged
from costmon.meter.reporting.wire import document_of, snapshot_of

MOST_NAMES = 2_000
"""Files in the sum that are remembered; far more than a reader may have seen before."""


class Tombstone(NamedTuple):
    """What ended processes have measured.

    Attributes:
        names: Of their files, the last ones.
        past: Together; `None` when there are none.
    """

    names: tuple[str, ...] = ()
    past: Snapshot | None = None


def with_dead(stone: Tombstone, dead: dict[str, Snapshot]) -> Tombstone:
    """Return the sum with these files in it; those that are in it already change nothing."""
    new = {name: it for name, it in dead.items() if name not in stone.names}
    if not new:
        return stone
    counted = [it._replace(processes=0) for it in new.values()]
    past = merged([*([stone.past] if stone.past is not None else []), *counted])
    # Of no process any more: else it would be taken for an older version of that one.
    past = past._replace(pid=0, boot="", processes=0)
    return Tombstone((*stone.names, *new)[-MOST_NAMES:], past)


def encode_tombstone(stone: Tombstone) -> bytes:
    """Return it as JSON."""
    past = None if stone.past is None else document_of(stone.past)
    return json.dumps({"names": stone.names, "past": past}, separators=(",", ":")).encode()


def decode_tombstone(content: bytes) -> Tombstone:
    """Return what a JSON text says.

    Raises:
        InputError: It is none; the text says where.
    """
    reading = Reading.parsed(content)
    past = reading.optional("past")
    return Tombstone(
        tuple(name.text() for name in reading.member("names").entries(MOST_NAMES)),
        None if past is None else snapshot_of(past),
    )

"""Save a snapshot to a file and load it again."""

from pathlib import Path

from costmon.atomic_file import replace_file
from costmon.errors import InputError
from costmon.meter.figures import Snapshot
from costmon.meter.reporting.wire import decode, encode

_LARGEST_BYTES = 64 * 1024 * 1024


def save(path: Path, snapshot: Snapshot) -> None:
    """Write a snapshot, replacing the file atomically.

    Raises:
        OSError: The file cannot be written.
    """
    replace_file(path, encode(snapshot) + b"\n")


def load(path: Path) -> Snapshot:
    """Return the snapshot in a file.

    Raises:
        InputError: It is not a recording; the text names the file.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(_LARGEST_BYTES + 1)
    if len(content) > _LARGEST_BYTES:
        raise InputError(f"{path} is not a recording: it is larger than {_LARGEST_BYTES} bytes")
    try:
        return decode(content)
    except InputError as error:
        raise InputError(f"{path} is not a recording: {error}") from error

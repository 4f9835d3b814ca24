"""Keep what was measured in a file, for another day or another machine."""

import contextlib
import os
from pathlib import Path

from costmon.errors import InputError
from costmon.meter.figures import Snapshot
from costmon.meter.reporting.wire import decode, encode

_LARGEST_BYTES = 64 * 1024 * 1024


def save(path: Path, snapshot: Snapshot) -> None:
    """Write a snapshot, replacing the file; it is there whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        new.write_bytes(encode(snapshot) + b"\n")
        new.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise


def load(path: Path) -> Snapshot:
    """Return the snapshot in a file.

    Raises:
        InputError: It is no recording; the text names the file.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(_LARGEST_BYTES + 1)
    if len(content) > _LARGEST_BYTES:
        raise InputError(f"{path} is larger than {_LARGEST_BYTES} bytes: no recording is")
    try:
        return decode(content)
    except InputError as error:
        raise InputError(f"{path} is no recording: {error}") from error

"""Keep the records that a journal could not read or write in a file beside it, for inspection.

One line of JSON for each: the record's number, why it is here, and its bytes in base64.
"""

import base64
import json
import os
import zlib
from pathlib import Path

import msgspec
import structlog

UNREADABLE = (
    msgspec.MsgspecError,
    zlib.error,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What decoding a record raises that this version cannot read."""

_MOST_BYTES = 16 * 1024 * 1024
_log = structlog.get_logger("costmon.store")


def aside_path(journal: Path) -> Path:
    """Return the file beside a journal."""
    return journal.with_name(journal.name + ".set-aside")


def set_aside(journal: Path, number: int, content: bytes, reason: str, *, records: int = 1) -> None:
    """Append a record to the file beside its journal, and log it.

    Never raises: a full disk must not stop the records that can be written. The log says whether
    the bytes were kept.

    Args:
        journal: The journal's path.
        number: The record's number; of the first one when there are several.
        content: Its bytes, as far as they are known.
        reason: Why it is set aside.
        records: How many records are lost with these bytes.
    """
    aside = aside_path(journal)
    line = json.dumps(
        {
            "number": number,
            "records": records,
            "reason": reason,
            "base64": base64.b64encode(content).decode("ascii"),
        }
    )
    _log.error(
        "store.journal_record_set_aside",
        path=str(journal),
        number=number,
        records=records,
        reason=reason,
        set_aside_in=str(aside) if _appended(aside, line.encode("ascii") + b"\n") else None,
    )


def _appended(aside: Path, line: bytes) -> bool:
    try:
        file = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError:
        return False
    try:
        size = os.fstat(file).st_size
        if size + len(line) > _MOST_BYTES:
            return False
        if os.write(file, line) != len(line):
            os.ftruncate(file, size)
            return False
        os.fsync(file)
    except OSError:
        return False
    finally:
        os.close(file)
    return True

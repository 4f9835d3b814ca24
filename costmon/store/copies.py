"""Keep the last few copies of an SQLite history beside it."""

import datetime as dt
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

_KEPT = 5
_PAGES = 2_000
"""Pages copied at a time (8 MB): a writer waits for one such step at most."""


def back_up_beside(file: Path, *, revision: str, now: dt.datetime) -> Path:
    """Copy `file` to `<file>.backup-<revision>-<UTC stamp>`; the newest five such copies stay."""
    stamp = now.astimezone(dt.UTC).strftime("%Y%m%dT%H%M%S%fZ")
    copy = file.with_name(f"{file.name}.backup-{revision}-{stamp}")
    copy_database(file, copy)
    ours = re.compile(re.escape(file.name) + r"\.backup-.+-(\d{8}T\d{12}Z)")
    copies = {found[1]: it for it in file.parent.iterdir() if (found := ours.fullmatch(it.name))}
    for _, old in sorted(copies.items())[:-_KEPT]:
        old.unlink(missing_ok=True)
    return copy


def copy_database(source: Path, target: Path) -> None:
    """Copy one consistent state of a database that others may be using.

    The copy appears under its name only when it is whole and on the disk; one file, mode 0600.
    """
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as reading,
            closing(sqlite3.connect(part)) as writing,
        ):
            reading.backup(writing, pages=_PAGES)
            # The copy brings WAL mode along, which would need two more files beside it.
            writing.execute("PRAGMA journal_mode = DELETE")
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

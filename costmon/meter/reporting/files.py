"""The folder of files through which the workers of one service share their figures.

`<pid>-<boot>.json` is a process's last snapshot, `past.json` the sum of processes that have ended,
`control.json` the control message. Damaged files are skipped, counted and logged.
"""

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from costmon.clock import EpochClock, SystemClock
from costmon.errors import InputError
from costmon.meter.figures import Snapshot
from costmon.meter.log import log
from costmon.meter.recording_control import Control
from costmon.meter.reporting.locked_file import NAME, OpenedFile
from costmon.meter.reporting.merging import worker_of
from costmon.meter.reporting.tombstone import (
    Tombstone,
    decode_tombstone,
    encode_tombstone,
    with_dead,
)
from costmon.meter.reporting.wire import decode, decode_control, encode_control

MOST_FILES = 2_000
_LITTER_S = 60.0
_SAME_TICK_S = 0.1
"""A file rewritten this quickly can look unchanged: inodes are reused, and mtime is coarse."""

_PAST, _CONTROL, _LOCK = "past.json", "control.json", "lock"
_NEW = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
_Version = tuple[int, int, int]


class Files:
    """The folder of one service, which need not exist; for one thread."""

    def __init__(self, folder: Path, *, clock: EpochClock | None = None) -> None:
        self.folder = folder
        self._clock: EpochClock = clock or SystemClock()
        self._known: dict[str, tuple[_Version, Snapshot]] = {}
        self._bad: dict[str, Exception] = {}
        self._said: set[str] = set()

    @property
    def bad(self) -> int:
        """Return the number of files that could not be read at the last attempt."""
        return len(self._bad)

    def gather(self, own: Snapshot | None = None) -> tuple[Snapshot, ...]:
        """Return the last snapshot of every process, and the sum of those whose files are gone.

        Args:
            own: Snapshot of this process, instead of its file. It is left out while it has no rows
                and others have: the master process of a server may serve the page, but is not a
                worker.

        `processes` is 0 for processes that have ended.
        """
        found = dict(self._snapshots())
        # Read after the files, so that files removed meanwhile are known to be in the sum.
        try:
            stone = self._tombstone()
        except (OSError, InputError) as error:
            self._skip(_PAST, error)
            stone = Tombstone()
        snapshots = [it for name, it in found.items() if name not in stone.names]
        if own is not None:
            snapshots = [it for it in snapshots if worker_of(it) != worker_of(own)]
            if own.routes or not snapshots:
                snapshots.append(own)
        return (*snapshots, *stone.past)

    def control(self) -> Control | None:
        """Return the control message; `None` if there is none."""
        try:
            with OpenedFile(self.folder / _CONTROL) as file:
                return decode_control(file.content())
        except FileNotFoundError:
            return None
        except (OSError, InputError) as error:
            self._skip(_CONTROL, error)
            return None

    def order(self, control: Control) -> None:
        """Write a control message, unless there is a newer one.

        Raises:
            OSError: It cannot be written.
        """
        known = self.control()
        if known is None or known.issued_at < control.issued_at:
            self._write(_CONTROL, encode_control(control))

    def fold(self) -> None:
        """Add processes that have ended to the sum of them and remove their files.

        Safe at any time and against a crash at any point; does nothing while another process does
        it.

        Raises:
            OSError: It failed; nothing is lost.
        """
        with self._locked() as is_ours:
            if not is_ours:
                return
            dead = {name: it for name, it in self._snapshots() if not it.processes}
            for name, error in tuple(self._bad.items()):
                if isinstance(error, InputError):
                    self._set_aside(name)
            stone = self._sum()
            folded = with_dead(stone, dead)
            if folded is not stone:
                self._write(_PAST, encode_tombstone(folded))
            for name in dead:
                (self.folder / name).unlink(missing_ok=True)
            self._sweep()

    def begin(self, run: str, started_at: float) -> None:
        """Remove the files of earlier runs, unless one of their processes is alive.

        A process calls this before it reports or obeys: a new start of an application begins a new
        recording.

        Args:
            run: The run of the process.
            started_at: When that run began.

        Raises:
            OSError: It failed.
        """
        if not self.folder.exists():
            return
        with self._locked(waiting=True):
            snapshots = tuple(self._snapshots())
            past = self._sum().past
            control = self.control()
            if (
                any(it.processes or it.run == run for _, it in snapshots)
                or any(it.run == run for it in past)
                or (control is not None and control.issued_at >= started_at)
            ):
                return
            for path in self.folder.glob("*.json"):
                path.unlink(missing_ok=True)

    def _snapshots(self) -> Iterator[tuple[str, Snapshot]]:
        """Yield the snapshots in all readable files; `processes` is 1 if it is alive, else 0."""
        self._bad = {}
        names = self._names()
        for name in names[MOST_FILES:]:
            self._skip(name, OSError(f"there are more than {MOST_FILES} files"))
        for name in names[:MOST_FILES]:
            try:
                found = self._snapshot(name)
            except FileNotFoundError:
                continue  # its process has ended and another one has added it to the sum
            except (OSError, InputError) as error:
                self._skip(name, error)
                continue
            yield name, found
        self._known = {name: it for name, it in self._known.items() if name in names}

    def _snapshot(self, name: str) -> Snapshot:
        with OpenedFile(self.folder / name) as file:
            is_alive = file.is_alive or not file.is_current
            version, snapshot = self._known.get(name, (None, None))
            if snapshot is None or version != file.version:
                snapshot = decode(file.content())
                self._known.pop(name, None)
                if file.modified_at < self._clock.epoch_s() - _SAME_TICK_S:
                    self._known[name] = file.version, snapshot
        return snapshot._replace(processes=int(is_alive))

    def _names(self) -> list[str]:
        try:
            with os.scandir(self.folder) as entries:
                return sorted(it.name for it in entries if NAME.fullmatch(it.name))
        except FileNotFoundError:
            return []
        except OSError as error:
            self._skip(".", error)
            return []

    def _tombstone(self) -> Tombstone:
        try:
            with OpenedFile(self.folder / _PAST) as file:
                return decode_tombstone(file.content())
        except FileNotFoundError:
            return Tombstone()

    def _sum(self) -> Tombstone:
        """Return the sum to add to; a damaged file is renamed."""
        try:
            return self._tombstone()
        except InputError as error:
            self._skip(_PAST, error)
            (self.folder / _PAST).replace(self.folder / f"{_PAST}.bad")
            return Tombstone()

    def _set_aside(self, name: str) -> None:
        """Rename the damaged file of a process that has ended."""
        path = self.folder / name
        with contextlib.suppress(FileNotFoundError), OpenedFile(path) as file:
            if not file.is_alive and file.is_current:
                path.replace(path.with_suffix(".bad"))

    def _modified_at(self, name: str) -> float:
        """Return when a file was written, in seconds since 1970; 0 if it does not exist."""
        try:
            return (self.folder / name).lstat().st_mtime
        except FileNotFoundError:
            return 0.0

    def _sweep(self) -> None:
        """Remove temporary files of processes that were killed while writing."""
        oldest_at = self._clock.epoch_s() - _LITTER_S
        for path in self.folder.glob(".*.tmp"):
            # A missing file was renamed by its writer, which may be writing the next one.
            if 0 < self._modified_at(path.name) < oldest_at:
                path.unlink(missing_ok=True)

    def _write(self, name: str, content: bytes) -> None:
        new = self.folder / f".{name}-{os.getpid()}-{threading.get_ident()}.tmp"
        try:
            with open(os.open(new, _NEW, 0o600), "wb") as stream:  # noqa: PTH123 - opens a file descriptor
                stream.write(content)
            new.replace(self.folder / name)
        except OSError:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
            raise

    @contextlib.contextmanager
    def _locked(self, *, waiting: bool = False) -> Iterator[bool]:
        """Lock the folder, or without `waiting` try to; yield whether that succeeded."""
        lock = os.open(
            self.folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if waiting else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            os.close(lock)

    def _skip(self, name: str, error: Exception) -> None:
        self._bad[name] = error
        said = f"{name}: {error}"
        if said not in self._said and len(self._said) < MOST_FILES:
            self._said.add(said)
            log().warning("skipped %s in %s: %s", name, self.folder, error)

"""Where a dashboard and the command line read what was measured, and say what they want."""

import os
import threading
from pathlib import Path
from typing import Protocol

from costmon.meter.figures import Snapshot
from costmon.meter.recording_control import Control
from costmon.meter.reporting.files import Files
from costmon.meter.reporting.folders import (
    base_folder,
    check_private,
    make_private,
    service_folder,
)
from costmon.meter.reporting.merging import presented


class Metered(Protocol):
    """One process's meter, as those see it who hand over what it has measured."""

    def snapshot(self) -> Snapshot:
        """Return everything measured so far; costs about 10 us a row."""
        ...

    def apply(self, control: Control) -> None:
        """Record or stop recording as somebody wants; what is not newer is ignored.

        A recording with another name begins anew; one that has none and began after the control
        was issued takes the name and keeps what it has counted: all of it belongs there.
        """
        ...


class Source(Protocol):
    """Services that are measured: of this process, of this machine, or of a costmon service."""

    def services(self) -> tuple[Snapshot, ...]:
        """Return what all processes of each service have measured together, by service."""
        ...

    def order(self, service: str, control: Control) -> None:
        """Let all processes of a service do this, within a second or two.

        Raises:
            OSError: Nobody could be told.
        """
        ...


class FileSource:
    """What processes of this user on this machine have written into files; for any thread."""

    def __init__(self, folder: Path | None = None, own: Metered | None = None) -> None:
        """Prepare; nothing is read yet.

        Args:
            folder: That has a folder for each service; `None`: the usual one.
            own: This process's meter: then its service alone is read, and its figures are the
                present ones. `None`: all services are.
        """
        self._base = base_folder() if folder is None else folder
        self._is_usual = folder is None
        self._own = own
        self._files: dict[str, Files] = {}
        self._lock = threading.Lock()

    def services(self) -> tuple[Snapshot, ...]:
        """Return what all processes of each service have measured together, by service.

        Raises:
            PermissionError: The usual folder is not only ours, so nothing in it can be believed.
        """
        own = None if self._own is None else self._own.snapshot()
        with self._lock:
            if self._is_usual:
                check_private(self._base)
            if own is None:
                merges = [self._merged(name) for name in self._names()]
            else:
                merges = [self._merged(service_folder(self._base, own.service).name, own)]
        return tuple(sorted(filter(None, merges), key=lambda it: it.service))

    def order(self, service: str, control: Control) -> None:
        """Let all processes of a service do this, within a second; this one at once.

        Raises:
            OSError: The file for it cannot be written.
        """
        if self._own is not None:
            self._own.apply(control)
        folder = service_folder(self._base, service)
        with self._lock:
            make_private(folder)
            self._of(folder.name).order(control)

    def _merged(self, name: str, own: Snapshot | None = None) -> Snapshot | None:
        files = self._of(name)
        snapshots = files.gather(own)
        if not snapshots:
            return None
        together = presented(snapshots, files.control())
        return together._replace(faults=together.faults + files.bad)

    def _of(self, name: str) -> Files:
        return self._files.setdefault(name, Files(self._base / name))

    def _names(self) -> list[str]:
        try:
            with os.scandir(self._base) as entries:
                return sorted(it.name for it in entries if it.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            return []

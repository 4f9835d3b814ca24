"""Sources from which a dashboard and the command line read figures and control recordings."""

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
from costmon.meter.reporting.merging import by_label, labelled, newest_run, presented


class Metered(Protocol):
    """The meter of one process, as the reporter and the dashboard use it."""

    def snapshot(self) -> Snapshot:
        """Return all figures so far; costs about 10 us per row."""
        ...

    def apply(self, control: Control) -> None:
        """Start, stop or reset the recording; older control messages are ignored.

        A recording with another name is reset. An unnamed recording that began after the control
        was issued takes the name and keeps its figures, which all belong to it.
        """
        ...


class Source(Protocol):
    """Measured services: of this process, of this machine, or of a costmon service."""

    def services(self) -> tuple[Snapshot, ...]:
        """Return the merged figures of each service, sorted by name."""
        ...

    def order(self, service: str, control: Control) -> None:
        """Send a control message to all processes of a service; takes a second or two.

        Raises:
            OSError: It could not be sent.
        """
        ...


class FileSource:
    """The files of this user's processes on this machine; thread-safe."""

    def __init__(
        self,
        folder: Path | None = None,
        own: Metered | None = None,
        *,
        newest_run: bool = False,
    ) -> None:
        """Set up the source; nothing is read yet.

        Args:
            folder: The parent of all service folders; `None`: the default one.
            own: This process's meter: then only its service is read, with its live figures.
                `None`: all services are read.
            newest_run: Whether to read only the newest run of each service.
        """
        self._base = base_folder() if folder is None else folder
        self._is_usual = folder is None
        self._own = own
        self._newest_run = newest_run
        self._files: dict[str, Files] = {}
        self._lock = threading.Lock()

    def services(self) -> tuple[Snapshot, ...]:
        """Return the merged figures of each service, sorted by name.

        Deployments with the same name in different places have their places in their names.

        Raises:
            PermissionError: Other users can write to the default folder, so it is not trusted.
        """
        return labelled(self._merges())

    def order(self, service: str, control: Control) -> None:
        """Send a control message to all processes of a service; this process applies it at once.

        Raises:
            OSError: The control file cannot be written.
        """
        if self._own is not None:
            self._own.apply(control)
        known = by_label(self._merges()).get(service)
        name, place = (service, "") if known is None else (known.service, known.options.place)
        folder = service_folder(self._base, name, place)
        with self._lock:
            make_private(folder)
            self._of(folder.name).order(control)

    def _merges(self) -> list[Snapshot]:
        own = None if self._own is None else self._own.snapshot()
        with self._lock:
            if self._is_usual:
                check_private(self._base)
            if own is None:
                merges = [self._merged(name) for name in self._names()]
            else:
                folder = service_folder(self._base, own.service, own.options.place)
                merges = [self._merged(folder.name, own)]
        return [it for it in merges if it is not None]

    def _merged(self, name: str, own: Snapshot | None = None) -> Snapshot | None:
        files = self._of(name)
        snapshots = files.gather(own)
        if not snapshots:
            return None
        if self._newest_run:
            snapshots = tuple(newest_run(snapshots))
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

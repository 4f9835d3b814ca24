"""Report to files: write this process's file, and read the control file."""

from pathlib import Path

from costmon.clock import EpochClock
from costmon.meter.figures import Snapshot
from costmon.meter.recording_control import Control
from costmon.meter.reporting.changed_rows import fingerprint
from costmon.meter.reporting.files import Files
from costmon.meter.reporting.folders import check_private, make_private, service_folder
from costmon.meter.reporting.locked_file import LockedFile
from costmon.meter.reporting.wire import RowTexts, encode

_UNCHANGED_S = 5.0
"""How often an unchanged file is rewritten: CPU time advances without requests too."""

_FOLD_S = 10.0
_AGAIN_S = 10.0
"""Pause after a failure, such as a full disk."""


class FileReporter:
    """Writes one process's figures and reads its control file; for one thread, except `forget`."""

    def __init__(self, base: Path, clock: EpochClock, texts: RowTexts) -> None:
        self._base = base
        self._texts = texts
        self._clock = clock
        self._files: Files | None = None
        self._has_begun = False
        self._own: LockedFile | None = None
        self._written: int | None = None
        self._write_after_s = self._fold_after_s = self._again_s = float("-inf")

    @property
    def holds(self) -> bool:
        """Whether this process has a file."""
        return self._own is not None

    def control(self, snapshot: Snapshot) -> Control | None:
        """Return the control message; `None` if there is none.

        Args:
            snapshot: A snapshot of this process; its first one may begin a new recording.

        Raises:
            PermissionError: Other users could have written it.
        """
        if self._clock.monotonic_s() < self._again_s:
            return None
        self._again_s = self._clock.monotonic_s() + _AGAIN_S
        check_private(self._base)
        files = self._begun(snapshot)
        self._again_s = float("-inf")
        return files.control()

    def order(self, snapshot: Snapshot, control: Control) -> None:
        """Pass on the service's control message to other workers and readers of the files.

        Raises:
            OSError: It cannot be written.
        """
        if self._clock.monotonic_s() >= self._again_s and self.holds:
            self._of(snapshot).order(control)

    def keep(self, snapshot: Snapshot, *, is_final: bool) -> None:
        """Replace this process's file if something has changed.

        Raises:
            OSError: It cannot be written; the previous version remains, if any.
        """
        now_s = self._clock.monotonic_s()
        if now_s < self._again_s and not is_final:
            return
        self._again_s = now_s + _AGAIN_S
        written = fingerprint(snapshot)
        if written != self._written or now_s >= self._write_after_s or is_final:
            self._write(snapshot)
            self._written, self._write_after_s = written, now_s + _UNCHANGED_S
        if now_s >= self._fold_after_s:
            self._of(snapshot).fold()
            self._fold_after_s = now_s + _FOLD_S
        self._again_s = float("-inf")

    def forget(self) -> None:
        """Release the parent's file, in a forked child."""
        for own in _OWN.values():
            own.forget()
        _OWN.clear()
        self._own = None

    def _write(self, snapshot: Snapshot) -> None:
        folder = service_folder(self._base, snapshot.service, snapshot.options.place)
        key = folder, snapshot.pid, snapshot.boot
        own = _OWN.get(key)
        if own is None:
            make_private(folder)
            self._begun(snapshot)
            own = _OWN[key] = LockedFile(folder, snapshot.pid, snapshot.boot)
        content = encode(snapshot, self._texts)
        try:
            own.keep(content)
        except FileNotFoundError:
            make_private(folder)  # the folder was removed meanwhile
            own.keep(content)
        self._own = own

    def _begun(self, snapshot: Snapshot) -> Files:
        """Return the files; before this process uses them, those of earlier runs are removed."""
        files = self._of(snapshot)
        if not self._has_begun:
            if not snapshot.options.continue_recording:
                files.begin(snapshot.run, snapshot.run_started_at)
            self._has_begun = True
        return files

    def _of(self, snapshot: Snapshot) -> Files:
        folder = service_folder(self._base, snapshot.service, snapshot.options.place)
        if self._files is None or self._files.folder != folder:
            self._files = Files(folder, clock=self._clock)
            self._has_begun = False
        return self._files


_OWN: dict[tuple[Path, int, str], LockedFile] = {}
"""The process's files. They stay locked until it ends, even while nothing is reported: a process
whose file is not locked counts as ended, and its figures move to the sum of ended processes."""

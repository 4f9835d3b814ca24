"""Report this process's figures about once a second, from a background thread.

They go to a file and, if one listens, to a costmon service; both return control messages. Failures
are counted, logged once and retried; they never reach a request. A process without requests is not
reported: the master process of a server is not a worker.
"""

import atexit
import os
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from time import thread_time_ns

from costmon.clock import EpochClock, SystemClock
from costmon.meter import env
from costmon.meter.log import log
from costmon.meter.recording_control import Control
from costmon.meter.reporting.delivery import Delivery
from costmon.meter.reporting.file_reporter import FileReporter
from costmon.meter.reporting.folders import base_folder
from costmon.meter.reporting.source import Metered
from costmon.meter.reporting.wire import RowTexts

THREAD = "costmon.meter.report"
INTERVAL_S = 1.0
_SHARE = 100
"""Reporting may take one hundredth of the time."""

_NS = 1_000_000_000
_AT_EXIT_S = 2.0


class Reporter:
    """Reports for one process; thread-safe, but not usable after a fork."""

    def __init__(
        self,
        source: Metered,
        *,
        fail: Callable[[str, BaseException], None] | None = None,
        folder: Path | None = None,
        socket: Path | None = None,
        clock: EpochClock | None = None,
        interval_s: float = INTERVAL_S,
    ) -> None:
        """Set up the reporter; nothing is written before `start` or `flush`.

        Args:
            source: The process's meter.
            fail: Called with each failure; `None`: log each failure once.
            folder: The parent of all service folders; `None`: the default one.
            socket: Socket of the costmon service; `None`: as the environment says.
            clock: The clock.
            interval_s: Seconds between reports; longer if a report takes long.
        """
        self._source = source
        self._fail = fail or self._log_once
        self._clock: EpochClock = clock or SystemClock()
        self._interval_s = interval_s
        path = socket or env.report_socket()
        self._texts = RowTexts()
        base = base_folder() if folder is None else folder
        self._file_reporter = FileReporter(base, self._clock, self._texts)
        self._delivery = None if path is None else Delivery(path, self._clock, self._texts)
        self._turning = threading.Lock()
        self._starting = threading.Lock()
        self._stopping = threading.Event()
        self._controlled_at = float("-inf")
        self._thread: threading.Thread | None = None
        self._is_forgotten = False
        self._said: set[str] = set()
        _REPORTERS.add(self)

    def start(self) -> None:
        """Start reporting; idempotent."""
        if self._is_forgotten:
            return
        with self._starting:
            if self._thread is not None:
                return
            self._stopping = stopping = threading.Event()
            thread = threading.Thread(target=self._run, args=(stopping,), name=THREAD, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no more threads, or the interpreter is shutting down
                self._fail("the meter's reporting thread could not be started", error)
                return
            self._thread = thread
        _report_at_end_of_child()

    def flush(self, *, is_final: bool = False) -> None:
        """Report now, in the calling thread; raises nothing.

        Args:
            is_final: Whether this is the last report of this process.
        """
        if self._is_forgotten or not self._turning.acquire(timeout=_AT_EXIT_S):
            return
        try:
            self._guarded(lambda: self._turn(is_final=is_final))
        finally:
            self._turning.release()

    def stop(self, timeout_s: float = _AT_EXIT_S) -> None:
        """Report the last figures and end the thread; `start` starts it again.

        Args:
            timeout_s: Seconds to wait for a report in progress.
        """
        if not self._is_forgotten:
            self._end(timeout_s)
            self.flush()
            self._hang_up()

    def finish(self) -> None:
        """Send the final report, when the process ends."""
        if not self._is_forgotten:
            self._end(_AT_EXIT_S)
            self.flush(is_final=True)
            self._hang_up()

    def forget(self) -> None:
        """Release the parent's resources, in a forked child; nothing is reported any more."""
        self._is_forgotten = True
        self._thread = None
        self._file_reporter.forget()
        if self._delivery is not None:
            self._delivery.forget()

    def _hang_up(self) -> None:
        if self._delivery is not None and self._turning.acquire(blocking=False):
            self._delivery.forget()
            self._turning.release()

    def _end(self, timeout_s: float) -> None:
        with self._starting:
            thread, self._thread = self._thread, None
            self._stopping.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def _run(self, stopping: threading.Event) -> None:
        while True:
            began_ns = thread_time_ns()
            self.flush()
            spent_s = (thread_time_ns() - began_ns) / _NS
            if stopping.wait(max(self._interval_s, _SHARE * spent_s)):
                return

    def _turn(self, *, is_final: bool) -> None:
        snapshot = self._source.snapshot()
        # Control messages first: a new worker belongs to the current recording, and must not be
        # reported in another one.
        if self._apply(self._guarded(lambda: self._file_reporter.control(snapshot))):
            snapshot = self._source.snapshot()
        if snapshot.routes or self._file_reporter.holds:
            self._guarded(lambda: self._file_reporter.keep(snapshot, is_final=is_final))
        delivery = self._delivery
        if delivery is not None and (snapshot.routes or delivery.is_known):
            wanted = self._guarded(lambda: delivery.hand_in(snapshot, is_final=is_final))
            if wanted is not None and self._apply(wanted):
                self._guarded(lambda: self._file_reporter.order(snapshot, wanted))

    def _apply(self, control: Control | None) -> bool:
        """Apply a control message, unless it was applied before; return whether it was new."""
        if control is None or control.issued_at <= self._controlled_at:
            return False
        self._controlled_at = control.issued_at
        self._source.apply(control)
        self._texts.forget()
        return True

    def _guarded(self, act: Callable[[], Control | None]) -> Control | None:
        """Call a function; errors must neither end the thread nor reach a request."""
        try:
            return act()
        except Exception as error:  # noqa: BLE001 - must not end the reporting thread
            self._fail("the meter's figures could not be reported", error)
            return None

    def _log_once(self, what: str, error: BaseException) -> None:
        text = f"{type(error).__name__}: {error}"
        if text not in self._said and len(self._said) < _SHARE:
            self._said.add(text)
            log().warning("%s: %s", what, text)


_REPORTERS: "weakref.WeakSet[Reporter]" = weakref.WeakSet()
"""All reporters, for hooks at fork and exit."""

_registered_in: list[int] = []


def _after_fork() -> None:
    for reporter in tuple(_REPORTERS):
        reporter.forget()
    _REPORTERS.clear()


def _at_exit() -> None:
    for reporter in tuple(_REPORTERS):
        try:
            reporter.finish()
        except (SystemExit, KeyboardInterrupt):
            # Raised by a server's signal handler during the report: send the final report anyway.
            reporter.finish()


def _report_at_end_of_child() -> None:
    """Report at the end of a child forked by multiprocessing, which skips `atexit`."""
    util = sys.modules.get("multiprocessing.util")
    if util is None or os.getpid() in _registered_in:
        return
    _registered_in.append(os.getpid())
    util.Finalize(None, _at_exit, exitpriority=100)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)

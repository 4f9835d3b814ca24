"""The demo's program: its past in the database, and its process beside the service."""

import datetime as dt
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import structlog

from costmon.bootstrap.history import SpendHistory
from costmon.clock import Clock
from costmon.demo.past import LEARNED, SCOPES, past_report
from costmon.domain.finding import Series, SpendFinding, bucket_floor
from costmon.domain.scope import GLOBAL
from costmon.domain.spend import GuardReport
from costmon.errors import StoreError, StoreUnavailableError
from costmon.state.published import Published
from costmon.store import Store
from costmon.store.spend import Position, SavedWatch, Watches

BURN_AFTER_S = 120.0
_END_S = 5.0

log = structlog.get_logger()


def begin_anew(store: Store) -> None:
    """Delete what guards reported to an earlier demo, its findings and its circuits."""
    try:
        store.forget_guards()
    except StoreError as error:
        log.warning("demo.earlier_spend_kept", error=str(error))


class DemoPast:
    """What the program's past has taught detection, made by a process beside the service.

    Args:
        bucket_s: Length of a bucket in seconds.
        clock: Tells the time.
    """

    def __init__(self, bucket_s: int, clock: Clock) -> None:
        self._bucket_s = bucket_s
        self._clock = clock
        self._was_asked = False
        self._until: dt.datetime | None = None
        self._made = tempfile.TemporaryFile()  # noqa: SIM115 - `stop` closes it
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self) -> SavedWatch:
        """Return the state of a watch that has seen the past.

        The first call comes while the service starts, which the process must not slow down: the
        second one starts it.

        Raises:
            StoreUnavailableError: It is being made, or that has failed: ask again later.
        """
        if not self._was_asked:
            self._was_asked = True
        elif self._process is None or self._until is None:
            self._start()
        elif self._process.poll() == 0:
            self._made.seek(0)
            return SavedWatch(self._until, self._made.read())
        elif self._process.returncode is not None:
            self._process = None
        raise StoreUnavailableError("the past of the demo's program is being made")

    def _start(self) -> None:
        self._until = bucket_floor(self._clock.now(), self._bucket_s)
        self._made.truncate(0)
        arguments = (str(self._bucket_s), self._until.isoformat())
        self._process = subprocess.Popen(  # noqa: S603 - no shell; our own module
            [sys.executable, "-m", "costmon.demo.past", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._made,
            start_new_session=True,
        )

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._made.close()


class DemoSpendHistory(SpendHistory):
    """Detection's part of the database, which gives the demo's program a past at first."""

    def __init__(
        self,
        store: Store,
        check: Callable[[], None],
        opened: Published[tuple[SpendFinding, ...] | None],
        *,
        past: DemoPast,
        report: Callable[[GuardReport], None],
    ) -> None:
        super().__init__(store, "detection", check, opened)
        self._past = past
        self._report = report

    def load(self) -> Watches:
        """Return what was kept; the first time, that is what the program's past has taught.

        Raises:
            StoreUnavailableError: It is being made; the next bucket asks again.
        """
        kept = super().load()
        if kept.position is not None:
            return kept
        saved = self._past.watch()
        # Nobody else spends anything: the total, the vendor and the job have cost the same.
        watches = {Series(scope, "USD"): saved for scope in (GLOBAL, *SCOPES)}
        self.save(watches, (), Position(saved.fed_until - LEARNED, saved.fed_until), ())
        self._report(past_report(saved.fed_until))
        return super().load()


class DemoProgram:
    """The process of the program that burns; it ends with this one, however that ends.

    Args:
        socket: Where its guard reports; `None`: nowhere, and it is not started.
    """

    def __init__(self, socket: Path | None) -> None:
        self._socket = socket
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; two minutes later it gets into a loop."""
        if self._socket is None:
            log.warning("demo.program_not_started", reason="there is no socket for reports")
            return
        self._process = subprocess.Popen(  # noqa: S603 - no shell; our own module
            [
                sys.executable,
                "-m",
                "costmon.demo.program",
                f"unix:{self._socket.absolute()}",
                str(BURN_AFTER_S),
            ],
            stdin=subprocess.PIPE,
            start_new_session=True,  # an interrupt from the terminal is the service's
        )
        log.info("demo.program_started", pid=self._process.pid, burns_in_s=BURN_AFTER_S)

    def stop(self) -> None:
        """Let it end."""
        if self._process is None:
            return
        try:
            self._process.communicate(timeout=_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

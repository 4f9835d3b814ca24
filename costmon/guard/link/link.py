"""The link of a guard to the service: two threads, started when needed, stopped by `close`."""

import atexit
import os
import random
import threading
import weakref
from collections.abc import Callable
from typing import NamedTuple

from costmon.clock import Clock, SystemClock
from costmon.errors import GuardError
from costmon.guard.link.address import address_of
from costmon.guard.link.door import Door, open_door
from costmon.guard.link.pace import BackOff, Pace
from costmon.guard.link.presence import Presence
from costmon.guard.link.reporter import Reporter, Wiring
from costmon.guard.link.source import Source
from costmon.guard.link.watcher import Watcher
from costmon.guard.log import log

_CUT_SHARE = 0.75
"""Share of the closing time for the last report; the rest is for the spool."""

_AT_EXIT_S = 2.0
_AT_LEAST_S = 0.1
_MOST_SAID = 20
_START_AGAIN_S = 10.0
_NEVER_S = float("inf")


class LinkNumbers(NamedTuple):
    """The status of a link.

    Attributes:
        is_lost: Whether the service does not answer.
        reason: The current failure, if any.
        revision: Of the applied policy; `None`: none was received.
        reports: Reports that the service accepted.
        rows: Rows in these reports.
        waiting: Rows that are not confirmed yet.
        set_aside: Rows and notices that the service rejected.
        given_up: Rows and notices that were dropped, because too many were pending.
        adopted: Spool files of dead guards that were taken over.
        spool_failures: How often the spool could not be used.
        spool_bad: Damaged spool files that were set aside.
    """

    is_lost: bool
    reason: str | None
    revision: str | None
    reports: int
    rows: int
    waiting: int
    set_aside: int
    given_up: int
    adopted: int
    spool_failures: int
    spool_bad: int


class Link:
    """One guard's connection to one service.

    Raises:
        InputError: The service or the token cannot be used; see `address_of`.
    """

    def __init__(
        self,
        source: Source,
        service: str,
        *,
        token: str | None = None,
        spool: str | os.PathLike[str] | None = None,
        clock: Clock,
        rng: random.Random | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._address = address_of(service, token)
        self._spool = spool
        self._clock = clock
        self._steady = SystemClock()
        self._rng = rng or random.Random()
        self._pace = pace or Pace()
        self._closed = False
        self._said: set[str] = set()
        self._until_s = _NEVER_S
        self._start_after_s = 0.0
        self._source: weakref.ref[Source] = weakref.ref(source, self._abandoned(weakref.ref(self)))
        self._build()
        _LINKS.add(self)

    @property
    def guard(self) -> str:
        """Return the random name of this guard in reports; it changes after a fork."""
        return self._reporter.guard

    @property
    def service(self) -> str:
        """Return the service's address, without secrets."""
        return str(self._address)

    def touch(self) -> None:
        """Signal that something was reserved, settled or refused: cheap, and never blocks."""
        self._reporter.touched = True
        if not self._threads:
            self._start()

    def first_policy(self, timeout_s: float) -> bool:
        """Wait for the first request of the policy; return whether there is a policy."""
        if not self._threads:
            self._start()
        self._watcher.first.wait(timeout_s)
        return self._watcher.revision is not None

    def numbers(self) -> LinkNumbers:
        """Return the link's status, without waiting."""
        reporter = self._reporter
        spool = reporter.spool
        return LinkNumbers(
            is_lost=self._presence.is_lost,
            reason=self._presence.reason,
            revision=self._watcher.revision,
            reports=reporter.delivery.reports,
            rows=reporter.delivery.rows,
            waiting=reporter.waiting,
            set_aside=reporter.delivery.set_aside,
            given_up=reporter.given_up,
            adopted=reporter.adopted,
            spool_failures=spool.failures if spool else 0,
            spool_bad=spool.bad if spool else 0,
        )

    def close(self, timeout_s: float = 3.0) -> None:
        """Send the last reports and spool the rest, within `timeout_s` seconds.

        A closed link stays closed. Requests that take too long are aborted.
        """
        with self._starting:
            self._closed = True
        until_s = self._steady.monotonic_s() + timeout_s
        self._until_s = min(self._until_s, self._steady.monotonic_s() + timeout_s * _CUT_SHARE)
        self._stopping.set()
        self._watch.set()
        self._watch_door.cut()
        threads = [each for each in self._threads if each is not threading.current_thread()]
        for thread in threads:
            thread.join(max(0.0, self._until_s - self._steady.monotonic_s()))
        self._report_door.cut()
        for thread in threads:
            thread.join(max(0.0, until_s - self._steady.monotonic_s()))
            if thread.is_alive():
                log().warning("%s did not stop within %.1f s", thread.name, timeout_s)
        _LINKS.discard(self)

    def after_fork(self) -> None:
        """Start again in a forked child: the threads and pending reports belong to the parent."""
        self._report_door.forget()
        self._watch_door.forget()
        self._reporter.forget()
        self._build()

    def _build(self) -> None:
        self._threads: tuple[threading.Thread, ...] = ()
        self._starting = threading.Lock()
        self._stopping = threading.Event()
        self._watch = threading.Event()
        self._until_s = _NEVER_S
        self._presence = Presence(self._lost, self._returned)
        self._report_door: Door = open_door(self._address, self._pace.connect_s)
        self._watch_door: Door = open_door(self._address, self._pace.connect_s)
        self._reporter = Reporter(
            Wiring(
                source=self._source,
                door=self._report_door,
                presence=self._presence,
                clock=self._clock,
                steady=self._steady,
                pace=self._pace,
                rng=self._rng,
                folder=self._spool,
            )
        )
        self._reporter.delivery.on_policy = self._nudge
        self._watcher = Watcher(
            self._source,
            self._watch_door,
            presence=self._presence,
            steady=self._steady,
            pace=self._pace,
            back_off=BackOff(
                self._pace.watch_back_off_s, self._pace.watch_last_back_off_s, self._rng
            ),
        )

    def _start(self) -> None:
        with self._starting:
            if self._threads or self._closed or self._source() is None:
                return
            if self._steady.monotonic_s() < self._start_after_s:
                return
            threads = (
                threading.Thread(target=self._run_reporter, name="costmon-guard-reporter"),
                threading.Thread(target=self._run_watcher, name="costmon-guard-watcher"),
            )
            try:
                for thread in threads:
                    thread.daemon = True
                    thread.start()
            except RuntimeError as error:
                # No more threads, or the interpreter is ending: the call continues without a link.
                log().error("the guard's link to the service cannot start: %s", error)
                self._stopping.set()
                self._watch.set()
                self._build()
                self._start_after_s = self._steady.monotonic_s() + _START_AGAIN_S
                return
            self._threads = threads

    def _run_reporter(self) -> None:
        reporter, stopping, door = self._reporter, self._stopping, self._report_door
        try:
            while not stopping.is_set() and self._source() is not None:
                if not self._survives(reporter.turn):
                    reporter.touched = True
                stopping.wait(self._pace.report_s)
            until_s = min(self._until_s, self._steady.monotonic_s() + _AT_EXIT_S)
            # Either `stopping` is set, or this is a pause.
            pause = threading.Event().wait
            self._survives(lambda: reporter.finish(until_s, pause))
        finally:
            self._survives(reporter.leave)
            door.close()

    def _run_watcher(self) -> None:
        watcher, stopping, watch = self._watcher, self._stopping, self._watch
        door = self._watch_door
        pause_s = 0.0

        def turn() -> None:
            nonlocal pause_s
            pause_s = 1.0
            pause_s = watcher.turn()

        try:
            while not stopping.is_set() and self._source() is not None:
                self._survives(turn)
                watch.wait(pause_s)
                if not stopping.is_set():
                    watch.clear()
        finally:
            door.close()

    def _survives(self, act: Callable[[], object]) -> bool:
        """Run `work`; errors must neither end the thread nor reach a call."""
        try:
            act()
        except GuardError as error:
            if self._is_new(error):
                log().warning("the guard's link: %s", error)
        except Exception as error:  # noqa: BLE001 - the outermost function of a thread in the user's process
            if self._is_new(error):
                log().exception("unexpected error in the guard's link to the service")
        else:
            return True
        return False

    def _is_new(self, error: Exception) -> bool:
        """Return whether to log this error: it may recur every second."""
        text = f"{type(error).__name__}: {error}"
        if text in self._said or len(self._said) >= _MOST_SAID:
            return False
        self._said.add(text)
        return True

    def _nudge(self, revision: str) -> None:
        if revision != self._watcher.revision:
            self._watch.set()  # ends a pause; a pending request ends by itself

    def _lost(self, reason: str) -> None:
        source = self._source()
        if source is not None:
            source.service_lost(reason)

    def _returned(self) -> None:
        source = self._source()
        if source is not None:
            source.service_returned()

    @staticmethod
    def _abandoned(link: "weakref.ref[Link]") -> Callable[[object], None]:
        def cut(_: object) -> None:
            # The garbage collector may call this at any point: take no lock here.
            abandoned = link()
            if abandoned is not None:
                abandoned._watch_door.cut()  # noqa: SLF001 - of this class

        return cut


_LINKS: "weakref.WeakSet[Link]" = weakref.WeakSet()
"""All links that are not closed, for forks and the end of the program."""


def _after_fork() -> None:
    for link in tuple(_LINKS):
        link.after_fork()


def _at_exit() -> None:
    steady = SystemClock()
    until_s = steady.monotonic_s() + _AT_EXIT_S
    for link in tuple(_LINKS):
        link.close(max(_AT_LEAST_S, until_s - steady.monotonic_s()))


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)

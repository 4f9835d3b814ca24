"""The meters of this process: one for each service whose applications run in it."""

import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from costmon.clock import SystemClock
from costmon.meter.deployment import Run, place_of_program
from costmon.meter.figures import Snapshot
from costmon.meter.hooks.callbacks import CALLBACKS
from costmon.meter.hooks.greenlets import GREENLETS
from costmon.meter.hooks.threads import THREADS
from costmon.meter.log import log
from costmon.meter.measuring.aggregate import Aggregate
from costmon.meter.measuring.gc_time import COLLECTIONS
from costmon.meter.options import Options
from costmon.meter.process_info import program_name, rss_bytes
from costmon.meter.recording_control import Control
from costmon.meter.reporting.text import place_name

if TYPE_CHECKING:
    from costmon.meter.background import Background

FIRST_RECORDING = ""
"""Name of the recording that a process begins with."""


class ProcessMeter:
    """The recording of one service in this process, its options and its background threads.

    Attributes:
        aggregate: The current recording.
        options: Options of the application; of several of one service, of the last one.
        is_loop: Whether an asyncio event loop handles the requests.
        is_running: Whether background threads run in this process; false after a fork.
        faults: Number of internal errors, which never reach the application.
    """

    def __init__(
        self,
        clock: SystemClock,
        others: "Callable[[ProcessMeter], tuple[ProcessMeter, ...]] | None" = None,
    ) -> None:
        """Set up a meter; it starts when it is configured.

        Args:
            clock: The clock.
            others: Returns the meters of the other services in this process.
        """
        self._clock = clock
        self._others_of = others
        self._lock = threading.RLock()
        self.options = Options()
        self.is_loop = False
        self.is_running = False
        self._background: Background | None = None
        self.faults = 0
        self._boot = ""
        self._seq = 0
        self._run: Run | None = None
        self._recording = FIRST_RECORDING
        self._controlled_at = 0.0
        self._begin_process()

    def configure(self, options: Options) -> None:
        """Set an application's options; figures are kept, unless they are of another service."""
        options = with_place(options)
        with self._lock:
            is_new = self.aggregate.is_empty or self._is_another(options)
            changed = options != self.options
            self.options = options
            if is_new:
                self._begin_recording()
        if changed:
            self.stop()
        self.run()

    def run(self) -> None:
        """Start the hooks and background threads in this process, unless they are running."""
        with self._lock:
            try:
                if self.options.follow_threads:
                    THREADS.install()
                if self.is_running:
                    return
                self.is_running = True
                COLLECTIONS.install()
                if self.is_loop:
                    CALLBACKS.install()
                GREENLETS.install()
                from costmon.meter.background import Background

                self._background = Background(self, self.options, self._service(), self.fail)
            except Exception as error:  # noqa: BLE001 - must not affect the application
                self.fail("the meter's background threads could not be started", error)

    def stop(self) -> None:
        """Remove the hooks and stop background threads; the next request starts them again."""
        with self._lock:
            background, self._background = self._background, None
            self.is_running = False
            if not any(other.is_running for other in self._others()):
                THREADS.remove()
                COLLECTIONS.remove()
                CALLBACKS.remove()
                GREENLETS.remove()
        if background is not None:
            background.stop()

    def flush(self) -> None:
        """Report now; for callers that know that the process is about to end."""
        background = self._background
        if background is not None:
            background.flush()

    def snapshot(self) -> Snapshot:
        """Return the figures of this process."""
        with self._lock:
            aggregate = self.aggregate
            self._seq += 1
            seq = self._seq
            if self._run is None:
                from costmon.meter import env

                self._run = env.current_run(self._clock.epoch_s())
            run = self._run
        whole, settled = aggregate.phases()
        options = self.options
        return Snapshot(
            service=self._service(),
            host=os.uname().nodename if hasattr(os, "uname") else "localhost",
            pid=os.getpid(),
            boot=self._boot,
            seq=seq,
            recording=self._recording,
            is_recording=aggregate.is_recording,
            started_at=self._started_at,
            taken_at=self._clock.epoch_s(),
            processes=1,
            threads=aggregate.most_live,
            rss_bytes=rss_bytes() // (1 + len(self._busy_others())),
            faults=self.faults,
            options=options,
            whole=whole,
            settled=settled,
            is_loop=self.is_loop or GREENLETS.is_installed,
            run=run.name,
            run_started_at=run.started_at,
        )

    def reset(self) -> None:
        """Reset the figures and begin a new recording."""
        with self._lock:
            self._begin_recording()

    def apply(self, control: Control) -> None:
        """Start, stop or reset the recording, unless a newer control was applied."""
        with self._lock:
            if control.issued_at <= self._controlled_at:
                return
            self._controlled_at = control.issued_at
            if control.recording != self._recording:
                # A process that began after the control was issued is already part of it.
                belongs = not self._recording and self._started_at >= control.issued_at
                self._recording = control.recording
                if not belongs:
                    self._begin_recording()
            if not control.is_recording:
                self.aggregate.stop()
            elif not self.aggregate.is_recording:
                self._begin_recording()

    def fail(self, what: str, error: BaseException) -> None:
        """Count an internal error, and log it with increasing intervals."""
        self.faults += 1
        # The 1st, 2nd, 4th, 8th...: a failure in every request must not fill the disk.
        if self.faults & (self.faults - 1) == 0:
            log().warning(
                "%s (%d failures so far): %s: %s", what, self.faults, type(error).__name__, error
            )

    def renew(self) -> None:
        """Start afresh in a forked child; the parent reports the figures so far."""
        self._lock = threading.RLock()
        self._background = None
        self.is_running = False
        self._begin_process()

    def _is_another(self, options: Options) -> bool:
        service = self.options.service
        return bool(service) and _key(self.options) != _key(options)

    def _others(self) -> "tuple[ProcessMeter, ...]":
        return () if self._others_of is None else self._others_of(self)

    def _busy_others(self) -> "list[ProcessMeter]":
        return [other for other in self._others() if not other.aggregate.is_empty]

    def _recordings_of_others(self) -> tuple[Aggregate, ...]:
        return tuple(other.aggregate for other in self._busy_others())

    def _service(self) -> str:
        return self.options.service or program_name(sys.argv)

    def _begin_process(self) -> None:
        self._boot = f"{int(self._clock.epoch_s() * 1000):x}-{os.urandom(4).hex()}"
        self._seq = 0
        self._run = None
        self._recording = FIRST_RECORDING
        self._controlled_at = 0.0
        self._begin_recording()

    def _begin_recording(self) -> None:
        options = self.options
        others = None if self._others_of is None else self._recordings_of_others
        self.aggregate = Aggregate(warmup_s=options.warmup_s, sample=options.sample, others=others)
        self._started_at = self._clock.epoch_s()


class Meters:
    """The meters of this process.

    Attributes:
        first: The meter of the service that was configured first.
    """

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._by_service: dict[tuple[str, str], ProcessMeter] = {}
        self.first = ProcessMeter(clock, self._others)

    def of(self, options: Options) -> ProcessMeter:
        """Return the meter of an application's service, with these options."""
        key = _key(with_place(options))
        with self._lock:
            meter = self._by_service.get(key)
            if meter is None:
                is_first = self.first not in self._by_service.values()
                meter = self.first if is_first else ProcessMeter(self._clock, self._others)
                self._by_service[key] = meter
        meter.configure(options)
        return meter

    def named(self, meter: ProcessMeter, options: Options, title: str) -> ProcessMeter:
        """Return the meter of an application whose title has become known.

        Args:
            meter: Its meter so far.
            options: Its options; a service in them takes precedence over the title.
            title: The title; empty: it has none.
        """
        if options.service:
            return meter
        with self._lock:
            place = with_place(options).place
            if title and self._by_service.get(("", place)) is meter:
                # It is this application's now; another one without a name gets its own.
                del self._by_service["", place]
                self._by_service.setdefault((title, place), meter)
        if title:
            return self.of(options._replace(service=title))
        return self.of(options) if meter.options.service else meter

    def every(self) -> tuple[ProcessMeter, ...]:
        """Return all meters, the first one first."""
        with self._lock:
            return tuple(dict.fromkeys((self.first, *self._by_service.values())))

    def stop(self) -> None:
        """Stop all meters; the next application that is configured is the first one again."""
        for meter in self.every():
            meter.stop()
        with self._lock:
            self._by_service.clear()

    def renew(self) -> None:
        """Start afresh in a forked child."""
        self._lock = threading.RLock()
        for meter in self.every():
            meter.renew()

    def _others(self, meter: ProcessMeter) -> tuple[ProcessMeter, ...]:
        # A copy: another thread may add a service.
        return tuple(it for it in {*self._by_service.copy().values()} if it is not meter)


def with_place(options: Options) -> Options:
    """Return options with a place: that of this program, if they have none."""
    if options.place:
        return options
    return options._replace(place=place_name(place_of_program(sys.argv)))


def _key(options: Options) -> tuple[str, str]:
    return options.service, options.place


METERS = Meters(SystemClock())
"""The meters of this process."""

METER = METERS.first
"""The meter of the service that was configured first."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=METERS.renew)

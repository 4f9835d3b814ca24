"""What supervision costs, and how fast it is: ratios to raw pykka, taken in one run, interleaved.

Run with `python -m benchmarks.supervision`.
"""

import gc
import os
import random
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import pykka
import structlog

from benchmarks.report import Row, print_table
from costmon.actors.backlog import MailboxRules
from costmon.actors.base import Incarnation, SupervisedActor
from costmon.actors.child import ChildSpec
from costmon.actors.restarts import RestartPolicy
from costmon.actors.system import System
from costmon.clock import SystemClock
from costmon.state.published import Published

MESSAGES = 20_000
ROUNDS = 15
CRASHES_TIMED = 1_000
CRASHES = 10_000
PATIENCE_S = 60.0
EAGER = RestartPolicy(
    max_restarts=10**9,
    period_s=0.01,  # a history of 10,000 crashes would be counted as memory left behind
    min_backoff_s=0.0,
    max_backoff_s=0.0,
    stable_after_s=0.0,
    jitter=0.0,
)


class Goal:
    """Counts messages down; set when all have come."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.reached = threading.Event()

    def count(self) -> None:
        """Count one; used by one thread."""
        self.left -= 1
        if self.left == 0:
            self.reached.set()


class RawCounter(pykka.ThreadingActor):
    """What is compared with: an actor of pykka as it comes."""

    use_daemon_thread = True

    def __init__(self, goal: Goal) -> None:
        super().__init__()
        self._goal = goal

    def on_receive(self, message: Any) -> None:
        """Count."""
        del message
        self._goal.count()


class Counter(SupervisedActor[object]):
    """The same under supervision."""

    def __init__(self, incarnation: Incarnation, goal: Goal) -> None:
        super().__init__(incarnation)
        self._goal = goal

    def handle(self, message: object) -> None:
        """Count."""
        del message
        self._goal.count()


class Stopwatch:
    """Runs from a crash to the next message that is handled."""

    def __init__(self, *, keep: bool) -> None:
        self.begun_s = 0.0
        self.laps_s: list[float] = []
        self.stopped = threading.Semaphore(0)
        self._keep = keep

    def stop(self) -> None:
        """Note the time, if it is wanted."""
        if self._keep:
            self.laps_s.append(time.perf_counter() - self.begun_s)
        self.stopped.release()


class Fragile(SupervisedActor[str]):
    """Crashes when told to."""

    def __init__(self, incarnation: Incarnation, stopwatch: Stopwatch) -> None:
        super().__init__(incarnation)
        self._stopwatch = stopwatch

    def handle(self, message: str) -> None:
        """Crash, or stop the watch."""
        if message == "crash":
            self._stopwatch.begun_s = time.perf_counter()
            raise ValueError("asked to crash")
        self._stopwatch.stop()


def _system(build: Any) -> System:
    spec = ChildSpec(
        name="c",
        build=build,
        core=True,
        policy=EAGER,
        mailbox=MailboxRules(capacity=10**6, max_deliveries=1),
    )
    system = System([spec], clock=SystemClock(), rng=random.Random(1), statuses=Published(()))
    system.start()
    return system


def _raw_s(count: int) -> float:
    goal = Goal(count)
    ref = RawCounter.start(goal)
    begun_s = time.perf_counter()
    for number in range(count):
        ref.tell(number)
    assert goal.reached.wait(PATIENCE_S)
    taken_s = time.perf_counter() - begun_s
    ref.stop()
    return taken_s / count


def _supervised_s(count: int) -> float:
    goal = Goal(count)
    system = _system(lambda incarnation: Counter(incarnation, goal))
    address = system.addresses["c"]
    begun_s = time.perf_counter()
    for number in range(count):
        address.tell(number)
    assert goal.reached.wait(PATIENCE_S)
    taken_s = time.perf_counter() - begun_s
    system.stop(PATIENCE_S)
    return taken_s / count


def _raw_latency_s(count: int) -> list[float]:
    """From telling to handling, one message at a time."""
    latencies_s: list[float] = []
    handled = threading.Semaphore(0)

    class Noting(pykka.ThreadingActor):
        use_daemon_thread = True

        def on_receive(self, message: Any) -> None:
            latencies_s.append(time.perf_counter() - message)
            handled.release()

    ref = Noting.start()
    for _ in range(count):
        ref.tell(time.perf_counter())
        assert handled.acquire(timeout=PATIENCE_S)
    ref.stop()
    return latencies_s


def _crash(count: int, stopwatch: Stopwatch) -> None:
    system = _system(lambda incarnation: Fragile(incarnation, stopwatch))
    address = system.addresses["c"]
    for _ in range(count):
        address.tell("crash")
        address.tell("next")
        assert stopwatch.stopped.acquire(timeout=PATIENCE_S)
    system.stop(PATIENCE_S)


def _rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _tell_rows() -> list[Row]:
    ratios, raws, ours = [], [], []
    for _ in range(ROUNDS):
        raw_s, our_s = _raw_s(MESSAGES), _supervised_s(MESSAGES)
        raws.append(raw_s)
        ours.append(our_s)
        ratios.append(our_s / raw_s)
    ratio = statistics.median(ratios)
    return [
        Row(
            name="supervised tell / raw pykka tell",
            measured=f"{ratio:.2f}x",
            goal="<= 2x",
            met=ratio <= 2,
            note=(
                f"{statistics.median(ours) * 1e6:.2f} us / {statistics.median(raws) * 1e6:.2f} us "
                f"per message, median of {ROUNDS} pairs of {MESSAGES:,}"
            ),
        )
    ]


def _restart_rows() -> list[Row]:
    raw_s = _percentile(_raw_latency_s(CRASHES_TIMED), 0.5)
    stopwatch = Stopwatch(keep=True)
    _crash(CRASHES_TIMED, stopwatch)
    restarts_s = stopwatch.laps_s
    middle_s, slow_s = _percentile(restarts_s, 0.5), _percentile(restarts_s, 0.99)
    return [
        Row(
            name="crash to next message handled, p99",
            measured=f"{slow_s * 1e3:.2f} ms",
            goal="<= 5 ms",
            met=slow_s <= 5e-3,
            note=f"without back-off, {CRASHES_TIMED:,} crashes, max {max(restarts_s) * 1e3:.2f} ms",
        ),
        Row(
            name="crash to next message / raw tell, p50",
            measured=f"{middle_s / raw_s:.1f}x",
            goal="<= 100x",
            met=middle_s / raw_s <= 100,
            note=f"{middle_s * 1e6:.0f} us / {raw_s * 1e6:.0f} us",
        ),
    ]


def _leak_rows() -> list[Row]:
    _crash(CRASHES // 10, Stopwatch(keep=False))  # warms up the allocator and thread stacks
    gc.collect()
    threads, rss = threading.active_count(), _rss_bytes()
    _crash(CRASHES, Stopwatch(keep=False))
    gc.collect()
    threads_after, rss_after = threading.active_count(), _rss_bytes()
    grown = (rss_after - rss) / 2**20
    return [
        Row(
            name=f"threads left by {CRASHES:,} crashes",
            measured=str(threads_after - threads),
            goal="0",
            met=threads_after == threads,
            note=f"{threads} before, {threads_after} after",
        ),
        Row(
            name=f"memory left by {CRASHES:,} crashes",
            measured=f"{grown:+.2f} MiB",
            goal="<= 1 MiB",
            met=grown <= 1,
            note=f"RSS {rss / 2**20:.1f} MiB before, {rss_after / 2**20:.1f} MiB after",
        ),
    ]


def _quiet(*_: object) -> Any:
    raise structlog.DropEvent


def main() -> list[Row]:
    """Measure everything; takes about half a minute."""
    structlog.configure(processors=[_quiet])
    try:
        return [*_tell_rows(), *_restart_rows(), *_leak_rows()]
    finally:
        structlog.reset_defaults()


if __name__ == "__main__":
    print_table(main())

"""One campaign: processes and threads on one store, killed and replaced; then all is counted."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from tests.guard.torture import checker, course
from tests.guard.torture.shared import SKEWS_S, Mover, PinnedClock, Shared, start_moved_s
from tests.guard.torture.witness import Testimony
from tests.guard.torture.worker import torment


class Plan(NamedTuple):
    """How much of it.

    Attributes:
        operations: Of all processes together.
        processes: 0 for threads of this process alone, as a store in memory needs it.
        threads: In each process.
        kills: How many processes get SIGKILL.
        move_every_s: How often the wall clock is moved.
    """

    operations: int
    processes: int
    threads: int
    kills: int
    move_every_s: float


def run(url, plan, folder, seed):
    """Return the report of a campaign on the store at `url`."""
    folder = Path(folder)
    logs = folder / "logs"
    logs.mkdir(parents=True)
    (folder / "pool").touch()
    shared = Shared(folder / "shared")
    shared.move(start_moved_s())
    clock = PinnedClock(shared)
    rng = random.Random(seed)
    started_s = time.monotonic()
    with course.open_guard(url, clock, random.Random(seed)) as guard:
        course.prepare(guard)
        mover = Mover(shared, random.Random(f"{seed}/mover"), plan.move_every_s, logs / "mover.log")
        mover.start()
        try:
            if plan.processes:
                killed, faults = _processes(url, plan, folder, seed, rng, shared)
            else:
                killed, faults = 0, in_threads(guard, clock, shared, plan, folder, seed)
        finally:
            mover.stop()
        took_s = time.monotonic() - started_s
        time.sleep(course.LONGEST_TTL_S + 0.1)
        testimony = Testimony().read(logs)
        report = checker.check(testimony, guard, clock)
    shared.close()
    first = {
        "store": url.partition(":")[0],
        "seed": seed,
        "processes x threads": f"{max(1, plan.processes)} x {plan.threads}",
        "processes killed": killed,
        "wall clock moved": f"{mover.moves} times, {mover.steps_back} of them back",
        "seconds": round(took_s, 1),
        "operations a second": round(testimony.operations / took_s),
    }
    report.figures = first | report.figures
    report.must_be_zero("threads that raised", len(faults), "\n".join(faults))
    return report


def _places(url, plan, folder, index, incarnation):
    threads = plan.threads
    quota = plan.operations // (max(1, plan.processes) * threads)
    return [
        {
            "url": url,
            "slot": index * threads + number,
            "quota": quota,
            "activity": f"w{index}i{incarnation}",
            "pool": str(folder / "pool"),
            "logs": str(folder / "logs"),
            "index": index if number == 0 else None,
            "workers": max(1, plan.processes),
        }
        for number in range(threads)
    ]


def in_threads(guard, clock, shared, plan, folder, seed):
    """Work in threads of this process; return what went wrong."""
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(0.000_1)
    try:
        return torment(guard, clock, shared, _places("memory://", plan, folder, 0, 0), seed)
    finally:
        sys.setswitchinterval(interval_s)


class _Worker:
    """One process, and those that replaced it."""

    def __init__(self, url, plan, folder, index, seed):
        self._told = {"url": url, "shared": str(folder / "shared"), "seed": seed}
        self._plan, self._folder, self._index = plan, folder, index
        self._incarnation = 0
        self.faults = []
        self._start()

    def _start(self):
        told = self._told | {
            "skew_s": SKEWS_S[self._index % len(SKEWS_S)],
            "places": _places(
                self._told["url"], self._plan, self._folder, self._index, self._incarnation
            ),
        }
        self._errors = self._folder / f"errors-{self._index}-{self._incarnation}"
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.guard.torture.worker", json.dumps(told)],
                stderr=errors,
            )

    def is_over(self):
        return self._process.poll() is not None

    def kill(self):
        """Kill it at whatever it does, and start another one in its place."""
        if self.is_over():
            return False
        self._process.send_signal(signal.SIGKILL)
        killed = self._process.wait() == -signal.SIGKILL
        self._incarnation += 1
        if killed:
            self._start()
        return killed

    def finish(self):
        if self._process.wait() != 0:
            self.faults.append(f"worker {self._index}:\n{self._errors.read_text()[-4000:]}")

    def end(self):
        self._process.kill()
        self._process.wait()


def _processes(url, plan, folder, seed, rng, shared):
    workers = [_Worker(url, plan, folder, index, seed) for index in range(plan.processes)]
    killed = 0
    try:
        # A kill after each so-and-so-many operations, wherever the processes are by then.
        dues = sorted(rng.randrange(plan.operations * 9 // 10) for _ in range(plan.kills))
        while not all(worker.is_over() for worker in workers):
            while dues and shared.total() >= dues[0]:
                dues.pop(0)
                time.sleep(rng.random() * 0.02)
                killed += rng.choice(workers).kill()
            time.sleep(0.005)
        for worker in workers:
            worker.finish()
    finally:
        for worker in workers:
            worker.end()
    return killed, [fault for worker in workers for fault in worker.faults]

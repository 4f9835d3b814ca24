"""Burn a known amount of CPU, and keep what each route really burned: the truth to compare with."""

import hashlib
import threading
import time
from collections import Counter

_BLOCK = b"x" * 65_536


class Truth:
    """What handlers themselves have timed, in ns of CPU by route.

    Every burn happens within one step on one thread, so that the thread's own clock is exact. The
    amount is set by a number of turns of a loop that was timed once: what was asked for is known
    before, what was used is measured where it happens, and both can be told.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns_per_ms = _calibrated(_spin)
        self._blocks_per_ms = _calibrated(_hash)
        self.cpu_ns: Counter[str] = Counter()
        self.asked_ns: Counter[str] = Counter()

    def burn(self, route: str, ms: float) -> None:
        """Hold the interpreter's lock and a processor for about `ms`."""
        self._timed(route, ms, lambda: _spin(int(ms * self._turns_per_ms)))

    def digest(self, route: str, ms: float) -> None:
        """Burn about `ms` with the interpreter's lock released."""
        self._timed(route, ms, lambda: _hash(int(ms * self._blocks_per_ms) or 1))

    def clear(self) -> None:
        """Forget what was burned so far."""
        with self._lock:
            self.cpu_ns.clear()
            self.asked_ns.clear()

    def _timed(self, route, ms, burn):
        began_ns = time.thread_time_ns()
        burn()
        taken_ns = time.thread_time_ns() - began_ns
        with self._lock:
            self.cpu_ns[route] += taken_ns
            self.asked_ns[route] += int(ms * 1e6)


def _spin(turns):
    number = 0
    for turn in range(turns):
        number ^= turn
    return number


def _hash(blocks):
    digest = hashlib.sha256()
    for _ in range(blocks):
        digest.update(_BLOCK)


def _calibrated(burn):
    """Return the turns that take a millisecond of CPU here, by the best of several tries."""
    count = 16
    while True:
        best_ns = min(_cpu_ns(burn, count) for _ in range(5))
        if best_ns > 2_000_000:
            return count / (best_ns / 1e6)
        count *= 2


def _cpu_ns(burn, count):
    began_ns = time.thread_time_ns()
    burn(count)
    return time.thread_time_ns() - began_ns

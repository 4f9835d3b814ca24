"""What all processes of a campaign share: the time that is told them, and how much is done."""

import datetime as dt
import mmap
import struct
import threading
import time

from tests.guard.torture.course import ZONE
from tests.guard.torture.witness import Witness

SKEWS_S = (0.0, 0.0, 0.0, 1.5, -2.0, 20.0, -45.0, 0.3)
"""How far each process's wall clock is from the others'."""
_SLOTS = 256
_DAY_S = 86_400.0


class Shared:
    """A page of memory in a file: how far the wall clock was moved, and operations by slot."""

    def __init__(self, path):
        if not path.exists():
            path.write_bytes(bytes(8 * (_SLOTS + 1)))
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), 8 * (_SLOTS + 1))

    def moved_s(self):
        return struct.unpack_from("d", self._page, 0)[0]

    def move(self, seconds):
        struct.pack_into("d", self._page, 0, seconds)

    def done(self, slot):
        return struct.unpack_from("q", self._page, 8 * (slot + 1))[0]

    def count(self, slot, done):
        struct.pack_into("q", self._page, 8 * (slot + 1), done)

    def total(self):
        return sum(map(self.done, range(_SLOTS)))

    def close(self):
        self._page.close()


class PinnedClock:
    """Real monotonic time, and a wall clock that stands still during one operation of a thread."""

    def __init__(self, shared, skew_s=0.0):
        self._shared = shared
        self._here = threading.local()
        self.skew_s = skew_s

    def pin(self):
        """Take the time that this thread's next operation is told; return it."""
        self._here.wall_s = time.time() + self._shared.moved_s() + self.skew_s
        return self._here.wall_s

    def pin_at(self, wall_s):
        self._here.wall_s = wall_s

    def epoch_s(self):
        try:
            return self._here.wall_s
        except AttributeError:
            return self.pin()

    def now(self):
        return dt.datetime.fromtimestamp(self.epoch_s(), dt.UTC)

    def monotonic_s(self):
        return time.monotonic()


def start_moved_s():
    """Return by how much to move the clock so that a month ends soon."""
    from zoneinfo import ZoneInfo

    real_s = time.time()
    ends = dt.datetime.fromtimestamp(real_s + 40 * _DAY_S, ZoneInfo(ZONE)).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    return ends.timestamp() - real_s - 1.5 * _DAY_S


class Mover(threading.Thread):
    """Moves everybody's wall clock: forward mostly, over period ends, and sometimes back."""

    def __init__(self, shared, rng, every_s, log):
        super().__init__(name="torture.mover", daemon=True)
        self._shared = shared
        self._log = Witness(log)
        self._rng = rng
        self._every_s = every_s
        self._leaving = threading.Event()
        self._from_s = shared.moved_s()
        self._most_s = self._from_s + 30 * _DAY_S
        self.moves = self.steps_back = 0

    def stop(self):
        self._leaving.set()
        self.join()
        self._log.close()

    def run(self):
        while not self._leaving.wait(self._every_s):
            moved_s = self._next(self._shared.moved_s())
            self._log.before("w", time.time() - time.monotonic() + moved_s + max(SKEWS_S))
            self._shared.move(moved_s)
            self.moves += 1

    def _next(self, moved_s):
        draw = self._rng.random()
        if draw < 0.5:
            moved_s += self._rng.uniform(0, 900)
        elif draw < 0.65:
            moved_s += self._rng.uniform(0, 30)
        elif draw < 0.8:
            # Just before the next hour, which real time then ends.
            now_s = time.time() + moved_s
            moved_s += 3600 - now_s % 3600 - self._every_s * self._rng.random()
        elif draw < 0.84:
            now_s = time.time() + moved_s
            moved_s += 18_000 + _DAY_S - now_s % _DAY_S - 1
        else:
            back_s = self._rng.choice([0.5, 5, 90, 2000, 4000, 40_000])
            moved_s -= back_s
            self.steps_back += 1
        return min(max(moved_s, self._from_s), self._most_s)

"""Threads that reserve, settle, release, renew, lose, repeat, read and change settings at random.

Each of them also is another program for a while, now and then.

`python -m tests.guard.torture.worker JSON` is one process of a campaign.
"""

import contextlib
import json
import random
import sys
import threading
import traceback
from collections import deque
from pathlib import Path
from typing import Any

from costmon.guard import CallRefused, GuardStoreError, LeaseError
from tests.guard.torture import course
from tests.guard.torture.shared import PinnedClock, Shared
from tests.guard.torture.witness import Witness

_OPEN = 5
"""How many leases a thread has in flight."""


class Torturer:
    """One thread's work: `quota` operations, counted in `slot` of the shared page."""

    def __init__(self, guard, clock, shared, place, seed):
        self._guard = guard
        self._url = place["url"]
        self._program = 0
        self._clock = clock
        self._shared = shared
        self._slot = place["slot"]
        self._quota = place["quota"]
        self._activity = place["activity"]
        self._name = f"{place['activity']}-{place['slot']}"
        self._pool = Path(place["pool"])
        # Leases that are handed over are ended by the first thread of one process.
        self._index, self._workers = place["index"], place["workers"]
        self._rng = random.Random(f"{seed}/{self._name}")
        self._log = Witness(Path(place["logs"]) / f"{self._name}.log")
        self._held: deque[Any] = deque()
        self._over: deque[Any] = deque(maxlen=50)
        self._late: deque[Any] = deque()
        self._keys: deque[Any] = deque(maxlen=50)
        self._read = 0
        self._doing = (
            *((self._settle, 30), (self._release, 7), (self._renew, 5), (self._lose, 4)),
            *((self._again, 4), (self._keep, 2), (self._settle_late, 2), (self._repeat, 3)),
            *((self._misuse, 0.5), (self._hand_over, 2), (self._take_over, 2)),
            *((self._look, 0.4), (self._change, 0.15), (self._reset, 0.1), (self._visit, 0.1)),
        )

        self._visiting = (
            *((self._settle, 10), (self._release, 3), (self._renew, 2), (self._hand_over, 1)),
            *((self._again, 1), (self._repeat, 1), (self._look, 2), (self._change, 0.1)),
        )

    def run(self):
        before = self._shared.done(self._slot)
        try:
            self._visit()
            self._clock.pin()
            self._reset()
            while before + self._log.number < self._quota:
                self._act(self._doing)
                self._shared.count(self._slot, before + self._log.number)
        finally:
            self._log.close()

    def _act(self, doing):
        self._clock.pin()
        if len(self._held) < _OPEN and self._rng.random() < 0.6:
            self._reserve()
        else:
            actions, weights = zip(*doing, strict=True)
            self._rng.choices(actions, weights)[0]()

    def _reserve(self, key=None):
        rng = self._rng
        number = rng.randrange(len(course.CHAINS))
        nano = rng.randrange(1_000_000, 30_000_000)
        if key is None and rng.random() < 0.05:
            key = f"{self._name}-{rng.getrandbits(60):x}"
        ttl = rng.choice(course.TTLS)
        self._ask(number, nano, ttl, key, self._clock.epoch_s())

    def _ask(self, number, nano, ttl, key, wall_s):
        self._log.before("r", number, nano, repr(wall_s), key or "-", self._program)
        try:
            lease = self._guard.reserve(
                course.CHAINS[number],
                course.text(nano),
                ttl=ttl,
                key=key,
                activity=self._activity,
            )
        except CallRefused as refused:
            self._log.after("N", refused.reason)
            return
        except GuardStoreError:
            self._log.after("E")
            return
        self._log.after("G", lease.id)
        if key is not None:
            self._keys.append((number, nano, key, wall_s, lease.id))
        self._held.append((lease, nano))

    def _settle(self):
        if self._held:
            self._end(*self._taken())

    def _taken(self):
        place = self._rng.randrange(len(self._held))
        taken = self._held[place]
        del self._held[place]
        return taken

    def _end(self, lease, nano):
        draw = self._rng.random()
        if draw < 0.3:
            actual = nano
        elif draw < 0.95:
            actual = self._rng.randrange(nano + 1)
        else:
            actual = nano * self._rng.randrange(1, 4)
        self._settle_at(lease, actual)
        self._over.append((lease, nano))

    def _settle_at(self, lease, actual):
        size = self._rng.randrange(2000)
        self._log.before("s", lease.id, actual, size)
        lease.settle(course.text(actual), bytes_in=size, failed=size % 7 == 0)
        self._log.after("S")

    def _release(self):
        if self._held:
            lease, nano = self._taken()
            self._log.before("l", lease.id)
            lease.release()
            self._log.after("L")
            self._over.append((lease, nano))

    def _renew(self):
        if self._held:
            lease, _ = self._held[-1]
            self._log.before("o")
            with contextlib.suppress(LeaseError):
                lease.renew(self._rng.choice(course.TTLS))
            self._log.after("O")

    def _lose(self):
        if self._held:
            self._taken()

    def _keep(self):
        if self._held:
            lease, nano = self._taken()
            self._late.append((self._clock.monotonic_s() + 1.0, lease, nano))

    def _settle_late(self):
        if self._late and self._late[0][0] < self._clock.monotonic_s():
            _, lease, nano = self._late.popleft()
            self._end(lease, nano)

    def _again(self):
        """End what is over in another way: nothing may happen."""
        if self._over:
            lease, nano = self._rng.choice(self._over)
            self._log.before("o")
            if self._rng.random() < 0.3:
                lease.release()
            else:
                lease.settle(course.text(nano * 2), bytes_in=10**6)
            self._log.after("O")

    def _repeat(self):
        """Reserve with a key that has a lease: the same one comes back."""
        if self._keys:
            number, nano, key, wall_s, _ = self._rng.choice(self._keys)
            # As another thread did just now: the witness knows one time for it.
            before = len(self._held)
            self._ask(number, nano, 1.0, key, wall_s)
            while len(self._held) > before:
                self._held.pop()

    def _misuse(self):
        if self._keys:
            number, _, key, _, _ = self._rng.choice(self._keys)
            self._log.before("o")
            try:
                self._guard.reserve(
                    course.CHAINS[number - 1], "0.001", key=key, activity=self._activity
                )
            except (LeaseError, CallRefused):
                self._log.after("O")
            else:
                raise AssertionError(f"{key} is a call of two chains")

    def _hand_over(self):
        """Let another process end a lease."""
        if self._held:
            lease, nano = self._taken()
            with self._pool.open("a") as pool:
                pool.write(f"{lease.id} {nano}\n")

    def _take_over(self):
        if self._index is None:
            return
        with self._pool.open() as pool:
            pool.seek(self._read)
            text = pool.read()
        whole = text[: text.rfind("\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            lease_id, nano = line.split()
            if sum(lease_id.encode()) % self._workers != self._index:
                continue
            try:
                lease = self._guard.lease(lease_id)
            except LeaseError:
                continue
            self._end(lease, int(nano))

    def _look(self):
        """Read figures, with and without a budget."""
        rng = self._rng
        self._log.before("o", repr(self._clock.epoch_s()))
        scope = rng.choice((*rng.choice(course.CHAINS), "global"))
        for period in (None, rng.choice(course.PERIODS)):
            spent, held = self._guard.spent(scope, period), self._guard.held(scope, period)
            remaining = self._guard.remaining(scope, period)
            assert min(spent, held, remaining or 0) >= 0, (scope, period, spent, held, remaining)
        if rng.random() < 0.1:
            self._guard.status()
        self._log.after("O")

    def _reset(self):
        scope, period = self._rng.choice(course.RESET)
        self._log.before("z", scope, period, repr(self._clock.epoch_s()))
        try:
            assert self._guard.reset(scope, period) >= 0
        except GuardStoreError:
            return
        self._log.after("Z")

    def _visit(self):
        """Be another program for some operations, with budgets of its own and the same store."""
        own = self._guard, self._held, self._over
        store = own[0].store if self._url == "memory://" else self._url
        self._program = self._rng.randrange(1, len(course.PROGRAMS))
        with course.open_guard(store, self._clock, self._rng, self._program) as guard:
            self._guard, self._held, self._over = guard, deque(), deque(maxlen=50)
            try:
                for _ in range(self._rng.randrange(1, 20)):
                    self._act(self._visiting)
                while self._held:
                    self._clock.pin()
                    self._rng.choice((self._settle, self._hand_over, self._lose))()
            finally:
                self._guard, self._held, self._over = own
                self._program = 0

    def _change(self):
        change = self._rng.choice(course.CHANGES)
        self._log.before("c", change.what, change.name, change.value)
        try:
            course.apply(self._guard, change)
        except GuardStoreError:
            return
        self._log.after("C")


def torment(guard, clock, shared, places, seed):
    """Work in one thread for each place; return what went wrong."""
    faults = []

    def work(torturer):
        try:
            torturer.run()
        except BaseException:
            faults.append(traceback.format_exc())

    threads = [
        threading.Thread(target=work, args=(Torturer(guard, clock, shared, place, seed),))
        for place in places
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults


def main(text):
    told = json.loads(text)
    sys.setswitchinterval(0.000_5)
    shared = Shared(Path(told["shared"]))
    clock = PinnedClock(shared, told["skew_s"])
    with course.open_guard(told["url"], clock, random.Random(told["seed"])) as guard:
        faults = torment(guard, clock, shared, told["places"], told["seed"])
    sys.stderr.write("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

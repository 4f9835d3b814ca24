"""Counts of refusals, the latest refusals, and notices for users."""

import datetime as dt
import itertools
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from costmon.clock import EpochClock
from costmon.guard.errors import CallRefused
from costmon.guard.log import log

if TYPE_CHECKING:  # 2 ms that most programs do not need
    from costmon.domain.spend import Notice, NoticeKind, RefusalCount, RefusalNote

_REFUSALS = 200
_NOTICES = 200
_SAID = 10_000
_SCOPES = 10_000
_OTHER = "(other)"
_QUIET_S = 3600
"""Users are notified of a scope's refusals for one reason at most once in this time."""

Subscriber = Callable[["Notice"], None]


class Tally:
    """How often one scope was refused for one reason, and when users were last notified.

    Attributes:
        tick: Adds one, without a lock: `next` of an iterator is atomic.
        quiet_until_s: No further notice before this time, seconds since 1970.
    """

    __slots__ = ("_looks", "_numbers", "quiet_until_s", "tick")

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._looks = 0
        self.tick = self._numbers.__next__
        self.quiet_until_s = float("-inf")

    def count(self) -> int:
        """Return how often `tick` was called; not by two threads at once."""
        count = self.tick() - self._looks
        self._looks += 1
        return count


class Notices:
    """Counts every refusal, keeps the latest, and sends each notice once."""

    def __init__(self, clock: EpochClock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._tallies: defaultdict[str, dict[str, Tally]] = defaultdict(dict)
        # Not the errors themselves: their tracebacks would keep the frames of the caller alive.
        self._refusals: deque[tuple[float, type[CallRefused], tuple[Any, ...]]] = deque(
            maxlen=_REFUSALS
        )
        self.remember = self._refusals.append
        self._notices: deque[tuple[int, Notice]] = deque(maxlen=_NOTICES)
        self._number = 0
        self._said: dict[object, None] = {}
        self._subscribers: tuple[Subscriber, ...] = ()

    def refuse(self, refused: CallRefused, reason: str, scope: str, at_s: float) -> bool:
        """Count and keep a refusal; return whether users should be notified.

        Reason and scope are those of the refusal; reading them again would cost time.
        """
        self.remember((at_s, refused.__class__, refused.args))
        tally = self.tallies(reason).get(scope)
        if tally is None:
            tally = self._new_tally(reason, scope)
        tally.tick()
        if tally.quiet_until_s - _QUIET_S <= at_s < tally.quiet_until_s:
            return False
        tally.quiet_until_s = at_s + _QUIET_S
        return True

    def count(self, reason: str, scope: str) -> None:
        """Count a refusal that was raised as another error."""
        tally = self._tallies[reason].get(scope) or self._new_tally(reason, scope)
        tally.tick()

    def tallies(self, reason: str) -> "dict[str, Tally]":
        """Return the tallies of one reason by scope: always the same dictionary, read-only."""
        return self._tallies[reason]

    def refused(self) -> "tuple[RefusalCount, ...]":
        """Return the counts since the guard was made, the highest first."""
        from costmon.domain.spend import RefusalCount

        with self._lock:
            counts = [
                RefusalCount(scope, reason, tally.count())
                for reason, tallies in self._tallies.items()
                for scope, tally in tallies.items()
            ]
        return tuple(sorted(counts, key=lambda count: count.refused, reverse=True))

    def _new_tally(self, reason: str, scope: str) -> "Tally":
        with self._lock:
            tallies = self._tallies[reason]
            return tallies.setdefault(scope if len(tallies) < _SCOPES else _OTHER, Tally())

    def refusals(self, limit: int) -> "tuple[RefusalNote, ...]":
        """Return the latest refusals, newest first."""
        from costmon.domain.spend import RefusalNote

        with self._lock:
            # Copied in one step: other threads append without the lock.
            latest = list(self._refusals)[: -limit - 1 : -1]
        again = [(at_s, kind(*args)) for at_s, kind, args in latest]
        return tuple(
            RefusalNote(
                at=dt.datetime.fromtimestamp(at_s, dt.UTC),
                scope=refused.scope,
                reason=refused.reason,
                text=str(refused),
            )
            for at_s, refused in again
        )

    def tell(self, kind: "NoticeKind", scope: str, text: str, *, once: object = None) -> None:
        """Log and keep a notice and call the subscribers; not twice for the same `once`.

        If a subscriber raises, that is logged, and affects neither the call nor other subscribers.
        """
        import uuid

        from costmon.domain.spend import Notice

        with self._lock:
            if once is not None:
                if once in self._said:
                    return
                if len(self._said) >= _SAID:
                    del self._said[next(iter(self._said))]
                self._said[once] = None
            self._number += 1
            notice = Notice(uuid.uuid4().hex, self._clock.now(), kind, scope, text)
            self._notices.append((self._number, notice))
        log().warning("%s", text)
        for subscriber in self._subscribers:
            try:
                subscriber(notice)
            except Exception:  # noqa: BLE001 - it is the user's code, and may raise anything
                log().exception("a subscriber of the guard failed")

    def notices_after(self, number: int) -> "list[tuple[int, Notice]]":
        """Return the kept notices numbered above `number`, in order."""
        with self._lock:
            return [item for item in self._notices if item[0] > number]

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` with every notice from now on, in the thread that caused it."""
        with self._lock:
            self._subscribers = (*self._subscribers, subscriber)

"""What a guard remembers of refusals and of what people should know."""

import datetime as dt
import itertools
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from costmon.clock import EpochClock
from costmon.guard.errors import CallRefused
from costmon.guard.log import log

if TYPE_CHECKING:  # 2 ms, for who only calls
    from costmon.domain.spend import Notice, NoticeKind, RefusalCount, RefusalNote

_REFUSALS = 200
_NOTICES = 200
_SAID = 10_000
_SCOPES = 10_000
_OTHER = "(other)"
_QUIET_S = 3600
"""People are told of a scope's refusals for one reason once in so many seconds."""

Subscriber = Callable[["Notice"], None]


class Tally:
    """How often one scope was refused for one reason, and when people were last told.

    Attributes:
        tick: Counts one more, without a lock: the next of an iterator is one step.
        quiet_until_s: People are not told again before, seconds since 1970.
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
    """Counts every refusal, keeps the latest, and tells each piece of news once."""

    def __init__(self, clock: EpochClock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
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
        """Count a refusal and remember it; say whether people should be told of it.

        Reason and scope are the refusal's own, which the caller has at hand.
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
        """Count a refusal that another error has told of."""
        tally = self._tallies[reason].get(scope) or self._new_tally(reason, scope)
        tally.tick()

    def tallies(self, reason: str) -> "dict[str, Tally]":
        """Return the tallies of one reason by scope: always the same dictionary, to be read."""
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
            # Copied in one step: other threads remember without the lock.
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
        """Log a notice, remember it and tell who subscribed; nothing when `once` was told before.

        A subscriber that raises is logged, and harms neither the call nor the other subscribers.
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
        """Return the remembered notices numbered above `number`, in order."""
        with self._lock:
            return [item for item in self._notices if item[0] > number]

    def subscribe(self, subscriber: Subscriber) -> None:
        """Tell `subscriber` every notice from now on, in the thread that caused it."""
        with self._lock:
            self._subscribers = (*self._subscribers, subscriber)

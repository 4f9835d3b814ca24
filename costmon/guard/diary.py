"""What a guard remembers of refusals and of what people should know."""

import datetime as dt
import threading
from collections import Counter, deque
from collections.abc import Callable
from itertools import islice
from typing import Any

from costmon.clock import EpochClock
from costmon.domain.spend import Notice, NoticeKind, RefusalCount, RefusalNote
from costmon.guard.errors import CallRefused
from costmon.guard.log import log

_REFUSALS = 200
_NOTICES = 200
_SAID = 10_000
_SCOPES = 10_000
_TELL_AGAIN_S = 3600
"""People are told of a scope's refusals for one reason once in so many seconds."""

Subscriber = Callable[[Notice], None]


class Diary:
    """Counts every refusal, keeps the latest, and tells each piece of news once."""

    def __init__(self, clock: EpochClock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._told_s: dict[tuple[str, str], float] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        # Not the errors themselves: their tracebacks would keep the frames of the caller alive.
        self._refusals: deque[tuple[float, type[CallRefused], tuple[Any, ...]]] = deque(
            maxlen=_REFUSALS
        )
        self._notices: deque[tuple[int, Notice]] = deque(maxlen=_NOTICES)
        self._number = 0
        self._said: dict[object, None] = {}
        self._subscribers: tuple[Subscriber, ...] = ()

    def refuse(self, refused: CallRefused, at_s: float) -> bool:
        """Count a refusal and remember it; say whether it is the first of its kind in this hour."""
        with self._lock:
            name = (refused.scope, refused.reason)
            if len(self._counts) >= _SCOPES and name not in self._counts:
                name = ("(other)", refused.reason)
            self._counts[name] += 1
            told_s = self._told_s.get(name, 0.0)
            self._refusals.append((at_s, refused.__class__, refused.args))
            if 0 <= at_s - told_s < _TELL_AGAIN_S:
                return False
            self._told_s[name] = at_s
            return True

    def refused(self) -> tuple[RefusalCount, ...]:
        """Return the counts since the guard was made, the highest first."""
        with self._lock:
            return tuple(
                RefusalCount(scope, reason, count)
                for (scope, reason), count in self._counts.most_common()
            )

    def refusals(self, limit: int) -> tuple[RefusalNote, ...]:
        """Return the latest refusals, newest first."""
        with self._lock:
            latest = list(islice(reversed(self._refusals), limit))
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

    def tell(self, kind: NoticeKind, scope: str, text: str, *, once: object = None) -> None:
        """Log a notice, remember it and tell who subscribed; nothing when `once` was told before.

        A subscriber that raises is logged, and harms neither the call nor the other subscribers.
        """
        import uuid  # noqa: PLC0415 - news are rare

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

    def notices_after(self, number: int) -> list[tuple[int, Notice]]:
        """Return the remembered notices numbered above `number`, in order."""
        with self._lock:
            return [item for item in self._notices if item[0] > number]

    def subscribe(self, subscriber: Subscriber) -> None:
        """Tell `subscriber` every notice from now on, in the thread that caused it."""
        with self._lock:
            self._subscribers = (*self._subscribers, subscriber)

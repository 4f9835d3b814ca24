"""Pending values until the service has stored them: by key, the last value only."""

from collections.abc import Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Sent(NamedTuple):
    version: int
    sequence: int
    at_s: float


class Outbox(Generic[K, V]):
    """Values by key, each with a version; not safe for several threads.

    A value is pending from `put` until a report with this version of it is confirmed. The oldest is
    sent first; a value that changes while it is pending keeps its place.
    """

    def __init__(self, most: int) -> None:
        """Keep at most `most` values; beyond that, the oldest are dropped and counted."""
        self._most = most
        self._waiting: dict[K, tuple[int, V]] = {}
        self._sent: dict[K, _Sent] = {}
        self.given_up = 0

    def __len__(self) -> int:
        """Return how many values are not confirmed."""
        return len(self._waiting)

    def put(self, key: K, version: int, value: V) -> None:
        """Add a value; a version older than the pending one is ignored."""
        known = self._waiting.get(key)
        if known is not None and known[0] >= version:
            return
        self._waiting[key] = (version, value)
        if len(self._waiting) > self._most:
            oldest = next(iter(self._waiting))
            self.drop((oldest,))
            self.given_up += 1

    def due(self, most: int, now_s: float, resend_s: float) -> list[tuple[K, V]]:
        """Return what to send now: never sent, changed since, or sent `resend_s` ago."""
        chosen: list[tuple[K, V]] = []
        for key, (version, value) in self._waiting.items():
            sent = self._sent.get(key)
            if sent is None or sent.version < version or now_s - sent.at_s >= resend_s:
                chosen.append((key, value))
                if len(chosen) >= most:
                    break
        return chosen

    def sent(self, keys: Iterable[K], sequence: int, now_s: float) -> None:
        """Record the report that these were sent with, and move them behind the others."""
        for key in keys:
            waiting = self._waiting.pop(key, None)
            if waiting is not None:
                self._waiting[key] = waiting
                self._sent[key] = _Sent(waiting[0], sequence, now_s)

    def confirm(self, sequence: int) -> int:
        """Remove what was sent unchanged with reports up to `sequence`; return how many."""
        over = [
            key
            for key, sent in self._sent.items()
            if sent.sequence <= sequence and self._waiting[key][0] == sent.version
        ]
        self.drop(over)
        return len(over)

    def drop(self, keys: Iterable[K]) -> None:
        """Remove these."""
        for key in keys:
            self._waiting.pop(key, None)
            self._sent.pop(key, None)

    def again(self) -> None:
        """Mark everything to be sent again, because it is not known what arrived."""
        self._sent.clear()

    def values(self) -> list[V]:
        """Return what is not confirmed."""
        return [value for _, value in self._waiting.values()]

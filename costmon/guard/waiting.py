"""Calls that wait for room: premium ones first, then in the order they came."""

import threading
from bisect import insort
from collections.abc import Callable
from itertools import count
from typing import Generic, TypeVar

from costmon.clock import Clock

R = TypeVar("R")

_LOOK_S = 0.05
"""How long all sleep at most: another process tells nobody here when it gives room back."""


class _Ticket(Generic[R]):
    """One waiting call; ordered by `place`."""

    __slots__ = ("attempt", "error", "place", "result")

    def __init__(self, place: tuple[int, int], attempt: Callable[[], R | None]) -> None:
        self.place = place
        self.attempt = attempt
        self.result: R | None = None
        self.error: Exception | None = None

    def is_over(self) -> bool:
        return self.result is not None or self.error is not None

    def try_again(self) -> bool:
        try:
            self.result = self.attempt()
        except Exception as error:  # noqa: BLE001 - it belongs to the thread that waits
            self.error = error
        return self.is_over()

    def __lt__(self, other: "_Ticket[R]") -> bool:
        return self.place < other.place


class WaitingRoom(Generic[R]):
    """Lets those who wait try again, in their order, whenever there may be room."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._queue: list[_Ticket[R]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._queue)

    def wait(self, attempt: Callable[[], R | None], *, premium: bool, timeout_s: float) -> R | None:
        """Return what `attempt` returns once that is not `None`; `None` when time is up.

        `attempt` may be called by any thread that waits, so that those in front are always first;
        what it raises is raised here.
        """
        ticket = _Ticket((0 if premium else 1, next(self._numbers)), attempt)
        deadline_s = self._clock.monotonic_s() + timeout_s
        with self._changed:
            insort(self._queue, ticket)
            try:
                while not ticket.is_over():
                    self._let_in()
                    left_s = deadline_s - self._clock.monotonic_s()
                    if ticket.is_over() or left_s <= 0:
                        break
                    self._changed.wait(min(left_s, _LOOK_S))
            finally:
                self._queue.remove(ticket)
        if ticket.error is not None:
            raise ticket.error
        return ticket.result

    def poke(self) -> None:
        """Say that there may be room."""
        with self._changed:
            self._changed.notify()

    def _let_in(self) -> None:
        """Try for everybody, in order; the lock is held."""
        for ticket in self._queue:
            if not ticket.is_over() and ticket.try_again():
                self._changed.notify_all()

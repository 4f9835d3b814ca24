"""Calls that wait for budget: premium ones first, then in order of arrival."""

import threading
from bisect import insort
from collections.abc import Callable
from itertools import count
from typing import Generic, TypeVar

from costmon.clock import Clock

R = TypeVar("R")

_LOOK_S = 0.05
"""The longest sleep: other processes do not signal when they free budget."""


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
        except Exception as error:  # noqa: BLE001 - it is raised in the thread that waits
            self.error = error
        return self.is_over()

    def __lt__(self, other: "_Ticket[R]") -> bool:
        return self.place < other.place


class WaitingRoom(Generic[R]):
    """Lets waiting calls try again, in order, whenever there may be budget."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._queue: list[_Ticket[R]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._queue)

    def wait(self, attempt: Callable[[], R | None], *, premium: bool, timeout_s: float) -> R | None:
        """Return what `attempt` returns once that is not `None`; `None` after the timeout.

        `attempt` may be called by any waiting thread, so that calls are always served in order;
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
        """Signal that there may be budget."""
        with self._changed:
            self._changed.notify()

    def _let_in(self) -> None:
        """Try all waiting calls, in order; the lock is held."""
        for ticket in self._queue:
            if not ticket.is_over() and ticket.try_again():
                self._changed.notify_all()

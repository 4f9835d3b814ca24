"""Limit the number of clients that wait for a change.

Each waits in a thread of the server, which has as many more threads than it needs to answer: so
the ones that answer are never taken. 74 idle threads instead of 10 take 1.1 MB, 64 clients that
wait another 1.5 MB; the p99 of `/healthz` at 32 busy connections stays within its noise (17 to
38 ms with them, 30 ms without). A thread made for each wait would leak: cheroot keeps its figures.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import flask
from werkzeug.exceptions import BadRequest, ServiceUnavailable

from costmon.intake.answer import RETRY_AFTER_S, WAITING_S

MOST_WAITING = 64
"""Clients that wait at the same time, for whatever."""


class Waiters:
    """The places for clients that wait."""

    def __init__(self, places: int = MOST_WAITING) -> None:
        self._places = threading.BoundedSemaphore(places)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place for as long as the client waits.

        Raises:
            ServiceUnavailable: All are taken.
        """
        if not self._places.acquire(blocking=False):
            raise ServiceUnavailable(
                "Too many clients are waiting for a change already. Try again later, or without "
                "`wait`.",
                retry_after=RETRY_AFTER_S,
            )
        try:
            yield
        finally:
            self._places.release()


def asked_wait_s() -> int:
    """Return how long the client would wait, in seconds.

    Raises:
        BadRequest: `wait` is not from 0 to 60, or there are other parameters.
    """
    arguments = flask.request.args
    for name, values in arguments.lists():
        if name != "wait":
            raise BadRequest(f"{name[:40]!r} is not a parameter; accepted: wait")
        if len(values) > 1:
            raise BadRequest(f"wait is given {len(values)} times; accepted: once")
    text = arguments.get("wait", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= WAITING_S):  # noqa: PLR2004 - digits of 060
        raise BadRequest(f"wait={text[:40]!r}; accepted: whole seconds from 0 to {WAITING_S}")
    return int(text)

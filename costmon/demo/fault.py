"""What can be made to go wrong with the simulated vendor, for tests."""

import threading
from collections import deque
from collections.abc import Mapping

from costmon.demo.answer import Answer, refusal

_HTML = b"<!doctype html><title>502</title><h1>Bad gateway</h1>"
_REASONS = {429: "too_many_requests", 503: "service_unavailable"}


class Faults:
    """Switches that change the next answers, or all answers of a kind; any thread may set them.

    Faults that were asked for "next" are used up one by one, in the order they were asked for, by
    whatever request comes first.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: deque[Answer | None] = deque()
        self._forbidden: set[str] = set()
        self._delay_s = 0.0
        self._dead = False
        self._hurry = threading.Event()

    def fail_next(
        self, count: int = 1, *, status: int = 500, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer the next `count` requests with an error, such as 429 with `Retry-After`."""
        reason = _REASONS.get(status, "server_error")
        fault = refusal(status, reason, "The simulation was told to fail.", headers)
        self._queue(fault, count)

    def truncate_next(self, count: int = 1) -> None:
        """Announce whole bodies for the next `count` requests and send half of each."""
        self._queue(None, count)

    def html_next(self, count: int = 1) -> None:
        """Answer the next `count` requests with 200 and a page of HTML."""
        self._queue(Answer(status=200, body=_HTML, content_type="text/html"), count)

    def forbid(self, kind: str) -> None:
        """Refuse everything of a kind with 403, as for a token without the scope."""
        with self._lock:
            self._forbidden.add(kind)

    def allow(self, kind: str) -> None:
        """Take back `forbid`."""
        with self._lock:
            self._forbidden.discard(kind)

    def slow(self, delay_s: float) -> None:
        """Let every answer wait; 0 makes the simulation quick again."""
        with self._lock:
            self._delay_s = delay_s

    def die(self) -> None:
        """Hang up on every request without an answer."""
        with self._lock:
            self._dead = True

    def revive(self) -> None:
        """Take back `die`."""
        with self._lock:
            self._dead = False

    def end_waits(self) -> None:
        """Let nothing wait any longer: the server stops."""
        self._hurry.set()

    def spoil(self, answer: Answer, kind: str | None) -> Answer | None:
        """Return what to send instead of `answer`; `None` hangs up. Waits when told to be slow."""
        with self._lock:
            delay_s, dead, forbidden = self._delay_s, self._dead, kind in self._forbidden
            chosen = self._next.popleft() if self._next and not dead else answer
        if delay_s:
            self._hurry.wait(delay_s)
        if dead:
            return None
        if chosen is None:
            return _cut(answer)
        if chosen is answer and forbidden:
            return refusal(403, "forbidden", "You are not authorized to perform this operation")
        return chosen

    def _queue(self, fault: Answer | None, count: int) -> None:
        with self._lock:
            self._next.extend([fault] * count)


def _cut(answer: Answer) -> Answer:
    return Answer(
        status=answer.status,
        body=answer.body,
        content_type=answer.content_type,
        headers=answer.headers,
        cut_after=len(answer.body) // 2,
    )

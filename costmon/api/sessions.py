"""Authenticate: by the bearer token, and for browsers by a signed cookie that replaces it."""

import hashlib
import hmac
import secrets
import threading
from collections import deque

from costmon.clock import Clock

COOKIE = "costmon_session"
SESSION_S = 12 * 3600
LINK_S = 600
"""Seconds for which a link that signs a browser in can be used."""

_MOST_LINKS = 20

_MOST_FAILURES = 5
_FAILURES_WINDOW_S = 60.0


def same_secret(given: str, expected: str) -> bool:
    """Compare in a time that tells nothing about where they differ."""
    return hmac.compare_digest(
        given.encode("utf-8", "surrogateescape"), expected.encode("utf-8", "surrogateescape")
    )


class Sessions:
    """Cookies that prove their holder once knew the token.

    Signed with a key made of the token: a new token ends all sessions, a restart ends none.
    """

    def __init__(self, token: str, clock: Clock) -> None:
        self._key = hmac.digest(token.encode(), b"costmon session", hashlib.sha256)
        self._clock = clock

    def issue(self) -> str:
        """Return a cookie value that is good for `SESSION_S` seconds."""
        until = str(int(self._clock.now().timestamp()) + SESSION_S)
        return f"{until}.{self._signature(until)}"

    def valid(self, cookie: str) -> bool:
        """Return whether we issued the cookie and its time has not passed."""
        until, _, signature = cookie.partition(".")
        if not same_secret(signature, self._signature(until)):
            return False
        return int(until) > self._clock.now().timestamp()

    def _signature(self, until: str) -> str:
        signed = until.encode("utf-8", "surrogateescape")
        return hmac.new(self._key, signed, hashlib.sha256).hexdigest()


class LoginLinks:
    """Codes that sign one browser in, once; they are kept in memory, as hashes.

    A code that leaks from a browser's history or a terminal's is of no use after it was used.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until_s: dict[bytes, float] = {}

    def make(self) -> str:
        """Return a new code; of many that nobody uses the oldest ends."""
        code = secrets.token_urlsafe(32)
        with self._lock:
            while len(self._until_s) >= _MOST_LINKS:
                del self._until_s[next(iter(self._until_s))]
            self._until_s[_digest(code)] = self._clock.monotonic_s() + LINK_S
        return code

    def use(self, code: str) -> bool:
        """Return whether a code is good, which it is only once."""
        with self._lock:
            until_s = self._until_s.pop(_digest(code), None)
        return until_s is not None and self._clock.monotonic_s() < until_s


def _digest(code: str) -> bytes:
    # What is looked up is a hash: how long that takes tells nothing about the codes.
    return hashlib.sha256(code.encode("utf-8", "surrogateescape")).digest()


class FailureLimit:
    """Slow down guessing: a few wrong tokens a minute, over all callers, then wait.

    One counter for everybody cannot be dodged by changing addresses, and costs no memory. At worst,
    a person waits a minute while somebody else is guessing.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed_at: deque[float] = deque(maxlen=_MOST_FAILURES)

    def failed(self) -> None:
        """Count a wrong token."""
        self._failed_at.append(self._clock.monotonic_s())

    def wait_s(self) -> int:
        """Return seconds to wait before the next try; 0: none."""
        if len(self._failed_at) < _MOST_FAILURES:
            return 0
        left = self._failed_at[0] + _FAILURES_WINDOW_S - self._clock.monotonic_s()
        return max(0, int(left) + 1) if left > 0 else 0

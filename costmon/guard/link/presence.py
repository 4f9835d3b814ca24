"""Log once when the service is lost and once when it is back, for both threads."""

import threading
from collections.abc import Callable
from typing import Literal

from costmon.guard.log import log

Part = Literal["reports", "policy"]

_IN_A_ROW = 2
"""A single failure may be a restart, or a full queue of policy requests."""

_MOST_SAID = 20
"""Most reasons that are logged in one outage."""


class Presence:
    """Whether the service answers, as seen by two threads."""

    def __init__(self, lost: Callable[[str], None], returned: Callable[[], None]) -> None:
        self._tell_lost = lost
        self._tell_returned = returned
        self._lock = threading.RLock()  # held while notifying, so that changes arrive in order
        self._failures: dict[Part, int] = {}
        self._said: set[str] = set()
        self.is_lost = False
        self.reason: str | None = None

    def failed(self, part: Part, reason: str) -> None:
        """Report a failure of this part; a new reason is logged."""
        with self._lock:
            count = self._failures.get(part, 0) + 1
            self._failures[part] = count
            self.reason = reason
            if count >= _IN_A_ROW and reason not in self._said and len(self._said) < _MOST_SAID:
                self._said.add(reason)
                log().warning("the guard continues without the service's %s: %s", part, reason)
            if count >= _IN_A_ROW and not self.is_lost:
                self.is_lost = True
                self._tell_lost(reason)

    def worked(self, part: Part) -> None:
        """Report a success of this part."""
        if not self._failures.get(part):
            return
        with self._lock:
            self._failures[part] = 0
            if any(self._failures.values()):
                return
            self._said.clear()
            if self.is_lost:
                self.is_lost = False
                self.reason = None
                log().info("the costmon service is available again")
                self._tell_returned()

"""Get budgets and circuits from the service, and wait for changes."""

import threading
from collections.abc import Callable

from costmon.clock import Clock
from costmon.guard.link.delivery import trouble
from costmon.guard.link.door import Answer, Door, DoorError
from costmon.guard.link.pace import BackOff, Pace
from costmon.guard.link.presence import Presence
from costmon.guard.link.source import Source
from costmon.guard.link.wire import WireError, policy_of
from costmon.guard.log import log

_OK = 200
_UNCHANGED = 304
_NOT_READY = 503
_AT_FIRST = 20
"""Failures after which requests become less frequent: about 10 s."""

_QUICKEST_S = 0.05
_CROWDED_S = 0.5
"""Between requests while the service has no place for another waiting request."""

_UNWAITED_S = 1.0
"""Between requests that are answered with 304 at once, for example by a proxy's cache."""


class Watcher:
    """Keeps the service's latest policy; `turn` is for one thread."""

    def __init__(
        self,
        source: Callable[[], Source | None],
        door: Door,
        *,
        presence: Presence,
        steady: Clock,
        pace: Pace,
        back_off: BackOff,
    ) -> None:
        self.first = threading.Event()
        self.revision: str | None = None
        self._source = source
        self._door = door
        self._presence = presence
        self._steady = steady
        self._pace = pace
        self._back_off = back_off
        self._tag: str | None = None
        self._may_wait = True
        self._is_crowded = False
        self._unchanged = False
        self._said: str | None = None

    def turn(self) -> float:
        """Request the policy once; return the seconds until the next request."""
        began_s = self._steady.monotonic_s()
        wait_s = self._pace.wait_s if self._tag is not None and self._may_wait else 0
        try:
            answer = self._door.policy(self._tag, wait_s, wait_s + self._pace.answer_s)
            pause_s = self._understood(answer, waited=wait_s > 0)
        except DoorError as error:
            pause_s = self._missed(str(error), None)
        except WireError as error:
            if self._said != str(error):
                self._said = str(error)
                log().error("the service's policy is rejected, the last one stays: %s", error)
            pause_s = self._missed(f"its policy is not valid: {error}", None)
        finally:
            self.first.set()
        took_s = self._steady.monotonic_s() - began_s
        if pause_s == 0 and took_s < _UNWAITED_S and self._unchanged and wait_s:
            return _UNWAITED_S - took_s
        return max(pause_s, _QUICKEST_S)

    def _understood(self, answer: Answer, *, waited: bool) -> float:
        known = self.revision
        if answer.status == _OK:
            self._apply(answer)
        elif answer.status == _NOT_READY and waited:
            # The service may have no place for a waiting request: do not wait.
            self._may_wait, self._is_crowded = False, True
            return min(self._back_off.failed(), _CROWDED_S)
        elif answer.status != _UNCHANGED or self._tag is None:
            return self._missed(trouble(answer), answer.retry_after_s)
        self._unchanged = known == self.revision
        crowded = self._is_crowded and not self._may_wait
        self._may_wait = True
        self._is_crowded = crowded
        self._back_off.worked()
        self._presence.worked("policy")
        return _CROWDED_S if crowded else 0.0

    def _apply(self, answer: Answer) -> None:
        policy = policy_of(answer.document)
        source = self._source()
        if source is not None and policy.revision != self.revision:
            source.apply(policy)
            self.revision = policy.revision
        self._tag = answer.tag or f'"{policy.revision}"'
        self._said = None

    def _missed(self, reason: str, asked_s: float | None) -> float:
        self._may_wait = self._is_crowded = False
        self._presence.failed("policy", reason)
        pause_s = self._back_off.failed(asked_s)
        return min(pause_s, _UNWAITED_S) if self._back_off.failures < _AT_FIRST else pause_s

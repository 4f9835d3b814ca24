"""Start the children, start them again when they die, stop them in reverse order.

A state machine: every step is one message handled, time and chance come from outside, and the
threads of children are started by a callable. So a test walks through it without threads.

A child's states:
```
stopped -> starting -> running -> restarting -> starting ...       asked for, by an operator
                          |----> waiting ------> starting ...       crashed or hung, back-off
                          |----> set_aside ----> starting ...       crashed too often, cool-off
                          |----> failed                             the same, but a core child
                          '----> draining -----> stopped            the service stops
```
"""

import datetime as dt
from collections import deque
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import assert_never

from costmon.actors.address import Address
from costmon.actors.backlog import MailboxRules
from costmon.actors.base import Incarnation, SupervisedActor, describe
from costmon.actors.child import Child, ChildSpec
from costmon.actors.children import Children
from costmon.actors.restarts import GiveUp, Restart, RestartHistory
from costmon.domain.child import ChildStatus
from costmon.messages import (
    ChildExited,
    ChildRecovered,
    ChildSetAside,
    ChildStarted,
    GetChildren,
    RestartAnswer,
    RestartChild,
    Shutdown,
    SupervisorMessage,
    Tick,
)
from costmon.state.published import Published

__all__ = ["ChildSpec", "MailboxRules", "Supervisor"]

_STOP_SCAN_S = 0.1
_SCAN, _SWEEP, _START = "scan", "sweep", "start:"
# What children were called in an earlier version: operators may still restart them by these names.
_FORMER_NAMES = {"steward": "policy", "surveyor": "meters"}


class Supervisor(SupervisedActor[SupervisorMessage]):
    """Keeps the children alive, each by itself: addresses are names, so a restart invalidates none.

    Attributes:
        exit_code: What the process shall exit with.

    Args:
        incarnation: Its own.
        children: In start order.
        statuses: Where their states are published for readers that ask nobody.
        notices: Who is told that a child was set aside or has recovered.
        scan_interval_s: How often hung and overdue children are looked for.
        sweep_interval_s: How often the health of all is logged.
        on_scan: Called with each scan, while the supervisor is alive.
    """

    def __init__(
        self,
        incarnation: Incarnation,
        *,
        children: Sequence[Child],
        statuses: Published[tuple[ChildStatus, ...]],
        notices: Address | None,
        scan_interval_s: float,
        sweep_interval_s: float,
        on_scan: Callable[[], None] | None,
    ) -> None:
        super().__init__(incarnation)
        self.exit_code = 0
        self._children = Children(children)
        self._statuses = statuses
        self._notices = notices
        self._scan_interval_s = scan_interval_s
        self._sweep_interval_s = sweep_interval_s
        self._on_scan = on_scan
        self._to_stop: deque[Child] | None = None

    def started(self) -> None:
        """Start the children in order."""
        self.timer.every(_SCAN, self._scan_interval_s, first_s=self._scan_interval_s)
        self.timer.every(_SWEEP, self._sweep_interval_s, first_s=self._sweep_interval_s)
        for child in self._children:
            self._start(child)
        self._settle()

    def handle(self, message: object) -> object:
        """Take one step. A message that is not valid must not raise: it is logged and refused."""
        if not isinstance(message, SupervisorMessage):
            self.log.warning("supervisor.message_refused", kind=type(message).__name__)
            return None
        answer = self._step(message)
        self._settle()
        return answer

    def _step(self, message: SupervisorMessage) -> object:
        match message:
            case GetChildren():
                return self._children.statuses()
            case RestartChild(name=name):
                return self._restart_asked(name)
            case ChildStarted():
                self._child_started(message)
            case ChildExited():
                self._child_exited(message)
            case Tick(key=key):
                self._tick(key)
            case Shutdown(exit_code=exit_code):
                self._shut_down(exit_code)
            case _:
                assert_never(message)
        return None

    def _settle(self) -> None:
        """Bring to an end what the step allows to end, and publish what is."""
        self._stop_next()
        self._statuses.publish(self._children.statuses())

    # --- one child ---------------------------------------------------------------------------

    def _start(self, child: Child) -> None:
        try:
            child.start()
        except BaseException as error:  # even SystemExit is the child's fault only
            self.log.exception("supervisor.child_start_failed", child=child.name)
            self._crashed(child, describe(error))

    def _child_started(self, event: ChildStarted) -> None:
        child = self._children.holder(event.name, event.generation)
        if child is not None and child.state == "starting":
            child.state = "running"

    def _child_exited(self, event: ChildExited) -> None:
        child = self._children.holder(event.name, event.generation)
        if child is None:
            self.log.info(
                "supervisor.replaced_child_ended",
                child=event.name,
                ended_generation=event.generation,
            )
        elif event.error is not None:
            self._crashed(child, event.error)
        else:
            child.dismiss("it was asked to stop")
            if child.state == "draining" and not len(child.mailbox):
                child.state = "stopped"
            else:  # asked to restart; or told something after it had drained and before it ended
                self._start(child)

    def _crashed(self, child: Child, error: str) -> None:
        child.dismiss(error)
        match child.after_crash(error):
            case Restart(delay_s=delay_s):
                child.state = "waiting"
                # By a timer even when at once: one way to start again, and no recursion.
                self.timer.after(f"{_START}{child.name}", delay_s)
                self.log.warning(
                    "supervisor.child_crashed",
                    child=child.name,
                    error=error,
                    restarts=child.restarts,
                    retry_s=round(delay_s, 3),
                )
            case GiveUp(crashes=crashes, period_s=period_s):
                self._give_up(child, error, crashes=crashes, period_s=period_s)
            case verdict:
                assert_never(verdict)

    def _give_up(self, child: Child, error: str, *, crashes: int, period_s: float) -> None:
        if self._to_stop is None and not child.spec.core:
            self._set_aside(child, error, crashes=crashes, period_s=period_s)
            return
        child.state = "failed"
        self.log.critical(
            "supervisor.child_failed",
            child=child.name,
            error=error,
            crashes=crashes,
            period_s=period_s,
            message="crashed too often; the service stops and exits with 1",
        )
        self._shut_down(1)

    def _set_aside(self, child: Child, error: str, *, crashes: int, period_s: float) -> None:
        cool_off_s = child.spec.policy.cool_off_s
        until = self.clock.now() + dt.timedelta(seconds=cool_off_s)
        child.state = "set_aside"
        child.is_on_probation = True
        child.history = RestartHistory()
        self.timer.after(f"{_START}{child.name}", cool_off_s)
        self.log.critical(
            "supervisor.child_set_aside",
            child=child.name,
            error=error,
            crashes=crashes,
            period_s=period_s,
            until=until.isoformat(),
            hint="it is restarted at that time; restart_child restarts it now",
        )
        if self._notices is not None:
            self._notices.tell(ChildSetAside(name=child.name, error=error, until=until))

    def _restart_asked(self, wanted: object) -> RestartAnswer:
        known, chosen = self._children.known, self._children.matching(wanted)
        if not chosen and isinstance(wanted, str):
            chosen = self._children.matching(_FORMER_NAMES.get(wanted))
        if not chosen:
            self.log.warning("supervisor.child_unknown", wanted=repr(wanted)[:100], known=known)
            return RestartAnswer(restarted=(), known=known)
        if self._to_stop is not None:
            self.log.warning("supervisor.restart_refused", reason="the service is stopping")
            return RestartAnswer(restarted=(), known=known)
        for child in chosen:
            if child.state in {"starting", "running"}:
                child.leave()
            elif child.state in {"waiting", "set_aside"}:
                self.timer.after(f"{_START}{child.name}", 0.0)
        restarted = tuple(child.name for child in chosen)
        self.log.info("supervisor.restart_requested", children=restarted)
        return RestartAnswer(restarted=restarted, known=known)

    # --- time --------------------------------------------------------------------------------

    def _tick(self, key: str) -> None:
        if key == _SCAN:
            self._scan()
        elif key == _SWEEP:
            self._sweep()
        else:
            for child in self._children:
                if key == f"{_START}{child.name}" and child.state in {"waiting", "set_aside"}:
                    self._start(child)

    def _scan(self) -> None:
        for child in self._children:
            self._look_at(child)
        if self._on_scan is not None:
            try:
                self._on_scan()
            except Exception:  # a watchdog's fault must not end what it watches
                self.log.exception("supervisor.on_scan_failed")

    def _look_at(self, child: Child) -> None:
        if child.is_over:
            return
        hung_s = child.hung_s
        if child.is_told_to_drain and child.is_overdue:
            self._abandon(child)
        elif child.state == "restarting" and child.is_overdue:
            error = f"did not stop within {child.spec.stop_timeout_s:g} s"
            self.log.error("supervisor.child_replaced", child=child.name, error=error)
            child.last_error = error
            child.dismiss(error)
            self._start(child)
        elif hung_s is not None:
            error = f"hung: {hung_s:.1f} s on one message"
            self.log.error("supervisor.child_replaced", child=child.name, error=error)
            self._crashed(child, error)
        elif child.is_on_probation and child.is_stable:
            child.is_on_probation = False
            self.log.info("supervisor.child_recovered", child=child.name)
            if self._notices is not None:
                self._notices.tell(ChildRecovered(name=child.name))

    def _sweep(self) -> None:
        """Log the health of all. Deaths are seen before; this is what operators look for."""
        for child in self._children:
            if child.has_vanished:  # its notice was lost, however that may be
                self._crashed(child, "its thread ended without notice")
        missing = [
            child for child in self._children if not child.is_served and not child.is_told_to_drain
        ]
        self.log.info(
            "supervisor.health_checked",
            states={child.name: child.state for child in self._children},
            restarts={child.name: child.restarts for child in self._children},
        )
        if missing:
            self.log.warning(
                "supervisor.children_missing",
                message="missing children detected",
                missing=[child.name for child in missing],
                states={child.name: child.state for child in missing},
                restarts={child.name: child.restarts for child in missing},
            )

    # --- the end -----------------------------------------------------------------------------

    def _shut_down(self, exit_code: int) -> None:
        self.exit_code = self.exit_code or exit_code
        if self._to_stop is None:
            self._to_stop = deque(reversed(self._children))
            # Whoever waits for the stop waits for the next scan, too.
            scan_s = min(self._scan_interval_s, _STOP_SCAN_S)
            self.timer.every(_SCAN, scan_s, first_s=scan_s)
            self.log.info("supervisor.stop_started", exit_code=exit_code)

    def _stop_next(self) -> None:
        """Let the last child that still runs drain; the one before it is told when that is over.

        Children of one role tell each other nothing and drain at the same time: ten pollers whose
        vendors hang take no longer than one.
        """
        if self._to_stop is None:
            return
        while self._to_stop:
            group = _first_of_one_role(self._to_stop)
            for child in group:
                if not child.is_over and not child.is_told_to_drain:
                    child.drain()
                    self._drain_absent(child)
            if not all(child.is_over for child in group):
                return
            for _ in group:
                self._to_stop.popleft()
        self._lease.leave()

    def _drain_absent(self, child: Child) -> None:
        """Start a child that is down once more if anything waits for it."""
        if child.is_served:
            return
        if not len(child.mailbox):
            child.state = "stopped"
        else:
            self._start(child)

    def _abandon(self, child: Child) -> None:
        error = f"did not drain within {child.spec.stop_timeout_s:g} s"
        child.last_error = error
        if child.is_served:
            child.dismiss(error)
        child.state = "failed"
        if child.leaves_something:
            self.exit_code = self.exit_code or 1
        self.log.error(
            "supervisor.child_abandoned",
            child=child.name,
            error=error,
            undelivered=len(child.mailbox),
            restarts=child.restarts,
        )


def _first_of_one_role(children: Sequence[Child]) -> tuple[Child, ...]:
    role = children[0].role
    return tuple(takewhile(lambda child: child.role == role, children))

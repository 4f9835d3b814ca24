"""Connect names, mailboxes and the supervisor, from outside the actors."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import structlog

from costmon.actors.address import Address
from costmon.actors.backlog import MailboxRules
from costmon.actors.base import Incarnation
from costmon.actors.child import Child, ChildSpec, Nursery
from costmon.actors.lease import Lease
from costmon.actors.mailbox import Mailbox
from costmon.actors.supervisor import Supervisor
from costmon.clock import Clock
from costmon.domain.child import ChildStatus
from costmon.messages import ChildExited, ChildStarted, Shutdown
from costmon.state.published import Published

_SUPERVISOR = "supervisor"
_SUPERVISOR_CAPACITY = 10_000
_SUPERVISOR_CRASHED = 70  # EX_SOFTWARE of sysexits.h
_LAST_BREATH_S = 0.2  # for the threads of crashed actors to log why

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class StopReport:
    """The result of a stop.

    Attributes:
        exit_code: 0: nothing was left, though a poller may still wait for its vendor. 1: something
            was, or a core child failed. 70: the supervisor itself crashed.
        undelivered: Messages that nobody dealt with, by name; names with none are absent.
        unstopped: Children whose thread still runs.
    """

    exit_code: int
    undelivered: Mapping[str, int]
    unstopped: tuple[str, ...]


class System:
    """The supervised actors of one process.

    Args:
        specs: The children in start order; they stop in reverse.
        clock: Tells the time.
        rng: The source of jitter.
        statuses: Where the children's states are published; readers ask nobody.
        notices: Name of the child that is told `ChildSetAside` and `ChildRecovered`.
        sweep_interval_s: How often the health of all children is logged.
        scan_interval_s: How often hung and overdue children are looked for.
        on_scan: Called with each scan, such as to feed a watchdog.

    Raises:
        ValueError: Names are not unique, or `notices` is not among them.
    """

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        clock: Clock,
        rng: random.Random,
        statuses: Published[tuple[ChildStatus, ...]],
        notices: str | None = None,
        sweep_interval_s: float = 30.0,
        scan_interval_s: float = 1.0,
        on_scan: Callable[[], None] | None = None,
    ) -> None:
        names = [spec.name for spec in specs]
        doubled = [name for name, count in Counter([*names, _SUPERVISOR]).items() if count > 1]
        if doubled:
            msg = f"each child needs a name of its own: {', '.join(doubled)}"
            raise ValueError(msg)
        if notices is not None and notices not in names:
            msg = f"notices={notices!r} is not one of: {', '.join(names)}"
            raise ValueError(msg)
        self._clock = clock
        self._ended = threading.Event()
        self._last_words: ChildExited | None = None
        self._report: StopReport | None = None
        self._mailbox = Mailbox(
            _SUPERVISOR, MailboxRules(capacity=_SUPERVISOR_CAPACITY), clock=clock
        )
        mailboxes = {spec.name: Mailbox(spec.name, spec.mailbox, clock=clock) for spec in specs}
        self.supervisor = Address(self._mailbox)
        self.addresses: Mapping[str, Address] = MappingProxyType(
            {name: Address(mailbox) for name, mailbox in mailboxes.items()}
        )
        nursery = Nursery(
            addresses=self.addresses, clock=clock, rng=rng, notify=self.supervisor.tell
        )
        self._children = tuple(Child(spec, mailboxes[spec.name], nursery) for spec in specs)
        self._actor = Supervisor(
            Incarnation(
                name=_SUPERVISOR,
                lease=Lease(self._mailbox, clock=clock),
                addresses=self.addresses,
                clock=clock,
                rng=rng,
                notify=self._heard,
            ),
            children=self._children,
            statuses=statuses,
            notices=None if notices is None else self.addresses[notices],
            scan_interval_s=scan_interval_s,
            sweep_interval_s=sweep_interval_s,
            on_scan=on_scan,
        )

    def start(self) -> None:
        """Start the supervisor, which starts the children; returns at once."""
        self._actor.launch()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the supervisor has ended, in order or by a crash; `False`: not yet."""
        return self._ended.wait(timeout_s)

    def stop(self, deadline_s: float) -> StopReport:
        """Drain and stop the children in reverse order; call again for the same report.

        Args:
            deadline_s: When it is reached, everything still running is refused and reported.
        """
        if self._report is None:
            self._report = self._stop(deadline_s)
        return self._report

    def _stop(self, deadline_s: float) -> StopReport:
        ends_s = self._clock.monotonic_s() + deadline_s
        if self._actor.thread is not None:
            self.supervisor.tell(Shutdown())
            self._ended.wait(deadline_s)
        if self._crashed:
            self._drain_unsupervised(ends_s)
        in_time = self._actor.thread is None or self._ended.is_set()
        self._mailbox.close()  # first, so that nobody restarts a child
        left = {child.name: child.close() for child in self._children}
        undelivered = {name: count for name, count in left.items() if count}
        until_s = self._clock.monotonic_s() + _LAST_BREATH_S
        unstopped = tuple(child.name for child in self._children if child.outlasts(until_s))
        if self._actor.thread is not None:
            self._actor.thread.join(max(0.0, until_s - self._clock.monotonic_s()))
        lossy = any(child.leaves_something for child in self._children if child.name in unstopped)
        report = StopReport(
            exit_code=self._exit_code(clean=in_time and not undelivered and not lossy),
            undelivered=undelivered,
            unstopped=unstopped,
        )
        (log.info if report.exit_code == 0 else log.error)(
            "system.stopped",
            exit_code=report.exit_code,
            undelivered=undelivered,
            unstopped=unstopped,
            in_time=in_time,
        )
        return report

    @property
    def _crashed(self) -> bool:
        return self._last_words is not None and self._last_words.error is not None

    def _exit_code(self, *, clean: bool) -> int:
        if self._crashed:
            return _SUPERVISOR_CRASHED
        return self._actor.exit_code or (0 if clean else 1)

    def _drain_unsupervised(self, ends_s: float) -> None:
        """Let the orphans of a crashed supervisor finish, in reverse order, while there is time."""
        for child in reversed(self._children):
            child.mailbox.drain()
            child.outlasts(min(self._clock.monotonic_s() + child.spec.stop_timeout_s, ends_s))

    def _heard(self, event: ChildStarted | ChildExited) -> None:
        """Take the supervisor's own notice, in its thread."""
        if isinstance(event, ChildExited):
            self._last_words = event
            self._ended.set()

"""Poll one account: vendor -> `Fetched` or `PollFailed`, to the calculator.

A vendor's outage is a result, never a crash. The breaker decides when to ask again; a poll that a
crash or a stop cut short is simply polled again.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, assert_never

from costmon.actors.address import Address
from costmon.actors.base import Incarnation, SupervisedActor
from costmon.domain.poll import PollFailure, PollReport
from costmon.domain.resource import Inventory
from costmon.errors import FailureReason, ProviderError
from costmon.messages import Fetched, PollerMessage, PollFailed, RefreshRequested, Tick
from costmon.providers.base import Provider
from costmon.providers.breaker import Breaker

_POLL = "poll"


class Line(Protocol):
    """The open line to a vendor: a provider and the counts of what it asked."""

    provider: Provider

    def take_counts(self) -> tuple[int, tuple[tuple[FailureReason, int], ...]]:
        """Return requests and failures by reason since the last time."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PollerPlan:
    """What one poller polls.

    Attributes:
        account: The account's name.
        provider: The vendor's slug.
        interval_s: Seconds from the start of one cycle to the start of the next.
        connect: Opens the line, given a pause and a heartbeat: `pause(seconds)` waits and
            returns `False` when the wait was cut short, `beat()` says that work goes on.
    """

    account: str
    provider: str
    interval_s: float
    connect: Callable[[Callable[[float], bool], Callable[[], None]], Line]


class Poller(SupervisedActor[PollerMessage]):
    """Asks a vendor every few minutes what exists."""

    def __init__(self, incarnation: Incarnation, plan: PollerPlan, calculator: Address) -> None:
        super().__init__(incarnation)
        self._plan = plan
        self._calculator = calculator
        self._breaker = Breaker()
        self._line: Line | None = None
        self._cut_short = False

    def started(self) -> None:
        """Open the line and poll at once."""
        self._line = self._plan.connect(self._pause, self.beat)
        self.timer.after(_POLL, 0.0)

    def release(self) -> None:
        """Close the line."""
        if self._line is not None:
            self._line.close()

    def handle(self, message: PollerMessage) -> None:
        """Poll, because it is time or because somebody asked."""
        match message:
            case Tick():
                self._poll()
            case RefreshRequested(id=request_id):
                self.log.info("poller.refresh_requested", request_id=request_id)
                self._poll()
            case _:
                assert_never(message)

    def _pause(self, seconds: float) -> bool:
        whole = self.wait(seconds)
        self._cut_short = self._cut_short or not whole
        return whole

    def _poll(self) -> None:
        line = self._line
        if line is None:
            msg = "the poller has no connection: it was never started"
            raise RuntimeError(msg)
        started_at = self.clock.now()
        began_s = self.clock.monotonic_s()
        if not self._breaker.allows(began_s):
            self.log.info("poller.poll_skipped", breaker=self._breaker.state(began_s))
            return
        self._breaker = self._breaker.asked()
        try:
            outcome: Inventory | ProviderError = line.provider.inventory(
                self._plan.account, started_at
            )
        except ProviderError as error:
            outcome = error
        if self._cut_short:
            # Told to stop or to leave in the middle: nothing was learned, the next one polls again.
            self.log.info("poller.cycle_cut_short", account=self._plan.account)
            return
        self._judge(outcome)
        delay_s = self._delay_s(began_s)
        self.timer.after(_POLL, delay_s)
        self._report(line, outcome, started_at, began_s, delay_s)

    def _judge(self, outcome: Inventory | ProviderError) -> None:
        if isinstance(outcome, ProviderError):
            self._breaker = self._breaker.after_failure(
                self.clock.monotonic_s(),
                retryable=outcome.retryable,
                retry_after_s=outcome.retry_after_s,
            )
        else:
            self._breaker = self._breaker.after_success()

    def _delay_s(self, began_s: float) -> float:
        """Return seconds from now to the next cycle: the interval, or later if told to wait."""
        now_s = self.clock.monotonic_s()
        delay_s = max(0.0, began_s + self._plan.interval_s - now_s)
        if self._breaker.probe_at_s is not None:
            delay_s = max(delay_s, self._breaker.probe_at_s - now_s)
        return delay_s

    def _report(
        self,
        line: Line,
        outcome: Inventory | ProviderError,
        started_at: dt.datetime,
        began_s: float,
        delay_s: float,
    ) -> None:
        now, now_s = self.clock.now(), self.clock.monotonic_s()
        requests, failures = line.take_counts()
        failed = {outcome.reason} if isinstance(outcome, ProviderError) else set()
        # An error found after a response had arrived is not a failure of the connection.
        unseen = failed - {reason for reason, _ in failures}
        report = PollReport(
            cycle_id=self._cycle_id(started_at),
            account=self._plan.account,
            provider=self._plan.provider,
            started_at=started_at,
            duration_s=now_s - began_s,
            requests=requests,
            failures=(*failures, *((reason, 1) for reason in unseen)),
            breaker=self._breaker.state(now_s),
            next_poll_at=now + dt.timedelta(seconds=delay_s),
        )
        if isinstance(outcome, ProviderError):
            failure = PollFailure(reason=outcome.reason, message=str(outcome), failed_at=now)
            self.tell(self._calculator, PollFailed(report=report, failure=failure))
            self.log.warning(
                "poller.poll_failed",
                account=report.account,
                reason=failure.reason,
                error=failure.message,
                breaker=report.breaker,
                next_poll_s=round(delay_s, 1),
                cycle_id=report.cycle_id,
            )
            return
        self.tell(self._calculator, Fetched(report=report, inventory=outcome))
        self.log.info(
            "poller.inventory_fetched",
            account=report.account,
            resources=len(outcome.resources),
            gaps=tuple(gap.kind for gap in outcome.gaps),
            requests=requests,
            duration_s=round(report.duration_s, 3),
            cycle_id=report.cycle_id,
        )

    def _cycle_id(self, started_at: dt.datetime) -> str:
        # The suffix keeps two cycles apart when the wall clock was set back between them.
        suffix = self.rng.getrandbits(32)
        return f"{self._plan.account}@{started_at:%Y%m%dT%H%M%S.%fZ}-{suffix:08x}"

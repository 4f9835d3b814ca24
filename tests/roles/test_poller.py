"""The poller: outages are results, restarts poll again."""

import datetime as dt
import threading
import time
from decimal import Decimal

from costmon.actors.child import ChildSpec
from costmon.actors.roles.poller import Poller, PollerPlan
from costmon.errors import ProviderAuthError, ProviderServerError
from costmon.messages import Fetched, GetChildren, PollFailed, RefreshRequested
from costmon.testing.clock import START
from tests.roles.tree import PATIENCE_S, SOON, Ear, running
from tests.roles.values import ACCOUNT, droplet, inventory


def fault(kind, **fields):
    return kind(
        provider="digitalocean",
        endpoint="GET /v2/droplets",
        detail="it failed",
        hint="wait",
        **fields,
    )


class Line:
    """A vendor that plays a script; the last entry repeats."""

    def __init__(self, *script):
        self.script = list(script)
        self.provider = self
        self.fetches = 0
        self.closed = 0
        self.pause = None
        self.pausing = threading.Event()

    def open(self, pause, beat):
        self.pause = pause
        return self

    def inventory(self, account, now):
        self.fetches += 1
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, BaseException):
            raise step
        if callable(step):
            return step(self)
        return step

    def take_counts(self):
        return 2, (("server", 1),)

    def close(self):
        self.closed += 1


def poller(line, interval_s=3600.0, policy=SOON):
    plan = PollerPlan(
        account=ACCOUNT,
        provider="digitalocean",
        intervals={"inventory": interval_s},
        connect=line.open,
        stored=lambda _reading: None,
    )
    return ChildSpec(
        name="poller.digitalocean",
        build=lambda incarnation: Poller(incarnation, plan, incarnation.addresses["calculator"]),
        core=False,
        policy=policy,
    )


def polled(line, count, **options):
    ear = Ear()
    with running([ear.spec("calculator"), poller(line, **options)]):
        ear.wait_for(count)
    return ear.heard


def test_the_first_poll_is_at_the_start_and_the_line_is_closed_at_the_end():
    line = Line(inventory(droplet("web-1")))

    heard = polled(line, 1)

    assert isinstance(heard[0], Fetched)
    assert heard[0].reading.resources[0].monthly_cost == Decimal(12)
    assert heard[0].report.requests == 2
    assert line.closed == 1


def test_polls_repeat_with_ids_of_their_own():
    heard = polled(Line(inventory()), 3, interval_s=0.01)

    assert len({message.report.cycle_id for message in heard}) == len(heard)


def test_a_vendors_outage_is_a_result_and_no_crash():
    line = Line(fault(ProviderServerError), inventory())
    ear = Ear()

    with running([ear.spec("calculator"), poller(line, interval_s=0.01)]) as system:
        heard = ear.wait_for(2)
        children = {child.name: child for child in system.supervisor.ask(GetChildren(), PATIENCE_S)}

    assert isinstance(heard[0], PollFailed)
    assert heard[0].failure.reason == "server"
    assert isinstance(heard[1], Fetched)
    assert children["poller.digitalocean"].restarts == 0


def test_a_refused_token_opens_the_breaker_at_once_and_the_next_poll_is_far():
    heard = polled(Line(fault(ProviderAuthError)), 1, interval_s=1.0)

    failed = heard[0]
    assert failed.report.breaker == "open"
    wait = failed.report.next_poll_at - failed.report.started_at
    assert wait >= dt.timedelta(seconds=60)


def test_a_failure_that_the_line_did_not_see_is_counted_too():
    heard = polled(Line(fault(ProviderAuthError)), 1)

    assert dict(heard[0].report.failures) == {"server": 1, "auth": 1}


def test_the_vendors_retry_after_is_kept_to():
    heard = polled(Line(fault(ProviderServerError, retry_after_s=500.0)), 1, interval_s=1.0)

    wait = heard[0].report.next_poll_at - heard[0].report.started_at
    assert wait >= dt.timedelta(seconds=500)


def test_a_refresh_polls_now_but_not_against_an_open_breaker():
    good, refused = Line(inventory()), Line(fault(ProviderAuthError))
    for line, fetches in ((good, 2), (refused, 1)):
        ear = Ear()
        with running([ear.spec("calculator"), poller(line)]) as system:
            ear.wait_for(1)
            system.addresses["poller.digitalocean"].tell(RefreshRequested(id="r1"))
        assert line.fetches == fetches


def test_a_crash_in_a_poll_is_polled_again_by_the_next_incarnation():
    line = Line(RuntimeError("a bug in a parser"), inventory())

    heard = polled(line, 1)

    assert isinstance(heard[0], Fetched)
    assert line.closed >= 1


def test_a_stop_in_the_middle_of_a_pause_is_prompt_and_reports_no_failure():
    def waits(line):
        line.pausing.set()
        line.pause(3600.0)
        raise fault(ProviderServerError)

    line = Line(waits)
    ear = Ear()

    with running([ear.spec("calculator"), poller(line)]) as system:
        assert line.pausing.wait(PATIENCE_S)
        assert system.wait(0) is False

    assert ear.heard == []


class StoppedClock:
    """A wall clock that stands still, as one that was set back may do."""

    def now(self):
        return START

    def monotonic_s(self):
        return time.monotonic()


def test_a_clock_that_stands_still_does_not_repeat_a_cycle_id():
    ear = Ear()

    with running(
        [ear.spec("calculator"), poller(Line(inventory()), interval_s=0.01)], clock=StoppedClock()
    ):
        heard = ear.wait_for(3)

    assert len({message.report.cycle_id for message in heard}) == len(heard)

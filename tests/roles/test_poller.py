"""The poller: outages are results, restarts poll again."""

import datetime as dt
import threading
import time
from decimal import Decimal

import pytest

from costmon.actors.child import ChildSpec
from costmon.actors.roles.poller import Poller, PollerPlan
from costmon.domain.poll import ReadingKey, StoredReading
from costmon.domain.resource import Gap, Inventory
from costmon.domain.usage import UsageReading
from costmon.errors import ChargeError, ProviderAuthError, ProviderServerError
from costmon.messages import (
    ChargesCompleted,
    Fetched,
    GetChildren,
    PollFailed,
    ReadAgain,
    RefreshRequested,
)
from costmon.testing.clock import START, FakeClock
from tests.roles.tree import PATIENCE_S, SOON, Ear, running
from tests.roles.values import ACCOUNT, droplet, inventory
from tests.store import charges


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
        self.windows = []
        self.known_through = []
        self.usages = 0
        self.pausing = threading.Event()

    def open(self, pause, beat):
        self.pause = pause
        return self

    def charges(self, account, now, known_through):
        self.known_through.append(known_through)
        for step in self.windows:
            if isinstance(step, BaseException):
                raise step
            yield step(self) if callable(step) else step

    def usage(self, account, now):
        self.usages += 1
        return USAGE

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


USAGE = UsageReading(
    account=ACCOUNT,
    provider="digitalocean",
    observed_at=START,
    quantities=(),
    complete_through=None,
    gaps=(),
)
ALL = {"inventory": 3600.0, "charges": 86_400.0, "usage": 3600.0}


def poller(
    line,
    interval_s=3600.0,
    policy=SOON,
    intervals=None,
    stored=None,
    falls_to_zero=lambda _window: False,
):
    plan = PollerPlan(
        account=ACCOUNT,
        provider="digitalocean",
        intervals=intervals or {"inventory": interval_s},
        connect=line.open,
        stored=(stored or {}).get,
        falls_to_zero=falls_to_zero,
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
    seen = heard[0].reading
    assert isinstance(seen, Inventory)
    assert seen.resources[0].monthly_cost == Decimal(12)
    assert heard[0].report.requests == 2
    assert line.closed == 1


def test_polls_repeat_with_ids_of_their_own():
    heard = polled(Line(inventory()), 3, interval_s=0.01)

    assert len({message.report.cycle_id for message in heard}) == len(heard)


def test_a_report_says_by_how_much_the_clock_was_set_since_the_last_good_poll():
    clock, ear = FakeClock(), Ear()

    def set_back(_line):
        clock.step(-7200)
        return inventory()

    line = Line(inventory(), set_back, fault(ProviderServerError), inventory())
    with running([ear.spec("calculator"), poller(line, interval_s=0.0)], clock=clock):
        heard = ear.wait_for(4)

    steps = [it.report.clock_step_s for it in heard[:4] if isinstance(it, Fetched)]
    assert steps == [None, -7200, 0]
    assert {it.report.fresh_s for it in heard[:2]} == {60.0}


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


def test_the_vendors_retry_after_is_kept_to_but_not_for_a_day():
    heard = polled(Line(fault(ProviderServerError, retry_after_s=86_400.0)), 1, interval_s=1.0)

    wait = heard[0].report.next_poll_at - heard[0].report.started_at
    assert dt.timedelta(minutes=59) <= wait <= dt.timedelta(minutes=61)


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


def of_reading(heard, reading):
    return [message for message in heard if message.report.reading == reading]


def month(number, **facts):
    start = dt.datetime(2026, number, 1, tzinfo=dt.UTC)
    end = dt.datetime(2026, number + 1, 1, tzinfo=dt.UTC)
    return charges.window(start=start, end=end, account=ACCOUNT, provider="digitalocean", **facts)


def kinds(heard):
    return [(type(message).__name__, message.report.reading) for message in heard]


def test_each_reading_is_told_by_itself_and_charges_window_by_window():
    line = Line(inventory())
    line.windows = [month(11, complete_through=START), month(10), month(9)]
    ear = Ear()

    with running([ear.spec("calculator"), poller(line, intervals=ALL)]):
        heard = ear.wait_for(6)

    told = of_reading(heard, "charges")
    windows = [message.reading.start.month for message in told[:3]]
    assert windows == [11, 10, 9]
    assert isinstance(told[3], ChargesCompleted)
    assert (told[3].windows, told[3].complete_through) == (3, START)
    assert len({message.report.cycle_id for message in told}) == 1
    assert told[3].report.requests == 2 * 4
    assert {message.report.reading for message in heard} == {"inventory", "charges", "usage"}


def test_charges_that_name_no_complete_day_are_asked_again_from_where_they_count():
    line = Line(inventory())
    line.windows = [
        month(11, counted_through=START),
        month(10, counted_through=dt.datetime(2026, 11, 1, tzinfo=dt.UTC)),
    ]
    ear = Ear()

    with running([ear.spec("calculator"), poller(line, intervals=ALL)]):
        heard = ear.wait_for(5)

    assert of_reading(heard, "charges")[2].complete_through == START


def test_while_charges_are_read_what_else_is_due_has_its_turn():
    line = Line(inventory())
    second = threading.Event()
    line.windows = [month(11), lambda line: second.wait(PATIENCE_S) and month(10), month(9)]
    ear = Ear()

    with running([ear.spec("calculator"), poller(line, intervals=ALL)]) as system:
        ear.wait_until(lambda heard: len(of_reading(heard, "charges")) == 1)
        request = RefreshRequested(id="r1", readings=("inventory",))
        system.addresses["poller.digitalocean"].tell(request)
        second.set()
        heard = ear.wait_until(lambda heard: len(of_reading(heard, "charges")) == 4)

    order = [message.report.reading for message in heard]
    assert "inventory" in order[order.index("charges") + 1 : len(order) - 1]


def test_windows_before_an_error_count_and_the_reading_fails():
    line = Line(inventory())
    line.windows = [month(11), fault(ProviderServerError)]
    ear = Ear()

    with running([ear.spec("calculator"), poller(line, intervals=ALL)]):
        heard = ear.wait_until(lambda heard: len(of_reading(heard, "charges")) == 2)

    assert kinds(of_reading(heard, "charges")) == [
        ("Fetched", "charges"),
        ("PollFailed", "charges"),
    ]
    failed = of_reading(heard, "charges")[1]
    wait = failed.report.next_poll_at - failed.report.started_at
    assert wait < dt.timedelta(minutes=6), "a day is too long to wait after one failure"


def test_a_window_that_contradicts_itself_is_a_failure_and_no_crash():
    line = Line(inventory())
    line.windows = [ChargeError(ACCOUNT, "two rows have this key")]

    ear = Ear()
    with running([ear.spec("calculator"), poller(line, intervals=ALL)]) as system:
        heard = ear.wait_until(lambda heard: of_reading(heard, "charges"))
        children = {child.name: child for child in system.supervisor.ask(GetChildren(), PATIENCE_S)}

    assert of_reading(heard, "charges")[0].failure.reason == "schema"
    assert children["poller.digitalocean"].restarts == 0


def test_a_reading_that_fails_does_not_keep_another_from_being_read():
    line = Line(fault(ProviderAuthError))
    line.windows = [month(11)]
    ear = Ear()

    with running([ear.spec("calculator"), poller(line, intervals=ALL)]):
        heard = ear.wait_for(4)

    breakers = {message.report.reading: message.report.breaker for message in heard}
    assert breakers == {"inventory": "open", "charges": "closed", "usage": "closed"}


def stored(reading, ahead_s, complete_through=START):
    now = dt.datetime.now(dt.UTC)
    return StoredReading(
        key=ReadingKey(ACCOUNT, "digitalocean", reading),
        next_poll_at=now + dt.timedelta(seconds=ahead_s),
        last_success_at=now,
        complete_through=complete_through,
    )


def test_a_start_reads_no_charges_while_the_recorded_next_poll_lies_ahead():
    line = Line(inventory())
    past = {"charges": stored("charges", 3600), "inventory": stored("inventory", 3600)}
    ear = Ear()

    with running([ear.spec("calculator"), poller(line, intervals=ALL, stored=past)]):
        heard = ear.wait_for(2)

    assert sorted(kinds(heard)) == [("Fetched", "inventory"), ("Fetched", "usage")]
    assert line.known_through == []


def test_a_start_reads_charges_that_are_due_from_what_is_known():
    line = Line(inventory())
    past = {"charges": stored("charges", -1)}
    ear = Ear()

    with running([ear.spec("calculator"), poller(line, intervals=ALL, stored=past)]):
        ear.wait_until(lambda heard: of_reading(heard, "charges"))

    assert line.known_through == [START]


def test_a_recorded_next_poll_that_lies_further_ahead_than_the_interval_is_not_believed():
    line = Line(inventory())
    past = {"usage": stored("usage", 10**9)}
    ear = Ear()

    with running(
        [
            ear.spec("calculator"),
            poller(line, intervals={"inventory": 3600.0, "usage": 0.05}, stored=past),
        ]
    ):
        ear.wait_until(lambda heard: of_reading(heard, "usage"))

    assert of_reading(ear.heard, "usage")


def test_a_refresh_reads_what_it_names_even_if_it_is_not_due():
    line = Line(inventory())
    line.windows = [month(11)]
    past = {"charges": stored("charges", 3600), "usage": stored("usage", 3600)}
    ear = Ear()

    with running([ear.spec("calculator"), poller(line, intervals=ALL, stored=past)]) as system:
        ear.wait_for(1)
        system.addresses["poller.digitalocean"].tell(RefreshRequested(id="r1"))
        heard = ear.wait_for(5)

    assert sorted(kinds(heard)) == [
        ("ChargesCompleted", "charges"),
        ("Fetched", "charges"),
        ("Fetched", "inventory"),
        ("Fetched", "inventory"),
        ("Fetched", "usage"),
    ]


def test_a_refresh_asks_a_silenced_vendor_again_after_a_minute():
    line = Line(fault(ProviderServerError, retry_after_s=86_400.0), inventory())
    clock, ear = FakeClock(), Ear()

    with running([ear.spec("calculator"), poller(line)], clock=clock) as system:
        ear.wait_for(1)
        clock.advance(61)
        system.addresses["poller.digitalocean"].tell(RefreshRequested(id="r1"))
        heard = ear.wait_for(2)

    assert isinstance(heard[1], Fetched)


def test_what_could_not_be_kept_is_read_again():
    line = Line(inventory())
    line.windows = [month(11)]
    ear = Ear()

    with running([ear.spec("calculator"), poller(line, intervals=ALL)]) as system:
        ear.wait_until(lambda heard: len(of_reading(heard, "charges")) == 2)
        system.addresses["poller.digitalocean"].tell(ReadAgain(reading="charges"))
        ear.wait_until(lambda heard: len(of_reading(heard, "charges")) == 4)

    assert line.known_through == [None, None]


def test_usage_is_not_read_again_before_the_vendors_limit_whoever_asks():
    line = Line(inventory())
    ear = Ear()
    plan = PollerPlan(
        account=ACCOUNT,
        provider="digitalocean",
        intervals={"inventory": 3600.0, "usage": 0.01},
        least_intervals={"usage": 3600.0},
        connect=line.open,
        stored=lambda _reading: None,
        falls_to_zero=lambda _window: False,
    )
    spec = ChildSpec(
        name="poller.digitalocean",
        build=lambda incarnation: Poller(incarnation, plan, incarnation.addresses["calculator"]),
        core=False,
        policy=SOON,
    )

    with running([ear.spec("calculator"), spec]) as system:
        ear.wait_for(2)
        address = system.addresses["poller.digitalocean"]
        address.tell(RefreshRequested(id="r1", readings=("usage",)))
        address.tell(ReadAgain(reading="usage"))
        address.tell(RefreshRequested(id="r2", readings=("inventory",)))
        ear.wait_until(lambda heard: len(of_reading(heard, "inventory")) == 2)

    assert line.usages == 1


@pytest.mark.parametrize(
    ("waits", "gaps", "outcomes"),
    [
        (dt.timedelta(hours=23), (), ["PollFailed", "PollFailed"]),
        (dt.timedelta(hours=24), (), ["PollFailed", "Fetched", "ChargesCompleted"]),
        (dt.timedelta(days=9), (Gap(kind="charges", reason="x"),), ["PollFailed", "PollFailed"]),
    ],
    ids=["not for a day", "after a day", "never with a gap"],
)
def test_charges_that_are_all_gone_at_once_are_not_believed(waits, gaps, outcomes):
    clock, ear = FakeClock(), Ear()
    line = Line(inventory())
    line.windows = [lambda _line: month(11, observed_at=clock.now(), gaps=gaps)]
    spec = poller(line, intervals={"charges": 1e9}, falls_to_zero=lambda _window: True)

    with running([ear.spec("calculator"), spec], clock=clock) as system:
        (first,) = ear.wait_for(1)
        clock.advance(waits.total_seconds())
        system.addresses["poller.digitalocean"].tell(RefreshRequested(id="r"))
        heard = ear.wait_for(len(outcomes))

    assert first.failure.reason == "frozen"
    assert "everything that was charged since 2026-11-01 reads 0" in first.failure.message
    assert [type(message).__name__ for message in heard] == outcomes

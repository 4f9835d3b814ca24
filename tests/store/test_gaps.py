"""What was not seen is not history: what counts as observed, and what stands apart from it."""

import dataclasses
import datetime as dt
from decimal import Decimal
from itertools import pairwise

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costmon.domain.history import HistoryQuery
from costmon.domain.period import Period
from costmon.domain.poll import Observation
from costmon.state.readings import fresh_s
from costmon.store import open_store
from costmon.testing import samples
from costmon.testing.clock import START, FakeClock

DAY = 86_400
POLL_S = 300
LIMIT_S = fresh_s(POLL_S)
AN_HOUR = "720"
"""A month of it is 720 hours: it costs 1 an hour."""


class Life:
    """A service that polls one account, on a clock that can be set."""

    def __init__(self, store, clock):
        self.store, self.clock = store, clock
        self.token = store.claim("persister")
        self.offset_s = None
        self.polls = 0
        self.held = [samples.resource("1", monthly=AN_HOUR)]
        self.waiting = None

    def good(self):
        offset_s = self.clock.now().timestamp() - self.clock.monotonic_s()
        step_s = None if self.offset_s is None else offset_s - self.offset_s
        self.offset_s = offset_s
        self.polls += 1
        observation = Observation(
            report=dataclasses.replace(
                samples.report(f"c-{self.polls}", started_at=self.clock.now()),
                clock_step_s=step_s,
                fresh_s=LIMIT_S,
            ),
            inventory=samples.inventory(self.held, observed_at=self.clock.now()),
            failure=None,
            totals=None,
        )
        if self.waiting is None:
            self.store.record(observation, self.token)
        else:
            self.waiting.append(observation)

    def run(self, seconds):
        """Poll as planned for so long."""
        for _ in range(seconds // POLL_S):
            self.clock.advance(POLL_S)
            self.good()

    def restart(self, away_s=0.0):
        self.clock.advance(away_s)
        self.offset_s = None
        self.token = self.store.claim("persister")

    def days(self, **facts):
        query = HistoryQuery(
            period=Period(start=START - dt.timedelta(days=400), end=START + dt.timedelta(days=400)),
            step="day",
            group_by="total",
            **facts,
        )
        return {row.period.start.day: row for row in self.store.history(query)}

    def seconds(self):
        rows = self.days().values()
        return sum(row.observed_s for row in rows), sum(row.not_observed_s for row in rows)

    def money(self):
        rows = self.days().values()
        return sum(row.accrued for row in rows), sum(row.not_observed for row in rows)


@pytest.fixture
def clock():
    return FakeClock(START)


@pytest.fixture
def life(store, clock):
    return Life(store, clock)


def test_without_faults_all_of_the_time_is_observed(life):
    life.good()
    life.run(6 * 3600)

    assert life.seconds() == (6 * 3600, 0)
    assert life.money() == (6, 0)


def test_three_days_of_downtime_stand_apart(life):
    life.good()
    life.run(3600)
    life.restart(away_s=3 * DAY)
    life.good()
    life.run(3600)

    assert life.seconds() == (7200, 3 * DAY)
    assert life.money() == (2, 72)
    days = life.days()
    assert [(row.observed_s, row.not_observed_s) for row in days.values()] == [
        (3600, 13 * 3600),
        (0, DAY),
        (0, DAY),
        (3600, 11 * 3600),
    ]
    assert days[22].accrued == 0
    assert days[22].not_observed == 24
    assert days[22].average_monthly is None
    assert (days[22].last_monthly, days[22].resource_count) == (720, 1)


def test_what_was_not_observed_can_be_left_out(life):
    life.good()
    life.run(3600)
    life.restart(away_s=3 * DAY)
    life.good()

    days = life.days(not_observed=False)

    assert list(days) == [21, 24]
    assert {row.not_observed for row in days.values()} == {None}
    assert {row.not_observed_s for row in days.values()} == {None}
    assert days[21].accrued == 1


def test_a_restart_within_the_freshness_limit_is_no_gap(life):
    life.good()
    life.restart(away_s=POLL_S)
    life.good()

    assert life.seconds() == (POLL_S, 0)


def test_polls_that_fail_for_longer_than_the_freshness_limit_are_a_gap(life, look):
    life.good()
    life.clock.advance(LIMIT_S)
    life.good()
    life.clock.advance(LIMIT_S + 1)
    life.good()

    assert life.seconds() == (LIMIT_S, LIMIT_S + 1)
    assert look("SELECT DISTINCT reason FROM history_gap") == [("polls",)]


def test_a_clock_ahead_for_three_seconds_costs_nothing_and_accrual_goes_on_at_once(life):
    life.good()
    life.run(3600)
    life.clock.step(3 * DAY)
    life.clock.advance(2)
    life.good()
    ahead = life.seconds()
    life.clock.advance(1)
    life.clock.step(-3 * DAY)
    life.good()
    life.run(3600)

    assert ahead == (3602, 3 * DAY)
    assert life.seconds() == (7203, 0)
    assert life.money() == (pytest.approx(Decimal(7203) / 3600), 0)


def test_a_clock_that_was_set_back_for_good_counts_the_hour_that_passes_twice(life):
    life.good()
    life.run(2 * 3600)
    life.clock.step(-3600)
    life.run(2 * 3600)

    assert life.seconds() == (4 * 3600, 0)
    assert life.money() == (4, 0)


def test_after_a_jump_ahead_that_was_right_the_time_between_stands_apart(life, look):
    life.good()
    life.clock.advance(100)
    life.clock.step(8 * 3600)  # a machine that was suspended
    life.clock.advance(200)
    life.good()
    life.run(3600)

    assert life.seconds() == (300 + 3600, 8 * 3600)
    assert look("SELECT DISTINCT reason FROM history_gap") == [("clock",)]


def test_a_clock_that_was_back_for_seconds_makes_no_gap_of_what_was_seen(life):
    life.good()
    life.run(4 * 3600)
    life.clock.step(-7200)
    life.clock.advance(2)
    life.good()
    life.clock.advance(1)
    life.clock.step(7200)
    life.good()
    life.run(3600)

    # These three seconds were seen under another time of day.
    assert life.seconds() == (5 * 3600 + 3, 3)


def test_polls_that_waited_in_the_journal_count_by_when_they_were_made(life):
    life.good()
    life.waiting = []
    life.run(3600)
    life.clock.step(-2 * 3600)
    life.run(3600)
    life.clock.advance(3 * 3600)
    for observation in life.waiting:
        life.store.record(observation, life.token)

    assert life.seconds() == (7200, 0)


def test_changes_while_the_clock_was_ahead_leave_intervals_in_order(life, look):
    life.good()
    life.clock.step(3 * DAY)
    life.held = [samples.resource("1", monthly="1440"), samples.resource("2")]
    life.run(600)
    life.clock.step(-3 * DAY)
    life.held = [samples.resource("2"), samples.resource("3", created_at=START)]
    life.run(600)
    life.held = [samples.resource("1", monthly="72")]
    life.run(600)

    [latest] = life.store.latest()
    assert [it.id for it in latest.inventory.resources] == ["1"]
    rows = look("SELECT valid_from, valid_to FROM rate_interval")
    now = int(life.clock.now().timestamp() * 1e6)
    assert all(end is None or start <= end <= now for start, end in rows)
    assert all(start <= now for start, _ in rows)


def test_what_began_during_a_gap_costs_from_its_beginning(life):
    life.good()
    life.restart(away_s=10 * 3600)
    born = life.clock.now() - dt.timedelta(hours=4)
    life.held = [*life.held, samples.resource("2", monthly=AN_HOUR, created_at=born)]
    life.good()

    assert life.money() == (0, 14)


TABLES = (
    "account",
    "rate_interval",
    "resource",
    "poll_cycle",
    "daily_rollup",
    "daily_coverage",
    "history_gap",
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.integers(1, 6)),
        st.tuples(st.just("pass"), st.sampled_from([1, 299, 659, 661, 5000, DAY, 3 * DAY])),
        st.tuples(st.just("step"), st.sampled_from([-3 * DAY, -7200, -100, 100, 7200, 3 * DAY])),
        st.tuples(st.just("restart"), st.sampled_from([0, 10, 5000, 2 * DAY])),
    ),
    max_size=10,
)


class Truth:
    """How long the account was observed, by what really passed."""

    def __init__(self, clock):
        self.clock = clock
        self.observed_s = 0.0
        self.last_s: float | None = None
        self.last_at: dt.datetime | None = None
        self.restarted = False

    def good(self):
        if self.last_s is not None and self.last_at is not None:
            elapsed_s = self.clock.monotonic_s() - self.last_s
            if self.restarted:  # a new process has only the wall clock to compare
                elapsed_s = (self.clock.now() - self.last_at).total_seconds()
            if 0 < elapsed_s <= LIMIT_S:
                self.observed_s += elapsed_s
        self.last_s, self.last_at = self.clock.monotonic_s(), self.clock.now()
        self.restarted = False


def play(steps, life, truth):
    for step in [*steps, ("run", 1)]:
        match step:
            case ("run", polls):
                for _ in range(polls):
                    life.clock.advance(POLL_S)
                    life.good()
                    truth.good()
            case ("pass", seconds):
                life.clock.advance(seconds)
            case ("step", seconds):
                life.clock.step(seconds)
            case ("restart", seconds):
                life.restart(seconds)
                truth.restarted = True
            case _:
                raise AssertionError(step)


@given(steps=STEPS)
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_happens_only_what_was_observed_counts_as_observed(steps, sqlite_url):
    engine = sa.create_engine(sqlite_url)
    with engine.begin() as connection:
        for table in TABLES:
            connection.execute(sa.text(f"DELETE FROM {table}"))
    clock = FakeClock(START)
    truth = Truth(clock)
    with open_store(sqlite_url, clock=clock) as store:
        life = Life(store, clock)
        play(steps, life, truth)
        money, apart = life.money()
    with engine.connect() as connection:
        gaps = connection.execute(
            sa.text("SELECT started_at, ended_at FROM history_gap WHERE kind = '' ORDER BY 1")
        ).all()
        seen = connection.execute(sa.text("SELECT sum(observed_us) FROM daily_coverage")).scalar()
    engine.dispose()

    assert seen == pytest.approx(truth.observed_s * 1e6, abs=1_000)
    assert money == pytest.approx(Decimal(truth.observed_s) / 3600, abs=Decimal("0.00001"))
    assert apart >= 0
    now = int(clock.now().timestamp() * 1e6)
    assert all(start < end <= now for start, end in gaps)
    assert all(end <= after for (_, end), (after, _) in pairwise(gaps)), "no time is missing twice"

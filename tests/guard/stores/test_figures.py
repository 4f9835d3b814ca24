"""Whatever programs on a store do, figures and refusals are those of the reference.

`TEST_TIMES=20 pytest tests/guard/stores/test_figures.py` tries 20 times as many sequences, other
ones each time.
"""

import os
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.guard.stores.kinds import KINDS, POSTGRES, REDIS
from tests.guard.stores.world import DAY_S, World

TIMES = int(os.environ.get("TEST_TIMES", "0"))
HOUR_S = 3600
MOST_PROGRAMS = 4
MOST_S = 35 * DAY_S
"""A store in memory forgets usage after 40 days."""

SCOPES = ("global", "key:a", "key:b", "host:h.example")
PATTERNS = (*SCOPES, "host:*", "key:*")
PERIODS = ("hour", "day", "month", "total", "rolling:2h", "rolling:24h")
CHAINS = (
    ("global",),
    ("key:a",),
    ("key:a", "key:b"),
    ("host:h.example",),
    ("host:h.example", "key:b"),
)
# No time to live ends within a minute of a step: servers' clocks go on during the test.
TTLS_S = (HOUR_S - 900, 2 * DAY_S - 900, 20 * DAY_S - 900)
STEPS_S = (60, 1800, HOUR_S, 2 * HOUR_S, DAY_S, 12 * DAY_S)

number = st.integers(0, 3)
scope = st.sampled_from(SCOPES)
period = st.sampled_from(PERIODS)
pattern = st.sampled_from(PATTERNS)
limit = st.integers(0, 20)
budgets = st.dictionaries(st.tuples(pattern, period), limit, max_size=3)
cost = st.integers(0, 9)


class Figures(RuleBasedStateMachine):
    """Programs on one store do what they can, in any order."""

    new_place: ClassVar[Any]

    def __init__(self):
        super().__init__()
        self._passed_s = 0
        self._context = self.new_place()
        place, clock = self._context.__enter__()
        self.world = World(place, clock)

    def teardown(self):
        try:
            if not self.world.failed:
                self._read_everything()
        finally:
            self.world.close()
            self._context.__exit__(None, None, None)

    def _read_everything(self):
        for program in range(len(self.world.running)):
            self.world.look(program)
        self._read(PERIODS)
        self.world.set_clock(-HOUR_S)
        self._read(("hour", "rolling:2h"))

    def _read(self, periods):
        for one in SCOPES:
            for length in periods:
                self.world.read(0, one, length, times=1)

    @initialize(budgets=budgets, zone=st.sampled_from(["UTC", "Asia/Kolkata"]))
    def begin(self, budgets, zone):
        self.world.be_in(zone)
        self.world.start(budgets)

    @precondition(lambda self: len(self.world.running) < MOST_PROGRAMS)
    @rule(budgets=budgets)
    def start(self, budgets):
        self.world.start(budgets)

    @precondition(lambda self: len(self.world.running) > 1)
    @rule(program=number)
    def stop(self, program):
        self.world.stop(program)

    @rule(program=number)
    def restart(self, program):
        self.world.restart(program)

    @rule(program=number, chain=st.sampled_from(CHAINS), cost=cost, ttl_s=st.sampled_from(TTLS_S))
    def reserve(self, program, chain, cost, ttl_s):
        self.world.reserve(program, chain, cost, ttl_s)

    @rule(program=number, chain=st.sampled_from(CHAINS), cost=cost)
    def spend(self, program, chain, cost):
        if self.world.reserve(program, chain, cost, HOUR_S - 900):
            self.world.end(-1, None, cost)

    @precondition(lambda self: self.world.leases)
    @rule(lease=st.integers(0, 30), by=st.none() | number, cost=cost)
    def settle(self, lease, by, cost):
        self.world.end(lease, by, cost)

    @precondition(lambda self: self.world.leases)
    @rule(lease=st.integers(0, 30), by=st.none() | number)
    def release(self, lease, by):
        self.world.end(lease, by, None)

    @rule(program=number, keys=st.sampled_from([(), ("key:a",)]), cost=cost)
    def charge(self, program, keys, cost):
        self.world.charge(program, "h.example", keys, cost)

    @rule(seconds=st.sampled_from(STEPS_S))
    def let_pass(self, seconds):
        if self._passed_s + seconds <= MOST_S:
            self._passed_s += seconds
            self.world.let_pass(seconds)

    @rule(seconds=st.sampled_from((-2 * HOUR_S, -HOUR_S, -60, HOUR_S)))
    def set_clock(self, seconds):
        if self._passed_s + seconds <= MOST_S:
            self._passed_s += max(0, seconds)
            self.world.set_clock(seconds)

    @rule(program=number, scope=pattern, period=period, limit=limit)
    def set_budget(self, program, scope, period, limit):
        self.world.set_budget(program, scope, period, limit)

    @rule(program=number, scope=pattern, period=period)
    def remove_budget(self, program, scope, period):
        self.world.remove_budget(program, scope, period)

    @rule(
        program=number,
        scope=scope,
        tier=st.sampled_from([None, "standard", "premium", "limited", "blocked"]),
        custom_budget=st.none() | limit,
    )
    def configure(self, program, scope, tier, custom_budget):
        self.world.configure(program, scope, tier, custom_budget)

    @rule(program=number, scope=scope)
    def unconfigure(self, program, scope):
        self.world.unconfigure(program, scope)

    @rule(program=number, scope=scope, period=period)
    def reset(self, program, scope, period):
        self.world.reset(program, scope, period)

    @rule(program=number, scope=scope, period=period)
    def read(self, program, scope, period):
        self.world.read(program, scope, period)

    @rule(program=number)
    def look(self, program):
        self.world.look(program)


@pytest.mark.timeout(600 * max(1, TIMES))
@pytest.mark.parametrize(
    ("new_place", "examples"),
    [
        pytest.param("memory", 60, id="memory"),
        pytest.param("sqlite", 30, id="sqlite"),
        pytest.param("postgresql", 5, id="postgresql", marks=POSTGRES.marks),
        pytest.param("redis", 20, id="redis", marks=REDIS.marks),
    ],
    indirect=["new_place"],
)
def test_figures_and_refusals_are_those_of_the_reference(new_place, examples):
    class Here(Figures):
        """On this store."""

    Here.new_place = staticmethod(new_place)

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples * max(1, TIMES),
            stateful_step_count=30,
            derandomize=not TIMES,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def world(new_place):
    with new_place() as (place, clock):
        made = World(place, clock)
        yield made
        made.close()


def spend(world, program, chain, cost):
    assert world.reserve(program, chain, cost, 60)
    world.end(-1, None, cost)


@pytest.mark.parametrize("new_place", KINDS, indirect=True)
def test_reading_a_scope_without_a_budget_does_not_hide_what_it_spends_later(world):
    world.start({("key:a", "day"): 100})
    spend(world, 0, ("key:a",), 1)
    world.read(0, "global", "day")
    for _ in range(4):
        spend(world, 0, ("key:a",), 1)
    world.read(0, "global", "day")

    world.set_budget(0, "global", "day", 6)

    assert world.reserve(0, ("key:a",), 1, 60)
    assert not world.reserve(0, ("key:a",), 1, 60)


@pytest.mark.parametrize("new_place", KINDS, indirect=True)
def test_a_program_with_another_period_does_not_end_the_count_of_a_month(world):
    world.start()
    spend(world, 0, ("global",), 1)
    world.start({("global", "day"): 9})
    spend(world, 1, ("global",), 5)

    world.start({("global", "month"): 10})

    assert not world.reserve(2, ("global",), 5, 60)
    assert world.reserve(2, ("global",), 4, 60)


@pytest.mark.parametrize("new_place", KINDS, indirect=True)
def test_a_new_budget_counts_the_calls_in_flight(world):
    world.start({("key:a", "day"): 100})
    assert world.reserve(0, ("key:a",), 5, 60)
    world.set_budget(0, "global", "day", 6)

    assert not world.reserve(0, ("key:a",), 2, 60)
    world.end(0, None, 5)

    world.read(0, "global", "day")
    world.read(0, "global", "month")


@pytest.mark.parametrize("new_place", KINDS, indirect=True)
def test_a_clock_that_is_set_back_finds_calls_in_flight_from_before_a_budget(world):
    world.start()
    assert world.reserve(0, ("global",), 5, 60)
    world.set_clock(HOUR_S)
    world.set_budget(0, "global", "hour", 10)
    assert world.reserve(0, ("global",), 0, 60)

    world.set_clock(-HOUR_S)

    world.read(0, "global", "hour")
    assert not world.reserve(0, ("global",), 6, 60)
    world.end(0, None, 7)
    world.read(0, "global", "hour")

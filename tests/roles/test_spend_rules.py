"""The alerter's rules: what holds after each bucket, what opens a circuit, and restarts."""

import datetime as dt
import random
from decimal import Decimal

import pytest

from costmon.actors.spend_rules import RulePlan, SpendRules
from costmon.alerts.openings import threshold_opening
from costmon.alerts.rule_found import rule_broken
from costmon.alerts.rules import Standing
from costmon.domain.circuit import Circuit
from costmon.domain.finding import Series
from costmon.domain.policy import Policy
from costmon.domain.rule import Breaker, Rule
from costmon.state.published import Published
from costmon.store.spend import SavedWatch

START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
BUCKET = dt.timedelta(minutes=5)
OPENAI = Series("provider:openai", "USD")
RULE = Rule(
    "provider:openai",
    hourly=Decimal(10),
    daily=Decimal(1000),
    breaker=Breaker(enabled=True, threshold_multiplier=Decimal(3)),
)


class Spent:
    """What was spent, by the ends of buckets."""

    def __init__(self):
        self.rows = {}
        self.state: SavedWatch | None = None

    def rule_state(self):
        return self.state

    def save_rule_state(self, saved):
        self.state = saved

    def buckets(self, after, until):
        return {at: row for at, row in self.rows.items() if after < at <= until}


class World:
    """One database, and incarnations of the alerter's rules on it."""

    def __init__(self, *rules):
        self.spent = Spent()
        self.circuits: tuple[Circuit, ...] = ()
        self.standings: Published[tuple[Standing, ...]] = Published(())
        self.plan = RulePlan(
            rules=rules or (RULE,),
            open_store=lambda: self.spent,
            bucket_s=300,
            policy=lambda: Policy("r", (), self.circuits),
            standings=self.standings,
        )
        self.number = 0
        self.start()

    def start(self):
        self.rules = SpendRules(self.plan, lambda: None)

    def bucket(self, amount=None, series=OPENAI):
        """Let a bucket be over; return its outcomes."""
        self.number += 1
        at = START + self.number * BUCKET
        if amount is not None:
            self.spent.rows[at] = {series: Decimal(amount)}
        return list(self.rules.closed(at))


def holding(outcomes):
    return [one.kind for one in outcomes if one.holds]


def test_an_hour_above_the_limit_holds_until_it_has_passed():
    world = World()
    quiet = [world.bucket("1") for _ in range(3)]
    above = world.bucket("9")
    later = [world.bucket() for _ in range(12)]

    assert [holding(one) for one in quiet] == [[], [], []]
    assert holding(above) == ["hourly"]
    assert [one.kind for found in later for one in found if not one.holds] == ["hourly"]
    assert world.standings.read()[0].hourly == 0


def test_what_is_told_names_the_money_and_what_to_do():
    world = World()
    world.bucket("1")
    (outcome,) = world.bucket("11")

    condition = rule_broken(outcome)

    assert condition.text == (
        "provider:openai: 12.00 USD in the last hour; the limit is 10.00 USD."
        " `costmon status` shows every rule;"
        " `costmon circuits open provider:openai` stops guarded calls."
    )
    assert condition.severity == "warning"


def test_three_times_the_limit_opens_the_circuit_and_is_critical():
    world = World()
    world.bucket("1")
    (outcome,) = world.bucket("31")

    opening = threshold_opening(outcome)

    assert opening is not None
    assert (opening.scope, opening.cause) == ("provider:openai", "threshold")
    assert rule_broken(outcome).severity == "critical"


def test_during_a_trial_only_what_is_spent_from_then_on_opens_it_again():
    world = World()
    world.bucket("1")
    world.bucket("31")
    world.circuits = (
        Circuit(
            "provider:openai",
            "open",
            "a loop",
            "rule provider:openai",
            START,
            START + BUCKET,
            1,
            trial_ends_at=START + dt.timedelta(hours=2),
        ),
    )

    calm, wild = world.bucket("0.1"), world.bucket("3")

    assert [one.passes_breaker for one in calm] == [False]
    assert [one.passes_breaker for one in wild] == [True]


def test_a_restart_says_what_holds_and_what_has_ended_meanwhile():
    world = World()
    world.bucket("1")
    world.bucket("11")
    world.start()
    still = world.bucket()
    for _ in range(12):
        world.number += 1
    world.start()
    over = world.bucket()

    assert holding(still) == ["hourly"]
    assert holding(over) == []
    assert "hourly" in [one.kind for one in over]


@pytest.mark.parametrize("seed", range(2))
def test_what_is_usual_is_the_same_after_restarts_at_any_moment(seed):
    rng = random.Random(seed)
    rule = RULE._replace(hourly=Decimal(500), daily=None)
    undisturbed, killed = World(rule), World(rule)
    expected, seen = [], []
    for number in range(4 * 288):
        amount = "20" if number < 288 else "5" if number % 700 > 690 else "0.5"
        expected.append(undisturbed.bucket(amount))
        if rng.random() < 0.02:
            killed.start()
        seen.append(killed.bucket(amount))

    assert [holding(one) for one in seen] == [holding(one) for one in expected]
    assert killed.standings.read() == undisturbed.standings.read()
    killed.start()
    assert holding(killed.bucket("60")) == holding(undisturbed.bucket("60")) == []
    assert holding(killed.bucket("300")) == holding(undisturbed.bucket("300")) == ["spike"]


def test_what_was_kept_and_cannot_be_read_is_replaced_by_the_buckets():
    world = World()
    world.bucket("1")
    world.bucket("11")
    world.spent.state = SavedWatch(START, b"from the future")
    world.start()

    assert holding(world.bucket()) == ["hourly"]


def test_scopes_without_a_rule_and_amounts_in_another_currency_are_not_looked_at():
    world = World()

    assert world.bucket("99", Series("tag:a", "USD")) == []
    assert world.bucket("99", Series("provider:openai", "EUR")) == []
    assert world.standings.read() == ()


def test_what_a_vendor_has_counted_is_compared_with_a_rule_for_its_account():
    world = World(RULE._replace(scope="account:*"))

    assert holding(world.bucket("11", Series("account:main", "USD"))) == ["hourly"]
    world.bucket("10000", Series("account:other", "output_tokens"))
    assert {it.scope for it in world.standings.read()} == {"account:main"}


def test_money_that_is_taken_back_is_not_less_than_nothing():
    world = World()
    world.bucket("5")
    world.bucket("-50")

    assert holding(world.bucket("6")) == ["hourly"]

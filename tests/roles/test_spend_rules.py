"""The alerter's rules: what holds after each bucket, what opens a circuit, and restarts."""

import dataclasses
import datetime as dt
import random
from decimal import Decimal

import pytest

from costmon.actors.spend_rules import RulePlan, SpendRules
from costmon.alerts.openings import threshold_opening
from costmon.alerts.rule_found import rule_broken
from costmon.alerts.rules import Standing
from costmon.domain.charge_report import ChargeTotal, CompleteDay
from costmon.domain.circuit import Circuit
from costmon.domain.finding import Series
from costmon.domain.policy import Policy
from costmon.domain.rule import Breaker, Rule
from costmon.state.charges import ChargeState, nothing_known
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
        self.charges: ChargeState = nothing_known(START, START.date())
        self.standings: Published[tuple[Standing, ...]] = Published(())
        self.plan = RulePlan(
            rules=rules or (RULE,),
            open_store=lambda: self.spent,
            bucket_s=300,
            policy=lambda: Policy("r", (), self.circuits),
            standings=self.standings,
            providers={"main": "openai", "other": "openai", "repo": "github"},
            charges=lambda: self.charges,
        )
        self.number = 0
        self.start()

    def start(self):
        self.rules = SpendRules(self.plan, lambda: None)

    def bucket(self, amount=None, series=OPENAI, **others):
        """Let a bucket be over; return its outcomes; others are accounts and what they cost."""
        self.number += 1
        at = START + self.number * BUCKET
        row = {} if amount is None else {series: Decimal(amount)}
        row |= {Series(f"account:{name}", "USD"): Decimal(it) for name, it in others.items()}
        if row:
            self.spent.rows[at] = row
        return list(self.rules.closed(at))

    def charge(self, day, **accounts):
        """Let a day be the last complete one of accounts, with what it was charged."""
        days = tuple(
            CompleteDay(
                account=name,
                provider=self.plan.providers.get(name, "gone"),
                day=START.date() + dt.timedelta(days=day),
                totals=(charged(Decimal(amount)),),
            )
            for name, amount in accounts.items()
        )
        self.charges = dataclasses.replace(self.charges, last_days=days)


def charged(amount, currency="USD"):
    return ChargeTotal("all", "main", "openai", currency, "billed", "all", amount, amount, 1)


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


def test_a_rule_for_a_provider_holds_on_the_larger_of_guards_and_the_counters_of_its_accounts():
    world = World(RULE)

    assert holding(world.bucket("7", main="4", other="5", repo="99")) == []
    (above,) = world.bucket("1", main="1", other="1")
    (larger,) = world.bucket("20")
    over = [world.bucket() for _ in range(13)]

    assert (above.observed, above.source, above.holds) == (11, "vendors", True)
    assert above.text == (
        "provider:openai: 11.00 USD in the last hour, by the vendor's counters at list price;"
        " the limit is 10.00 USD."
    )
    assert (larger.observed, larger.source) == (28, "guards")
    assert larger.since == above.since
    ends = [one for found in over for one in found if not one.holds]
    assert [one.kind for one in ends] == ["hourly"]
    assert ends[0].at == larger.at + 12 * BUCKET


def test_small_amounts_of_what_meters_report_are_told_in_figures_that_are_not_0():
    world = World(RULE._replace(scope="app:*", hourly=Decimal("0.0004"), breaker=Breaker()))

    (found, *_) = (it for it in world.bucket("0.0019", Series("app:shop", "USD")) if it.holds)

    assert rule_broken(found).text == (
        "app:shop: 0.0019 USD in the last hour, by the meter at list price; the limit is"
        " 0.0004 USD. `costmon status` shows every rule."
    )


def test_a_rule_for_everything_counts_the_counters_of_all_accounts_and_not_what_meters_report():
    world = World(RULE._replace(scope="global"))

    found = world.bucket("50", Series("app:shop", "USD"), main="6", repo="7")

    held = [(one.kind, one.observed, one.source) for one in found if one.holds]
    assert held == [("hourly", 13, "vendors")]


def test_a_day_that_was_charged_above_the_limit_is_told_once_and_opens_nothing():
    world = World(RULE._replace(scope="provider:*", daily=Decimal(50)))
    world.charge(-1, repo="20", main="30", other="31", gone="1000")
    begins = world.bucket()
    (lasts,) = world.bucket()
    (standing,) = (one for one in world.standings.read() if one.scope == "provider:openai")
    world.charge(0, repo="20", main="30", other="19")
    ends = world.bucket()

    assert [(one.scope, one.kind) for one in begins if one.holds] == [("provider:openai", "daily")]
    assert (lasts.observed, lasts.passes_breaker, lasts.source) == (61, False, "charges")
    assert rule_broken(lasts).cause == rule_broken(next(it for it in begins if it.holds)).cause
    assert lasts.text == (
        "provider:openai: 61.00 USD charged for the last complete day; the limit is 50.00 USD."
    )
    assert standing.hourly is None
    assert standing.daily == 61
    assert standing.exceeded == ("daily",)
    assert [(one.kind, one.holds) for one in ends] == [("daily", False)]


def test_charges_in_another_currency_are_not_taken_for_nothing():
    world = World(RULE)
    world.charge(0, main="30")
    (day,) = world.charges.last_days
    euros = dataclasses.replace(day, totals=(charged(Decimal(30), "EUR"),))
    world.charges = dataclasses.replace(world.charges, last_days=(euros,))
    world.bucket()

    assert world.standings.read() == ()


def test_money_that_is_taken_back_is_not_less_than_nothing():
    world = World()
    world.bucket("5")
    world.bucket("-50")

    assert holding(world.bucket("6")) == ["hourly"]

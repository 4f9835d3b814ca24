"""Levels of budgets and quotas are told once per period, a jump over several in one message."""

import datetime as dt
from decimal import Decimal

import pytest

from costmon.alerts.caps import budget_crossings, quota_crossings
from costmon.alerts.memory import Memory
from costmon.domain.budget import Budget
from costmon.domain.cap import DEFAULT_LEVELS, BudgetUse, Cap, Quota, QuotaUse

NOW = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)
MONTH = dt.datetime(2026, 11, 1, 10, tzinfo=dt.UTC)


def use(spent, *, limit="20", start=dt.date(2026, 11, 1), **changes):
    fields = {"left_out": (), "rates": (), "estimated": False, "source": "charges"}
    cap = Cap(Budget("provider:vercel", limit, "month", "USD"), DEFAULT_LEVELS, enforce=False)
    amount = None if spent is None else Decimal(spent)
    return BudgetUse(cap=cap, spent=amount, period_start=start, **{**fields, **changes})


class Told:
    """What was told so far, and the next figure."""

    def __init__(self):
        self.memory = {}

    def see(self, *uses, find=budget_crossings):
        crossings = find(uses, self.memory)
        for crossing in crossings:
            for name in crossing.crossed:
                self.memory[name] = Memory(
                    announced=True, said_at=NOW, suppressed=0, last_cause=crossing.cause
                )
        return [crossing.condition for crossing in crossings]


def test_each_level_is_told_once():
    told = Told()

    levels = [len(told.see(use(spent))) for spent in (9, 10, 11, 16, 16, 19.99, 20, 25)]

    assert levels == [0, 1, 0, 1, 0, 0, 1, 0]


def test_a_jump_over_several_levels_is_one_message_about_the_highest():
    told = Told()

    (condition,) = told.see(use(21))

    assert condition.event == "alerter.budget_exceeded"
    assert condition.severity == "critical"
    assert told.see(use(21)) == []


def test_a_figure_that_was_corrected_does_not_repeat_what_was_told():
    told = Told()
    told.see(use(21))

    assert told.see(use(9)) == []
    assert told.see(use(17)) == []
    assert told.see(use(22)) == []


def test_a_new_month_and_another_limit_are_told_again():
    told = Told()
    told.see(use(21))

    assert len(told.see(use(21, start=dt.date(2026, 12, 1)))) == 1
    assert len(told.see(use(21, limit="20.5"))) == 1


def test_what_is_unknown_crosses_nothing():
    assert Told().see(use(None)) == []


def test_charges_and_guards_are_told_apart():
    told = Told()

    assert len(told.see(use(21), use(21, source="guards"))) == 2


def test_the_message_says_how_much_of_what_and_what_to_do():
    (condition,) = Told().see(
        use(
            "16.004",
            estimated=True,
            rates=("1 EUR = 1.04 USD (ECB, 2024-12-31)",),
            left_out=("XTS",),
        )
    )

    assert condition.text == (
        "provider:vercel: 16.00 USD of 20.00 USD (80 %) has been charged this month. "
        "A part of it is estimated. Converted at 1 EUR = 1.04 USD (ECB, 2024-12-31). "
        "Not included, because there is no exchange rate: XTS. "
        "`costmon costs` shows what it is made of."
    )


def test_99_9_percent_is_not_shown_as_100():
    (condition,) = Told().see(use("19.99"))

    assert "(99 %)" in condition.text


def quota_use(used, *, period="month", start=MONTH):
    quota = Quota(
        provider="vercel",
        account=None,
        quota="edge_requests",
        unit="Requests",
        limit=Decimal(1_000_000),
        period=period,
        levels=DEFAULT_LEVELS,
        plan="hobby",
        per_project=False,
        source="docs",
        as_of=NOW.date(),
    )
    return QuotaUse(
        quota=quota,
        account="vercel",
        project=None,
        used=Decimal(used),
        estimated=False,
        observed_at=NOW,
        period_start=start,
        resets_at=None if period == "now" else dt.datetime(2026, 12, 1, tzinfo=dt.UTC),
    )


def test_a_quota_is_told_in_units_with_the_plan_and_the_reset():
    (condition,) = Told().see(quota_use(850_000), find=quota_crossings)

    assert condition.text == (
        "vercel, vercel: 850000 Requests of 1000000 (85 %) of edge_requests of the plan hobby used "
        "this month. It resets on 2026-12-01 00:00 UTC. Use less, or move to a larger plan; change "
        "the limit in [[quota]] of costmon.toml."
    )
    assert condition.event == "alerter.quota_level_reached"


@pytest.mark.parametrize("later", [NOW, NOW + dt.timedelta(hours=5), NOW + dt.timedelta(days=3)])
def test_a_level_that_is_read_again_in_the_same_month_is_not_repeated(later):
    told = Told()
    told.see(quota_use(850_000, period="now", start=NOW), find=quota_crossings)

    assert told.see(quota_use(850_000, period="now", start=later), find=quota_crossings) == []

"""Budgets and thresholds: checked when they are made, equal when they say the same."""

import copy
import pickle
from decimal import Decimal

import pytest

from costmon.domain.budget import Budget, Thresholds
from costmon.errors import AmountError, BudgetError, ScopeError


def test_a_budget_is_brought_into_its_one_spelling():
    written = Budget("host:https://X.test:443/", "10.0", "monthly", "usd")

    assert written == Budget("host:x.test", 10, "month", "USD")
    assert written.limit_nano == 10_000_000_000


def test_a_month_is_meant_when_no_period_is_given():
    assert Budget("global", 1).period == "month"


def test_a_budget_of_nothing_is_one():
    assert Budget("global", 0).limit == 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("planet:x", 1), ScopeError),
        (("global", -1), AmountError),
        (("global", "NaN"), AmountError),
        (("global", 1, "fortnight"), BudgetError),
        (("global", 1, "day", "dollars"), AmountError),
    ],
)
def test_what_is_no_budget_is_refused(arguments, error):
    with pytest.raises(error):
        Budget(*arguments)


@pytest.mark.parametrize("percent", [0, 100.1, -5, "NaN", "eighty", None, True])
def test_what_is_no_percentage_is_refused(percent):
    with pytest.raises(BudgetError, match="percentage"):
        Thresholds(percent)
    with pytest.raises(BudgetError, match="percentage"):
        Thresholds(80, percent)


def test_thresholds_are_exact():
    assert Thresholds("33.3", 95.5) == (Decimal("33.3"), Decimal("95.5"))


def test_budgets_can_be_copied_and_sent_to_other_processes():
    budget = Budget("host:*", "0.1", "rolling:24h", "EUR", Thresholds(50, 90))

    assert pickle.loads(pickle.dumps(budget)) == copy.deepcopy(budget) == budget

"""Levels of budgets, `[[quota]]` and `[fx]`: what they may say, and every fault at once."""

import datetime as dt
import tomllib
from decimal import Decimal

import pytest

from costmon.config import Providers
from costmon.config.file import check_file
from costmon.domain.cap import DEFAULT_LEVELS
from costmon.providers import digitalocean

QUOTA = "[[quota]]\nprovider = 'digitalocean'\nquota = 'egress'\nunit = 'GB'\nlimit = 500\n"


def read(text):
    providers = Providers((digitalocean.info,))
    return check_file(tomllib.loads(text, parse_float=Decimal), providers)


def faults_of(text):
    return {fault.name: fault.accepted for fault in read(text).faults}


def test_a_budget_tells_people_at_50_80_and_100_percent_by_default():
    (cap,) = read("[[budget]]\nscope = 'global'\nlimit = 1").caps

    assert (cap.levels, cap.enforce) == (DEFAULT_LEVELS, True)


def test_levels_are_sorted_and_each_is_there_once():
    (cap,) = read("[[budget]]\nscope = 'global'\nlimit = 1\nlevels = [100, 12.5, 100]").caps

    assert cap.levels == (Decimal("12.5"), Decimal(100))


@pytest.mark.parametrize(
    "levels", ["[]", "[0]", "[-1]", "[nan]", "['80']", "80", "[true]", "[1001]"]
)
def test_levels_that_cannot_be_reached_are_a_fault(levels):
    faults = faults_of(f"[[budget]]\nscope = 'global'\nlimit = 1\nlevels = {levels}")

    assert list(faults) == ["budget[0].levels"]


def test_a_cap_that_is_not_enforced_is_unknown_to_guards():
    file = read("[[budget]]\nscope = 'provider:vercel'\nlimit = 20\nenforce = false")

    assert (len(file.caps), file.budgets) == (1, ())


def test_a_project_can_have_a_budget():
    (cap,) = read("[[budget]]\nscope = 'project:shop'\nlimit = 20").caps

    assert cap.budget.scope == "project:shop"


def test_a_quota_has_its_defaults():
    (quota,) = read(QUOTA).quotas

    assert (quota.limit, quota.period, quota.levels) == (Decimal(500), "month", DEFAULT_LEVELS)
    assert (quota.account, quota.plan, quota.source, quota.per_project) == (None, None, None, False)


def test_every_fault_of_a_quota_is_told_at_once():
    text = """
        [[quota]]
        provider = "digitalcoean"
        quota = "Egress!"
        limit = -1
        period = "week"
        per_project = "yes"
        levels = [0]
        limt = 3
    """

    assert set(faults_of(text)) == {
        "quota[0].provider",
        "quota[0].quota",
        "quota[0].unit",
        "quota[0].limit",
        "quota[0].period",
        "quota[0].per_project",
        "quota[0].levels",
        "quota[0].limt",
    }


def test_own_rates_are_units_for_one_euro_of_a_day():
    fx = read("[fx]\ncurrency = 'eur'\nas_of = 2026-11-20\nrates = { USD = 1.25 }").fx

    assert fx.currency == "EUR"
    assert fx.rates["USD"] == (Decimal("0.8"), dt.date(2026, 11, 20), "costmon.toml")


def test_rates_without_a_day_are_a_fault():
    assert list(faults_of("[fx]\nrates = { USD = 1.25 }")) == ["fx.as_of"]


@pytest.mark.parametrize("rate", ["0", "-1", "true", "'x'", "nan"])
def test_a_rate_that_is_not_above_zero_is_a_fault(rate):
    assert list(faults_of(f"[fx]\nas_of = 2026-11-20\nrates = {{ USD = {rate} }}")) == [
        "fx.rates.USD"
    ]


def test_without_fx_totals_are_in_dollars():
    assert read("").fx.currency == "USD"

"""The month so far: per second, from a floor, up to 672 hours."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.pricing import month_to_date

START = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
END = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
LAST_MONTH = dt.datetime(2026, 9, 12, tzinfo=dt.UTC)
TWELVE = Decimal(12)

prices = st.decimals(min_value=0, max_value=100_000, places=3)
moments = st.datetimes(
    min_value=dt.datetime(2026, 10, 1),
    max_value=dt.datetime(2026, 10, 31, 23, 59, 59),
    timezones=st.just(dt.UTC),
)


def after(seconds):
    return START + dt.timedelta(seconds=seconds)


def test_half_of_the_capped_hours_cost_half():
    assert month_to_date(TWELVE, START, after(336 * 3600)) == Decimal(6)


@pytest.mark.parametrize("hours", [672, 700, 743])
def test_after_672_hours_it_costs_the_month_and_no_more(hours):
    assert month_to_date(TWELVE, START, after(hours * 3600)) == TWELVE
    assert month_to_date(TWELVE, LAST_MONTH, after(hours * 3600)) == TWELVE


def test_a_second_before_the_cap_is_not_the_month_yet():
    assert month_to_date(TWELVE, START, after(672 * 3600 - 1)) < TWELVE


@pytest.mark.parametrize("seconds", [0, 1, 60, 2000])
def test_a_cheap_one_costs_a_cent_at_least(seconds):
    assert month_to_date(TWELVE, START, after(seconds)) == Decimal("0.01")


@pytest.mark.parametrize("seconds", [0, 1, 59, 60])
def test_a_dear_one_costs_sixty_seconds_at_least(seconds):
    monthly = Decimal(672 * 60)

    assert month_to_date(monthly, START, after(seconds)) == Decimal(1)


def test_a_second_more_than_a_minute_is_charged():
    assert month_to_date(Decimal(672 * 3600), START, after(61)) == Decimal(61)


def test_what_is_older_than_the_month_counts_from_its_first_second():
    assert month_to_date(TWELVE, LAST_MONTH, after(336 * 3600)) == Decimal(6)
    assert month_to_date(TWELVE, None, after(336 * 3600)) == Decimal(6)


def test_the_floor_is_charged_once_and_not_each_month():
    assert month_to_date(TWELVE, LAST_MONTH, START) == Decimal(0)


def test_the_month_is_the_one_in_utc():
    berlin = dt.timezone(dt.timedelta(hours=2))
    new_year_there = dt.datetime(2026, 11, 1, 1, 0, tzinfo=berlin)

    assert month_to_date(TWELVE, LAST_MONTH, new_year_there) == TWELVE


def test_a_clock_behind_the_vendors_is_no_negative_charge():
    assert month_to_date(TWELVE, after(100), START) == Decimal("0.01")


def test_what_is_free_stays_free():
    assert month_to_date(Decimal(0), START, after(60)) == 0


@given(prices, moments, moments, moments)
def test_it_never_falls_within_the_month(monthly, created_at, one, other):
    sooner, later = sorted((one, other))

    assert month_to_date(monthly, created_at, sooner) <= month_to_date(monthly, created_at, later)


@given(prices, moments, moments)
def test_it_stays_between_nothing_and_the_month(monthly, created_at, now):
    assert 0 <= month_to_date(monthly, created_at, now) <= monthly


@given(prices, moments, moments, moments)
def test_who_is_older_has_cost_no_less(monthly, now, one, other):
    older, younger = sorted((one, other))

    assert month_to_date(monthly, older, now) >= month_to_date(monthly, younger, now)


@given(st.lists(prices, max_size=20), moments)
def test_the_sum_of_parts_is_the_part_of_the_sum(monthlies, now):
    parts = sum((month_to_date(price, LAST_MONTH, now) for price in monthlies), Decimal(0))
    whole = month_to_date(sum(monthlies, Decimal(0)), LAST_MONTH, now)

    assert abs(parts - whole) < Decimal("1e-15")

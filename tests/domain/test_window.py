"""Windows: which moments count together, in every zone and over every odd end."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.window import FOREVER, period_of, rolling_s, window_at, zone_of
from costmon.errors import BudgetError

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
ODD_ZONES = (
    "Asia/Kathmandu",
    "America/St_Johns",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Africa/Cairo",
)
PERIODS = (
    "hour",
    "day",
    "month",
    "total",
    "rolling:1s",
    "rolling:7s",
    "rolling:60s",
    "rolling:24h",
)

moments = st.floats(1_600_000_000, 2_000_000_000)
zones = st.sampled_from(ZONES + ODD_ZONES)


@given(period=st.sampled_from(PERIODS), at=moments, zone=zones)
def test_any_moment_lies_in_its_window(period, at, zone):
    window = window_at(period, at, zone_of(zone))

    assert window.valid_from <= at < window.valid_until
    assert window.first <= window.bucket <= window.last
    assert window.resets_at is None or window.resets_at > at


@given(period=st.sampled_from(PERIODS), at=moments, zone=zones, share=st.floats(0, 0.999))
def test_every_moment_of_a_window_s_validity_has_the_same_window(period, at, zone, share):
    window = window_at(period, at, zone_of(zone))
    if period == "total":
        return
    inside = window.valid_from + share * (window.valid_until - window.valid_from)

    assert window_at(period, inside, zone_of(zone)) == window


@given(period=st.sampled_from(("hour", "day", "month")), at=moments, zone=zones)
def test_calendar_windows_follow_one_another_without_gap_or_overlap(period, at, zone):
    window = window_at(period, at, zone_of(zone))
    following = window_at(period, window.valid_until, zone_of(zone))
    before = window_at(period, window.valid_from - 0.001, zone_of(zone))

    assert following.valid_from == window.valid_until == window.resets_at
    assert before.valid_until == window.valid_from
    assert before.bucket < window.bucket < following.bucket


@given(
    length=st.sampled_from(("1s", "7s", "60s", "61s", "90m", "24h", "30d")),
    at=moments,
    age=st.floats(0, 0.9999),
)
def test_a_rolling_window_counts_everything_within_its_length(length, at, age):
    period = f"rolling:{length}"
    now = window_at(period, at, dt.UTC)
    then = window_at(period, at - age * rolling_s(period), dt.UTC)

    assert now.first <= then.bucket <= now.last
    assert now.last == FOREVER


@given(length=st.sampled_from(("1s", "60s", "61s", "90m", "24h")), at=moments)
def test_a_rolling_window_has_forgotten_what_is_two_steps_older_than_its_length(length, at):
    period = f"rolling:{length}"
    seconds = rolling_s(period)
    now = window_at(period, at, dt.UTC)
    old = window_at(period, at - seconds - 2 * max(1, seconds // 60) - 1, dt.UTC)

    assert old.bucket < now.first


def at(zone, *moment: int, fold=0):
    year, month, day, hour, *rest = moment
    local = dt.datetime(year, month, day, hour, tzinfo=ZoneInfo(zone))
    return local.replace(minute=sum(rest), fold=fold).timestamp()


def length_h(period, epoch_s, zone):
    window = window_at(period, epoch_s, zone_of(zone))
    return (window.valid_until - window.valid_from) / 3600


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", (2026, 3, 29, 12), 23),
        ("Europe/Berlin", (2026, 10, 25, 12), 25),
        ("America/New_York", (2026, 3, 8, 12), 23),
        ("America/New_York", (2026, 11, 1, 12), 25),
        ("Australia/Lord_Howe", (2026, 4, 5, 12), 24.5),
        ("Asia/Kolkata", (2026, 3, 29, 12), 24),
        ("UTC", (2026, 12, 31, 23), 24),
    ],
)
def test_a_day_is_as_long_as_its_zone_says(zone, day, hours):
    assert length_h("day", at(zone, *day), zone) == hours


@pytest.mark.parametrize(
    ("month", "days"), [((2026, 2, 28), 28), ((2028, 2, 29), 29), ((2026, 12, 31), 31)]
)
def test_a_month_is_as_long_as_the_calendar_says(month, days):
    assert length_h("month", at("UTC", *month, 23), "UTC") == days * 24


def test_the_hour_that_comes_twice_is_two_hours():
    first = window_at("hour", at("Europe/Berlin", 2026, 10, 25, 2, 30), zone_of("Europe/Berlin"))
    second = window_at(
        "hour", at("Europe/Berlin", 2026, 10, 25, 2, 30, fold=1), zone_of("Europe/Berlin")
    )

    assert second.bucket - first.bucket == 3600


def test_hours_of_a_half_hour_zone_begin_at_the_half_hour():
    window = window_at("hour", at("UTC", 2026, 1, 1, 10, 45), zone_of("Asia/Kolkata"))

    assert window.bucket == at("UTC", 2026, 1, 1, 10, 30)


@pytest.mark.parametrize(
    ("written", "period"),
    [
        ("hourly", "hour"),
        ("daily", "day"),
        ("monthly", "month"),
        ("total", "total"),
        ("rolling:24h", "rolling:24h"),
        ("rolling:366d", "rolling:366d"),
    ],
)
def test_a_period_has_one_spelling(written, period):
    assert period_of(written) == period


@pytest.mark.parametrize(
    "written",
    ["", "year", "Month", "rolling:0h", "rolling:01h", "rolling:367d", "rolling:9", None, 3],
)
def test_what_is_no_period_is_refused(written):
    with pytest.raises(BudgetError, match="is not a valid period"):
        period_of(written)


def test_a_zone_that_nobody_knows_is_refused():
    with pytest.raises(BudgetError, match="is not a known time zone"):
        zone_of("Moon/Tranquility")

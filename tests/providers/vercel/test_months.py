"""Vercel's months and days begin in Los Angeles."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.providers.vercel.months import Month

MOMENTS = st.integers(1577836800, 2051222400).map(lambda s: dt.datetime.fromtimestamp(s, dt.UTC))


def utc(year, month, day, hour=0, minute=0):
    return dt.datetime(year, month, day, hour, minute, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("moment", "start", "end"),
    [
        (utc(2026, 1, 15), utc(2026, 1, 1, 8), utc(2026, 2, 1, 8)),
        (utc(2026, 3, 15), utc(2026, 3, 1, 8), utc(2026, 4, 1, 7)),
        (utc(2026, 11, 1, 6, 59), utc(2026, 10, 1, 7), utc(2026, 11, 1, 7)),
        (utc(2026, 11, 1, 7), utc(2026, 11, 1, 7), utc(2026, 12, 1, 8)),
        (utc(2027, 1, 1, 7, 59), utc(2026, 12, 1, 8), utc(2027, 1, 1, 8)),
    ],
)
def test_a_month_begins_at_midnight_in_los_angeles(moment, start, end):
    month = Month.of(moment)

    assert (month.start, month.end) == (start, end)
    assert month.start.tzinfo is dt.UTC


@pytest.mark.parametrize(
    ("now", "finished"),
    [
        (utc(2026, 3, 8, 20), utc(2026, 3, 8, 8)),
        (utc(2026, 3, 9, 20), utc(2026, 3, 9, 7)),
        (utc(2026, 11, 1, 20), utc(2026, 11, 1, 7)),
        (utc(2026, 11, 2, 7, 59), utc(2026, 11, 1, 7)),
        (utc(2026, 11, 2, 8), utc(2026, 11, 2, 8)),
    ],
)
def test_days_of_23_and_25_hours_end_at_midnight(now, finished):
    assert Month.of(now).finished(now) == finished


@given(MOMENTS)
def test_months_join_without_gap_or_overlap(moment):
    month = Month.of(moment)

    assert month.start <= moment < month.end
    assert month.previous().end == month.start
    assert Month.of(month.start) == month
    assert month.start <= month.finished(moment) <= moment

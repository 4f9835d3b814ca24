"""Spans of time."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.period import Period, month_of

MOMENTS = st.datetimes(
    min_value=dt.datetime(1970, 1, 2),
    max_value=dt.datetime(2200, 1, 1),
    timezones=st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=-11))]),
)


@given(MOMENTS)
def test_every_moment_lies_in_its_own_month(moment):
    month = month_of(moment)

    assert month.start <= moment < month.end
    assert month.start.day == month.end.day == 1
    assert 28 * 86_400 <= month.seconds <= 31 * 86_400


def test_a_month_is_a_utc_month():
    new_year = dt.datetime(2026, 12, 31, 20, tzinfo=dt.timezone(dt.timedelta(hours=-11)))

    assert month_of(new_year).start == dt.datetime(2027, 1, 1, tzinfo=dt.UTC)


def test_a_period_that_ends_before_it_starts_is_refused():
    start = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)

    with pytest.raises(ValueError, match="cannot end"):
        Period(start=start, end=start - dt.timedelta(seconds=1))


def test_naive_times_are_refused():
    naive = dt.datetime(2026, 1, 1)

    with pytest.raises(ValueError, match="aware"):
        Period(start=naive, end=naive)

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.money import to_nano
from costmon.store.accrual import DAY_US, day_of, nano_of, split
from costmon.store.columns import to_micros

MOMENTS = st.integers(-5 * DAY_US, 5 * DAY_US)


@given(MOMENTS, MOMENTS)
def test_days_add_up_to_the_whole_span(one, other):
    start, end = sorted((one, other))

    parts = list(split(start, end))

    assert sum(micros for _, micros in parts) == end - start
    assert all(0 < micros <= DAY_US for _, micros in parts)
    assert len({day for day, _ in parts}) == len(parts)


def test_a_span_over_midnight_is_cut_there():
    start = to_micros(dt.datetime(2026, 11, 20, 23, 58, tzinfo=dt.UTC))
    end = to_micros(dt.datetime(2026, 11, 21, 0, 3, tzinfo=dt.UTC))

    assert list(split(start, end)) == [
        (dt.date(2026, 11, 20), 120_000_000),
        (dt.date(2026, 11, 21), 180_000_000),
    ]


def test_midnight_belongs_to_the_day_it_begins():
    assert day_of(to_micros(dt.datetime(2026, 11, 21, tzinfo=dt.UTC))) == dt.date(2026, 11, 21)


@given(st.decimals(-(10**9), 10**9, places=12))
def test_rounding_is_half_to_even_as_money_rounds(amount):
    picos = int(amount.scaleb(12))

    assert nano_of(picos, 1000) == to_nano(amount)

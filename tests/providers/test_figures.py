"""Charges and counts that providers make of a vendor's rows."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from costmon.errors import ProviderSchemaError
from costmon.providers.figures import ChargeRows, Poll, Span, Tally, billed_usage, month_windows
from costmon.providers.reading import EXACT, Answers
from costmon.testing import FakeOutbound

NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
SPAN = Span.month(NOW)
AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=15)
COUNTS = st.lists(st.tuples(st.integers(0, 10**15), st.sampled_from([None, "a", "b"])))


class Row(Struct):
    amount: str = "1.5"


@pytest.mark.parametrize("seconds", [0, 59])
def test_in_the_first_minute_of_a_month_the_month_before_is_counted(seconds):
    span = Span.month(dt.datetime(2026, 12, 1, 0, 0, seconds, tzinfo=dt.UTC))

    assert (span.start.month, span.end) == (11, dt.datetime(2026, 12, 1, tzinfo=dt.UTC))
    assert span.resets_at == dt.datetime(2027, 1, 1, tzinfo=dt.UTC)


def test_a_day_is_reset_at_midnight_and_a_level_never():
    midnight = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)

    assert Span.day(NOW) == Span(start=midnight, end=NOW, resets_at=midnight + dt.timedelta(days=1))
    assert Span.level(NOW).quantity("disk", "GB", Decimal(1)).resets_at is None


def charge(amount=Decimal("1.5"), key="a", **fields):
    return billed_usage(
        Row(),
        key=(key, None, 7),
        start=dt.datetime(2026, 11, 19, tzinfo=dt.timezone(dt.timedelta(hours=2))),
        end=dt.datetime(2026, 11, 20, tzinfo=dt.timezone(dt.timedelta(hours=2))),
        billed=amount,
        currency="eur",
        service="Compute",
        service_category="Compute",
        vendor="Acme",
        account_id="team",
        **fields,
    )


@pytest.mark.parametrize(
    ("end", "complete_through"),
    [
        (dt.datetime(2026, 11, 1, tzinfo=dt.UTC), dt.datetime(2026, 11, 1, tzinfo=dt.UTC)),
        (NOW, dt.datetime(2026, 11, 19, tzinfo=dt.UTC)),
    ],
)
def test_a_window_is_complete_up_to_the_last_day_that_has_settled(end, complete_through):
    start = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)

    window = Poll("acme", "web", NOW).window(start, end, (), settling=dt.timedelta(days=2))

    assert (window.start, window.end) == (start, end)
    assert window.complete_through == complete_through


def rows():
    return ChargeRows(Answers("acme", FakeOutbound({})), "/costs")


def test_a_charge_is_in_utc_and_in_the_month_in_which_it_starts():
    made = charge(listed=Decimal(2))

    assert made.charge_period_start == dt.datetime(2026, 11, 18, 22, tzinfo=dt.UTC)
    assert made.charge_period_start.tzinfo is dt.UTC
    assert made.billing_period_end == dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    assert (made.billed_cost, made.list_cost, made.billing_currency) == (Decimal("1.5"), 2, "EUR")
    assert (made.source_row_key, made.raw) == ('["a", null, 7]', '{"amount":"1.5"}')
    assert made.charge_category == "Usage"


def test_what_is_paid_back_is_an_adjustment():
    assert charge(Decimal(-1)).charge_category == "Adjustment"


@given(st.lists(AMOUNTS, min_size=1))
def test_rows_of_one_key_are_one_row_with_their_exact_sum(amounts):
    found = rows()

    for amount in amounts:
        found.add(charge(amount), "$")

    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    (row,) = found.charges
    assert row.billed_cost == row.list_cost == row.contracted_cost == row.effective_cost == total


@pytest.mark.parametrize(("units", "quantity"), [(("GB", "GB"), 3), (("GB", "Hours"), None)])
def test_quantities_are_added_only_in_one_unit(units, quantity):
    found = rows()

    for number, unit in enumerate(units, 1):
        found.add(replace(charge(), consumed_quantity=Decimal(number), consumed_unit=unit), "$")

    assert found.charges[0].consumed_quantity == quantity


def test_a_row_of_an_earlier_page_is_refused_at_its_place():
    found = rows()
    found.add(charge(), "$.data[0]")
    found.turn_page()
    found.add(charge(key="b"), "$.data[0]")

    with pytest.raises(ProviderSchemaError, match=r"earlier page again at \$\.data\[1\]"):
        found.add(charge(), "$.data[1]")


@given(COUNTS)
def test_a_tally_is_the_sum_and_the_sums_of_the_models(counts):
    tally = Tally()

    for count, model in counts:
        tally.add(count, model)

    found = {it.quota: it.used for it in tally.quantities("t", "Tokens", SPAN, always=True)}
    assert found.pop("t") == sum(count for count, _ in counts)
    assert found == {
        f"t:{name}": sum(count for count, model in counts if model == name)
        for name in {model for _, model in counts if model}
    }


def test_a_count_that_a_row_lacks_makes_an_estimate_and_no_zero():
    one, none = Tally(), Tally()
    for tally in (one, none):
        tally.add(None)
    one.add(5)

    assert [(it.used, it.estimated) for it in one.quantities("t", "T", SPAN, always=True)] == [
        (Decimal(5), True)
    ]
    assert list(none.quantities("t", "T", SPAN, always=True)) == []


def test_without_rows_there_is_a_zero_only_when_the_vendor_always_counts():
    assert [it.used for it in Tally().quantities("t", "T", SPAN, always=True)] == [0]
    assert list(Tally().quantities("t", "T", SPAN, always=False)) == []


def test_a_month_is_complete_up_to_the_last_day_that_has_settled():
    asked = []

    def read(start, end):
        asked.append((start, end))
        return ()

    windows = list(
        month_windows(
            read,
            account="work",
            provider="acme",
            now=NOW,
            known_through=NOW - dt.timedelta(days=25),
            restated=dt.timedelta(days=5),
            settling=dt.timedelta(hours=12),
            intake="restate",
        )
    )

    first, second = windows
    assert asked == [(first.start, NOW), (second.start, first.start)]
    assert first.complete_through == dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    assert second.complete_through == second.end == dt.datetime(2026, 11, 1, tzinfo=dt.UTC)

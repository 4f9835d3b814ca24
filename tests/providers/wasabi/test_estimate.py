"""What storage costs by list price: bytes by day, and at least 1 TB."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.errors import ProviderSchemaError
from costmon.providers.wasabi.estimate import MINIMUM, Stored, estimate
from costmon.providers.wasabi.prices import StoragePrices
from costmon.testing import Reply
from tests.providers.wasabi import answers
from tests.providers.wasabi.answers import TB, day

PRICES = StoragePrices({})
SIZES = st.lists(st.integers(0, 50 * TB), min_size=1, max_size=30)


def total(charges):
    return sum((charge.billed_cost for charge in charges), Decimal(0))


def stored(sizes, month=11):
    return [
        Stored(day=dt.date(2026, month, number), service="Active storage", size=size)
        for number, size in enumerate(sizes, 1)
    ]


def test_a_whole_month_of_one_tb_costs_its_price():
    charges = estimate(stored([TB] * 30), PRICES)

    assert abs(total(charges) - Decimal("7.99")) < Decimal("1e-10")
    assert MINIMUM not in {charge.service_name for charge in charges}


def test_an_empty_account_costs_the_minimum():
    charges = estimate(stored([0] * 30), PRICES)

    assert abs(total(charges) - Decimal("7.99")) < Decimal("1e-10")
    assert {c.service_name for c in charges if c.billed_cost} == {MINIMUM}


def test_the_minimum_is_of_the_average_not_of_each_day():
    charges = estimate(stored([0, 2 * TB]), PRICES)

    assert MINIMUM not in {charge.service_name for charge in charges}


@given(SIZES)
def test_the_month_is_the_average_or_the_minimum_times_the_price(sizes):
    charges = estimate(stored(sizes), PRICES)

    average = max(Decimal(1), Decimal(sum(sizes)) / TB / len(sizes))
    expected = average * Decimal("7.99") * len(sizes) / 30
    assert abs(total(charges) - expected) < Decimal("1e-9")
    assert all(charge.billed_cost >= 0 for charge in charges)
    assert len({charge.source_row_key for charge in charges}) == len(charges)


def test_each_day_has_the_price_of_its_day():
    june, july = (estimate(stored([10 * TB], month), PRICES)[0] for month in (6, 7))

    assert (june.list_unit_price, july.list_unit_price) == (Decimal("6.99"), Decimal("7.99"))


def test_the_users_own_price_wins():
    own = StoragePrices({"storage:tb": Decimal("5.99")})

    (charge,) = estimate(stored([30 * TB]), own)

    assert charge.billed_cost == Decimal("5.99")


@pytest.mark.parametrize("price", ["-1", "NaN", "Infinity"])
def test_a_price_that_is_none_is_refused(price):
    with pytest.raises(ValueError, match="is not a price"):
        StoragePrices({"storage:tb": Decimal(price)})


def test_deleted_bytes_are_charged_and_nothing_is_called_billed(make_vendor, now):
    vendor = make_vendor()
    vendor.days(day("2026-11-01", active=TB, deleted=20 * TB))

    window, *_ = vendor.charges(now)

    assert {c.service_name: c.consumed_quantity for c in window.charges} == {
        "Active storage": Decimal(TB),
        "Deleted storage": Decimal(20 * TB),
    }
    assert {charge.basis for charge in window.charges} == {"list_price"}
    # The minimum that Wasabi reports beside them is not added once more.
    assert abs(total(window.charges) - 21 * Decimal("7.99") / 30) < Decimal("1e-9")


def test_days_that_are_late_are_said_to_be_missing(make_vendor, now):
    vendor = make_vendor()
    vendor.days(day("2026-11-01", active=TB), day("2026-11-02", active=TB))

    window, *_ = vendor.charges(now)

    assert window.complete_through == dt.datetime(2026, 11, 3, tzinfo=dt.UTC)
    assert window.end == now


def test_a_day_that_is_not_over_and_one_of_another_month_are_left_out(make_vendor, now):
    vendor = make_vendor()
    vendor.days(
        day("2026-11-05", active=9 * TB), day("2026-11-04", active=TB), day("2026-10-31", active=1)
    )

    window, *_ = vendor.charges(now)

    assert {charge.charge_period_start.day for charge in window.charges} == {4}


def test_a_day_that_was_made_twice_counts_as_the_later_one_says(make_vendor, now):
    vendor = make_vendor()
    vendor.days(
        day("2026-11-01", active=3 * TB, CreateTime="2026-11-02T23:00:00Z"),
        day("2026-11-01", active=90 * TB),
    )

    window, *_ = vendor.charges(now)

    assert window.charges[0].consumed_quantity == Decimal(3 * TB)


@pytest.mark.parametrize("days", [(), (day("2026-11-01", active=TB),)], ids=["all", "some"])
def test_days_that_were_there_before_are_not_replaced_by_nothing(make_vendor, now, days):
    vendor = make_vendor()
    vendor.days(*days)

    with pytest.raises(ProviderSchemaError, match="there before are gone"):
        vendor.charges(now, known_through=dt.datetime(2026, 11, 4, tzinfo=dt.UTC))


def test_an_answer_of_the_older_kind_is_read(make_vendor, server, now):
    server.answer(answers.ACCOUNT, Reply.json([day("2026-11-01", active=TB)]))

    window, *_ = make_vendor().charges(now)

    assert len(window.charges) == 2

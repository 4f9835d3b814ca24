import datetime as dt
import json
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.errors import ProviderPermissionError, ProviderSchemaError
from costmon.providers import catalog
from costmon.providers.base import ProviderSetup
from costmon.testing import StubServer
from costmon.testing.outbound import FakeOutbound
from costmon.testing.provider_contract import Recording, Vendor
from costmon.testing.stub import Reply
from tests.providers.stripe import answers as stripe

NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
DAY = "2026-11-20T08:00:00"


def provider(*transactions, key="rk_live_planted"):
    body = json.dumps(stripe.page(*transactions)).encode()
    outbound = FakeOutbound({stripe.TRANSACTIONS: body})
    setup = ProviderSetup(outbound=outbound, prices={}, options={}, credentials={"token": key})
    return catalog.create("stripe", setup)


def window(*transactions, **options):
    return next(provider(*transactions, **options).charges("work", NOW, NOW))


def costs(*transactions):
    return {
        (row.billing_currency, row.sku_id): row.billed_cost for row in window(*transactions).charges
    }


@pytest.mark.parametrize(
    ("currency", "fee", "expected"),
    [
        ("usd", 288, "2.88"),
        ("jpy", 288, "288"),
        ("krw", 288, "288"),
        ("kwd", 288, "0.288"),
        ("isk", 28800, "288"),
    ],
)
def test_the_smallest_unit_is_that_of_the_currency(currency, fee, expected):
    """8,000 JPY are 8,000 yen, and not 80."""
    found = costs(stripe.transaction(1, DAY, 8000, fee, currency))

    assert found == {(currency.upper(), "fee"): Decimal(expected)}


def test_currencies_are_not_added():
    rows = [stripe.transaction(n, DAY, 100, 10, code) for n, code in enumerate(("usd", "eur"))]

    assert costs(*rows) == {("USD", "fee"): Decimal("0.1"), ("EUR", "fee"): Decimal("0.1")}


def test_what_stripe_bills_apart_is_a_fee():
    row = stripe.transaction(1, DAY, -700, 0, kind="stripe_fee")

    assert costs(row) == {("USD", "stripe_fee"): Decimal(7)}


def test_of_a_dispute_the_fee_counts_and_not_the_amount_that_is_lost():
    row = stripe.transaction(1, DAY, -1000, 1500, kind="adjustment")

    assert costs(row) == {("USD", "fee"): Decimal(15)}


def test_payouts_and_refunds_without_a_fee_cost_nothing():
    rows = [stripe.transaction(1, DAY, -900, 0, kind=kind) for kind in ("payout", "refund")]

    assert costs(*rows) == {}


def test_a_fee_that_is_given_back_lowers_the_cost():
    found = window(stripe.transaction(1, DAY, -1000, -30, kind="refund")).charges[0]

    assert (found.billed_cost, found.charge_category) == (Decimal("-0.3"), "Adjustment")


def test_parts_of_a_fee_are_rows_of_their_own_and_taxes_are_taxes():
    charges = window(
        stripe.transaction(1, DAY, 5000, 200, parts={"stripe_fee": 175, "tax": 25})
    ).charges

    assert [(row.sku_id, row.billed_cost, row.charge_category) for row in charges] == [
        ("stripe_fee", Decimal("1.75"), "Usage"),
        ("tax", Decimal("0.25"), "Tax"),
    ]


def test_parts_that_are_not_all_of_the_fee_are_left_out():
    found = costs(stripe.transaction(1, DAY, 5000, 200, parts={"stripe_fee": 175}))

    assert found == {("USD", "fee"): Decimal(2)}


def test_the_fees_of_a_day_are_one_row():
    rows = [stripe.transaction(n, DAY, 100, 10) for n in range(3)]

    (row,) = window(*rows).charges

    assert (row.billed_cost, row.consumed_quantity) == (Decimal("0.3"), 3)
    assert json.loads(row.raw)["amount"] == "30"


def test_a_transaction_on_two_pages_is_not_counted_twice():
    newer = stripe.page(stripe.transaction(2, DAY, 1, 1), more=True)
    older = stripe.page(stripe.transaction(2, DAY, 1, 1), stripe.transaction(1, DAY, 1, 1))
    answers = {
        stripe.TRANSACTIONS: json.dumps(newer).encode(),
        f"{stripe.TRANSACTIONS}?starting_after=txn_2": json.dumps(older).encode(),
    }
    setup = ProviderSetup(outbound=FakeOutbound(answers), prices={}, options={})

    with pytest.raises(ProviderSchemaError, match="an earlier page again"):
        next(catalog.create("stripe", setup).charges("work", NOW, NOW))


def test_a_transaction_that_was_not_asked_for_is_a_schema_error():
    with pytest.raises(ProviderSchemaError, match=r"not asked for at \$\.data\[0\]\.created"):
        window(stripe.transaction(1, "2025-11-20T08:00:00", 1, 1))


def test_a_key_of_test_mode_is_a_named_gap():
    """Its data are not real money."""
    found = window(key="rk_test_planted")

    assert [gap.kind for gap in found.gaps] == ["live data"]
    assert [gap.kind for gap in provider(key="sk_test_x").usage("work", NOW).gaps] == ["live data"]


@pytest.mark.parametrize(("key", "warnings"), [("sk_live_x", 1), ("rk_live_x", 0)])
def test_check_warns_of_a_key_that_can_move_money(key, warnings):
    assert len(provider(key=key).write_access()) == warnings


def test_a_refusal_names_the_permission():
    with StubServer() as server:
        reply = Reply.json({"error": {"type": "invalid_request_error"}}, status=403)
        vendor = Vendor(
            server,
            Recording(answers={stripe.TRANSACTIONS: reply}),
            slug="stripe",
            credentials={"token": "rk_live_planted"},
            options={},
        )
        with vendor.provider() as found, pytest.raises(ProviderPermissionError, match="sources: r"):
            next(found.charges("work", NOW, NOW))


@given(st.lists(st.tuples(st.sampled_from(["usd", "jpy", "kwd"]), st.integers(-(10**9), 10**9))))
def test_the_rows_add_up_to_the_fees(fees):
    rows = [
        stripe.transaction(number, f"2026-11-{1 + number % 20:02}T08:00:00", 0, fee, currency)
        for number, (currency, fee) in enumerate(fees)
    ]
    units = {"usd": 100, "jpy": 1, "kwd": 1000}

    charges = window(*rows).charges

    assert sum(Fraction(row.billed_cost) for row in charges) == sum(
        Fraction(fee, units[currency]) for currency, fee in fees
    )

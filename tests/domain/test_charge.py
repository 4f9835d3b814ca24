"""A window of charges that contradicts itself is refused before anybody can store it."""

import datetime as dt
from dataclasses import fields, replace
from decimal import Decimal

import pytest

from costmon.domain.charge import Charge
from costmon.domain.charge_report import ChargeQuery
from costmon.domain.money import to_nano
from costmon.errors import ChargeError
from costmon.store.charge_rows import CONTENT
from tests.store.charges import charge, day, window

NAIVE = dt.datetime(2026, 11, 18)


def test_two_rows_of_one_key_are_refused_for_one_of_them_would_be_lost():
    with pytest.raises(ChargeError, match=r"vercel.*'a'.*two rows have this key"):
        window(charge("a", service_name="standard"), charge("a", service_name="batch"))


@pytest.mark.parametrize(
    ("facts", "fault"),
    [
        ({"source_row_key": ""}, "its key is empty"),
        ({"charge_period_start": day(21), "charge_period_end": day(22)}, "outside the window"),
        ({"charge_period_end": day(17)}, "ends before it starts"),
        ({"billing_period_end": day(1, 10)}, "ends before it starts"),
        ({"charge_period_end": NAIVE}, "no time zone"),
        ({"billing_currency": "usd"}, "not an ISO 4217 currency"),
        ({"billing_currency": "credits"}, "not an ISO 4217 currency"),
        ({"billed_cost": Decimal("NaN")}, "a cost is not a number"),
        ({"list_cost": Decimal("1e12")}, "a cost is not a number"),
        ({"effective_cost": Decimal("1e-99")}, "a cost is not a number"),
        ({"consumed_quantity": Decimal("Infinity")}, "a quantity or price"),
        ({"pricing_quantity": Decimal("1E+999999999")}, "a quantity or price"),
    ],
)
def test_a_row_that_cannot_be_kept_is_named_with_what_is_wrong(facts, fault):
    with pytest.raises(ChargeError, match=fault):
        window(replace(charge("a"), **facts))


@pytest.mark.parametrize(
    ("facts", "fault"),
    [
        ({"end": day(1)}, "ends"),
        ({"observed_at": NAIVE}, "no time zone"),
        ({"complete_through": NAIVE}, "no time zone"),
        ({"day_zone": "Mars/Olympus"}, "not an IANA zone"),
        ({"day_zone": "../etc/passwd"}, "not an IANA zone"),
    ],
)
def test_a_window_that_cannot_be_is_refused(facts, fault):
    with pytest.raises(ChargeError, match=fault):
        window(**facts)


def test_large_quantities_and_many_decimals_are_fine():
    row = charge("a", "0.123456789012345678901234567890")

    assert window(replace(row, consumed_quantity=Decimal("123456789012345678.5"))).charges


def test_a_question_cannot_end_before_it_starts():
    with pytest.raises(ValueError, match="cannot end"):
        ChargeQuery(start=dt.date(2026, 11, 2), end=dt.date(2026, 11, 1), group_by="day")


@pytest.mark.parametrize(
    ("amount", "nano"),
    [
        # With 28 digits the first would become ...2.5 before it is rounded.
        ("1234567890.0000000025000000000000000000001", 1234567890000000003),
        ("0.0000000025", 2),
        ("-0.0000000035", -4),
    ],
)
def test_an_amount_of_any_length_is_rounded_once(amount, nano):
    assert to_nano(Decimal(amount)) == nano


def test_every_attribute_of_a_charge_has_its_column():
    assert len(CONTENT) == len(fields(Charge)) + 1, "the zone of the window comes with it"

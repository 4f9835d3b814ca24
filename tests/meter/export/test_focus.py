"""Rows of FOCUS 1.3: every mandatory column, and costs that add up."""

import csv
import datetime as dt
import io
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.meter.export.focus import COLUMNS, NULL, Charge, text_of
from costmon.meter.projection.allocation import allocate
from costmon.meter.projection.projecting import project
from costmon.meter.projection.values import Projection
from tests.meter.sample import PRICES, row, snapshot

# Mandatory in Cost and Usage 1.3, without the two that it deprecates.
NEVER_NULL = {
    *("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"),
    *("BillingAccountId", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd"),
    *("ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory", "ServiceName"),
    *("ServiceCategory", "ServiceProviderName", "InvoiceIssuerName"),
    *("PricingQuantity", "PricingUnit", "ChargeDescription"),
}
MAY_BE_NULL = {"BillingAccountName", "ChargeClass", "HostProviderName"}


def projection(*rows):
    made = project(snapshot(*rows), PRICES, today=dt.date(2026, 11, 21))
    assert isinstance(made, Projection)
    return made


PROJECTION = projection(
    row("/a", cpu_ms=[5] * 200), row('/b"x,\n', method="POST", cpu_ms=[50] * 100)
)
CHARGE = Charge(
    service="shop",
    provider="AWS",
    region="us-east-1",
    month=dt.date(2026, 2, 1),
    account="001234",
    currency="USD",
    basis="billed",
    observed_at=dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC),
)


def rows_of(bill="100", charge=CHARGE):
    text = text_of(allocate(Decimal(bill), PROJECTION), charge)
    return list(csv.DictReader(io.StringIO(text)))


def test_every_mandatory_column_is_there_and_has_a_value():
    for found in rows_of():
        assert set(COLUMNS) == set(found)
        assert found.keys() >= NEVER_NULL | MAY_BE_NULL
        assert not [name for name in NEVER_NULL if found[name] in {"", NULL}]


def test_columns_of_our_own_come_last_and_say_so():
    own = [name for name in COLUMNS if name.startswith("x_")]

    assert COLUMNS[-len(own) :] == tuple(own)
    assert all(name[0].isupper() for name in COLUMNS[: -len(own)])


def test_a_period_is_the_month_its_end_not_included():
    for found in rows_of():
        assert found["BillingPeriodStart"] == found["ChargePeriodStart"] == "2026-02-01T00:00:00Z"
        assert found["BillingPeriodEnd"] == found["ChargePeriodEnd"] == "2026-03-01T00:00:00Z"


def test_december_ends_with_the_year():
    (first, *_) = rows_of(charge=CHARGE._replace(month=dt.date(2026, 12, 1)))

    assert first["BillingPeriodEnd"] == "2027-01-01T00:00:00Z"


@given(st.decimals(0, 10**9, places=2))
def test_the_rows_add_up_to_the_bill_exactly(bill):
    assert sum(Decimal(found["BilledCost"]) for found in rows_of(str(bill))) == bill


def test_the_ratios_add_up_to_1():
    details = [
        json.loads(found["AllocatedMethodDetails"], parse_float=Decimal) for found in rows_of()
    ]

    assert sum(Decimal(it["Elements"][0]["AllocatedRatio"]) for it in details) == 1


def test_what_no_endpoint_caused_is_a_row_of_its_own():
    assert rows_of()[-1]["AllocatedResourceId"] == "unallocated"
    assert Decimal(rows_of()[-1]["BilledCost"]) > 0


def test_a_hostile_route_stays_in_its_cell():
    names = {found["AllocatedResourceName"] for found in rows_of()}

    assert 'POST /b"x,\n' in names


@pytest.mark.parametrize("provider", ["AWS", "GCP", "AZURE"])
def test_every_provider_has_its_names(provider):
    (first, *_) = rows_of(charge=CHARGE._replace(provider=provider))

    assert first["ServiceProviderName"]
    assert first["ServiceName"]


def test_numbers_have_a_point_for_readers_that_guess_types():
    for found in rows_of("100"):
        assert all("." in found[name] for name in ("BilledCost", "PricingQuantity"))

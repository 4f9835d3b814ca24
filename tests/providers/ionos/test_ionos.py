"""What IONOS Cloud's answers mean: invoices before estimates, unknown prices, contracts."""

import copy
import datetime as dt
from decimal import Decimal

import pytest

from costmon.errors import ProviderSchemaError
from costmon.testing import Reply, StubServer
from costmon.testing.provider_contract import ACCOUNT, NOW, Recording, Vendor
from tests.providers.ionos import answers as ionos

NOVEMBER = f"{ionos.USAGE}?period=2026-11"


@pytest.fixture
def server():
    with StubServer() as server:
        yield server


def vendor(server, answers, options=None):
    return Vendor(
        server,
        Recording(answers=answers),
        slug="ionos",
        credentials={"token": "planted-token"},
        options=options or {},
    )


def windows(server, answers, *, options=None):
    """Return this month and the one before."""
    with vendor(server, answers, options).provider() as provider:
        return tuple(provider.charges(ACCOUNT, NOW, NOW - dt.timedelta(days=1)))


def total(window):
    return sum(row.billed_cost for row in window.charges)


def test_a_month_with_an_invoice_is_what_the_invoice_says(server):
    october = windows(server, ionos.INVOICED)[1]

    assert total(october) == Decimal("15.5")
    assert {row.basis for row in october.charges} == {"billed"}
    assert [(row.sku_id, row.charge_category) for row in october.charges] == [
        ("C01000", "Usage"),
        ("S3SU1100", "Usage"),
        ("rebate", "Credit"),
    ]
    assert {row.invoice_id for row in october.charges} == {"IC1"}
    asked = [(one.path, one.query) for one in server.asked]
    assert (ionos.USAGE, {"period": "2026-10"}) not in asked
    assert all("IC0" not in path for path, _ in asked)


def test_a_month_without_an_invoice_is_its_use_at_the_prices_of_the_contract(server):
    november = windows(server, ionos.INVOICED)[0]

    assert total(november) == ionos.CHARGES_TOTAL
    assert {row.basis for row in november.charges} == {"list_price"}
    assert november.charges[0].consumed_quantity == Decimal("1210.5")
    assert november.charges[0].sub_account_name == "web"


def test_what_an_invoice_has_beside_its_lines_is_a_row(server):
    answers = copy.deepcopy(ionos.INVOICED)
    answers[f"{ionos.BASE}/invoices/IC1"]["total"] = ionos.quantity(20, "EUR")

    october = windows(server, answers)[1]

    assert total(october) == 20
    assert october.charges[-1].service_name == "not in the invoice's lines"
    assert october.charges[-1].billed_cost == Decimal("4.5")


@pytest.mark.parametrize("sign", [1, -1])
def test_a_rebate_is_taken_off_whichever_sign_it_has(server, sign):
    answers = copy.deepcopy(ionos.INVOICED)
    rebate = answers[f"{ionos.BASE}/invoices/IC1"]["datacenters"][0]["rebate"]
    rebate["amount"]["quantity"] = sign * 1.48

    assert total(windows(server, answers)[1]) == Decimal("15.5")


def test_a_meter_without_a_price_is_a_gap_and_not_free(server):
    meters = [ionos.meter("NEW01", "3", "1hour"), ionos.meter("FREE01", "2", "1hour")]
    answers = {**ionos.CHARGES, NOVEMBER: ionos.used(ionos.datacenter("web", meters))}

    window = windows(server, answers)[0]

    assert window.charges == ()
    assert [gap.kind for gap in window.gaps] == ["meter NEW01", "meter FREE01"]


def test_a_price_for_another_unit_is_a_gap_and_not_multiplied(server):
    meters = [ionos.meter("S3SU1100", "11.52", "1G")]
    answers = {**ionos.CHARGES, NOVEMBER: ionos.used(ionos.datacenter("web", meters))}

    window = windows(server, answers)[0]

    assert window.charges == ()
    assert "used in 1G, and its price is for 1G*30Days" in window.gaps[0].reason


def test_a_meter_that_was_not_used_is_no_gap(server):
    meters = [ionos.meter("NEW01", "0", "1hour")]
    answers = {**ionos.CHARGES, NOVEMBER: ionos.used(ionos.datacenter("web", meters))}

    assert windows(server, answers)[0].gaps == ()


def test_without_a_right_to_invoices_use_is_read_and_invoices_are_a_gap(server):
    answers = {**ionos.INVOICED, f"{ionos.BASE}/invoices": Reply(status=403, body=b"{}")}

    found = windows(server, answers)

    assert [total(window) for window in found] == [ionos.CHARGES_TOTAL, 0]
    assert [[gap.kind for gap in window.gaps] for window in found] == [["invoices"]] * 2


def test_an_amount_without_a_currency_is_a_schema_error(server):
    answers = copy.deepcopy(ionos.INVOICED)
    answers[f"{ionos.BASE}/invoices/IC1"]["total"]["unit"] = "1hour"

    with pytest.raises(ProviderSchemaError, match="in no currency"):
        windows(server, answers)


def test_several_contracts_want_a_choice(server):
    contract = {"properties": {"contractNumber": 1}}
    answers = {**ionos.CHARGES, "/cloudapi/v6/contracts": {"items": [contract, contract]}}

    with pytest.raises(ProviderSchemaError, match="2 contracts; set IONOS_CONTRACT"):
        windows(server, answers)


def test_a_contract_that_is_named_is_not_looked_for(server):
    windows(server, ionos.CHARGES, options={"contract": "31700001"})

    assert all(not asked.path.startswith("/cloudapi") for asked in server.asked)


def test_a_meter_in_two_units_is_two_quantities(server):
    meters = [ionos.meter("X", 1, "1G"), ionos.meter("X", 2, "1hour")]
    answers = {**ionos.CONTRACTS, ionos.DAILY: ionos.used(ionos.datacenter("web", meters))}
    with vendor(server, answers).provider() as provider:
        found = provider.usage(ACCOUNT, NOW)

    assert [(one.quota, one.used) for one in found.quantities] == [
        ("used_on_day:X/1G", 1),
        ("used_on_day:X/1hour", 2),
    ]
    assert found.complete_through == dt.datetime(2026, 11, 21, tzinfo=dt.UTC)

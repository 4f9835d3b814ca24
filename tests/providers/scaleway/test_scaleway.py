import datetime as dt
import json
from decimal import Decimal

import pytest

from costmon.cli import main
from costmon.errors import ProviderPermissionError, ProviderSchemaError
from costmon.providers import catalog
from costmon.providers.base import ProviderSetup
from costmon.testing import StubServer
from costmon.testing.outbound import FakeOutbound
from costmon.testing.provider_contract import Recording, Vendor
from costmon.testing.stub import Reply
from tests.providers.scaleway import answers as scaleway
from tests.providers.scaleway.answers import BLOG, SHOP, consumption, consumptions, detail, money

NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
START = "2026-11-01T00:00:00Z"


def provider(answers):
    outbound = FakeOutbound(
        {
            path: answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            for path, answer in answers.items()
        }
    )
    options = {"organization_id": scaleway.ORGANIZATION}
    setup = ProviderSetup(outbound=outbound, prices={}, options=options)
    return catalog.create("scaleway", setup), outbound


def window(consumed, details=scaleway.NO_DETAILS):
    vendor, _ = provider({scaleway.CONSUMPTIONS: consumed, scaleway.CHARGES: details})
    return next(vendor.charges("work", NOW, NOW))


def served(answers):
    with StubServer() as server:
        vendor = Vendor(
            server,
            Recording(answers=answers),
            slug="scaleway",
            credentials={"secret_key": "planted"},
            options={"organization_id": scaleway.ORGANIZATION},
        )
        with vendor.provider() as found:
            return next(found.charges("work", NOW, NOW))


def net(found):
    return sum(row.billed_cost for row in found.charges)


def test_what_is_discounted_whole_costs_nothing_net():
    """Consumption is before discounts: the bill of such an organization is 0."""
    rows = [
        consumption("/redis", money(252, 920_000_000)),
        consumption("/ip", money(2, 70_000_000)),
    ]

    found = window(consumptions(*rows, discount=254.99))

    assert net(found) == 0
    assert sum(row.list_cost for row in found.charges) == Decimal("254.99")
    assert found.charges[-1].charge_category == "Credit"


@pytest.mark.parametrize("written", ["2.5", "-2.5", "2.5000000000000004"])
def test_a_discount_lowers_the_cost_however_it_is_written(written):
    """It is a binary fraction, and on invoices a discount is negative."""
    body = json.dumps(consumptions(consumption("/ip", money(12)), discount="@"))

    found = window(body.replace('"@"', written).encode())

    assert net(found) == Decimal("9.5")


def test_without_a_discount_there_is_no_row_of_it():
    assert len(window(consumptions(consumption("/ip", money(12)))).charges) == 1


def test_a_discount_on_several_currencies_is_not_guessed():
    rows = [consumption("/ip", money(1)), consumption("/redis", money(1, currency="USD"))]

    with pytest.raises(ProviderSchemaError, match="2 currencies"):
        window(consumptions(*rows, discount=1))


@pytest.mark.parametrize(
    ("units", "nanos", "expected"),
    [(2, 420_000_000, "2.42"), ("2", "420000000", "2.42"), (-360, -820_000_000, "-360.82")],
)
def test_money_is_units_and_billionths(units, nanos, expected):
    found = window(consumptions(consumption("/ip", money(units, nanos)))).charges[0]

    assert found.billed_cost == Decimal(expected)


def test_one_sku_of_many_projects_is_a_row_of_each():
    rows = [consumption("/ip", money(0, 10_000_000), project) for project in (SHOP, BLOG)]

    charges = window(consumptions(*rows)).charges

    assert [row.sub_account_id for row in charges] == [SHOP, BLOG]


def test_a_row_says_product_category_and_quantity():
    (row,) = window(consumptions(scaleway.ROWS[0])).charges

    assert (row.service_name, row.service_category) == ("PLAY2-MICRO", "Compute")
    assert (row.consumed_quantity, row.consumed_unit) == (Decimal(22), "minute")


def test_all_rows_in_one_answer_are_read_once():
    """Without paging, 333 rows came at once."""
    rows = [consumption(f"/ip/{number}", money(1)) for number in range(333)]
    vendor, outbound = provider(
        {scaleway.CONSUMPTIONS: consumptions(*rows), scaleway.CHARGES: scaleway.NO_DETAILS}
    )

    assert net(next(vendor.charges("work", NOW, NOW))) == 333
    assert len(outbound.asked) == 2


def test_two_pages_are_added():
    vendor, _ = provider(scaleway.TWO_PAGES)

    assert net(next(vendor.charges("work", NOW, NOW))) == scaleway.TOTAL


def test_a_page_that_is_the_same_again_is_not_counted_twice():
    with pytest.raises(ProviderSchemaError, match="an earlier page again"):
        window(consumptions(consumption("/ip", money(1)), count=2))


def test_fewer_rows_than_the_answer_says_are_incomplete():
    with pytest.raises(ProviderSchemaError, match="incomplete"):
        window(consumptions(count=2))


def test_rows_are_counted_up_to_when_scaleway_says():
    found = window(scaleway.ACCOUNT[scaleway.CONSUMPTIONS])

    assert found.counted_through == dt.datetime(2026, 11, 21, 7, 30, 0, 123000, dt.UTC)
    assert found.complete_through is None


def test_resources_that_add_up_replace_the_row_of_their_sku():
    details = {
        "charges": [
            detail("a", money(10), START, "2026-11-20T23:59:59.999999Z"),
            detail("b", money(2), "2026-11-03T00:00:00Z", "2026-11-04T00:00:00Z"),
        ],
        "next_page_token": None,
    }

    found = window(consumptions(consumption("/compute/play2", money(12)), discount=1), details)

    assert [(row.resource_id, row.billed_cost) for row in found.charges] == [
        ("a", Decimal(10)),
        ("b", Decimal(2)),
        (None, Decimal(-1)),
    ]
    assert found.charges[0].service_name == "PLAY2-MICRO"
    assert found.charges[0].charge_period_end == dt.datetime(2026, 11, 21, tzinfo=dt.UTC)


def test_resources_that_add_up_to_something_else_change_nothing():
    """The bill is by SKU and project, rounded; a difference would be invented or lost."""
    details = {"charges": [detail("a", money(11), START, START)], "next_page_token": ""}

    (row,) = window(consumptions(consumption("/compute/play2", money(12))), details).charges

    assert (row.billed_cost, row.resource_id) == (Decimal(12), None)


@pytest.mark.parametrize("status", [403, 404])
def test_resources_that_may_not_be_read_are_a_gap(status):
    reply = Reply.json({"type": "not_found", "resource": "Charge", "message": "-"}, status=status)

    found = served({**scaleway.ACCOUNT, scaleway.CHARGES: reply})

    assert [gap.kind for gap in found.gaps] == ["resources"]
    assert net(found) == scaleway.TOTAL


def test_a_refusal_names_the_permission_set():
    reply = Reply.json({"type": "denied_authentication", "message": "-"}, status=403)

    with pytest.raises(ProviderPermissionError, match="BillingReadOnly"):
        served({scaleway.CONSUMPTIONS: reply})


def test_every_month_is_asked_for_by_its_name():
    vendor, outbound = provider(scaleway.EMPTY)

    list(vendor.charges("work", NOW, None))

    asked = [one for one in outbound.asked if one.startswith(scaleway.CONSUMPTIONS)]
    assert len(asked) == 13
    assert "billing_period=2026-11" in asked[0]
    assert "billing_period=2025-11" in asked[-1]


def test_a_key_alone_is_a_hint_in_check(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DO_API_TOKEN", "another-vendors")
    monkeypatch.setenv("SCW_SECRET_KEY", "planted")

    assert main(["check", "--offline"]) == 0

    assert "SCW_ORGANIZATION_ID" in capsys.readouterr().out

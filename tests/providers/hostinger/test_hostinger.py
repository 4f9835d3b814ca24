"""What Hostinger's subscriptions mean: cents, periods, renewals."""

import datetime as dt
from decimal import Decimal

import pytest

from costmon.domain.renewal import renewing
from costmon.domain.subscription import reminders
from costmon.errors import ProviderSchemaError
from costmon.testing import StubServer
from costmon.testing.provider_contract import ACCOUNT, NOW, Recording, Vendor
from tests.providers.hostinger import answers as hostinger


@pytest.fixture
def read():
    """Return what reads subscriptions: their resources, and the rows of the year."""
    with StubServer() as server:

        def read(*subscriptions):
            recording = Recording(answers={hostinger.PATH: list(subscriptions)})
            vendor = Vendor(
                server,
                recording,
                slug="hostinger",
                credentials={"token": "planted-token"},
                options={},
            )
            with vendor.provider() as provider:
                rows = [row for one in provider.charges(ACCOUNT, NOW, None) for row in one.charges]
                return provider.inventory(ACCOUNT, NOW).resources, rows

        yield read


@pytest.mark.parametrize(
    ("count", "unit", "monthly"),
    [
        (1, "month", "17.99"),
        (1, "months", "17.99"),
        (12, "month", "1.499166667"),
        (1, "year", "1.499166667"),
        (2, "year", "0.749583333"),
        (1, "day", "547.195833333"),
        (1, "week", "78.170833333"),
    ],
)
def test_a_month_costs_its_share_of_the_period(read, count, unit, monthly):
    (resource,), _ = read(
        hostinger.subscription("A", 1_799, billing_period=count, billing_period_unit=unit)
    )

    assert resource.monthly_cost == Decimal(monthly)


@pytest.mark.parametrize(("count", "unit"), [(0, "month"), (1, "fortnight"), (3, "none")])
def test_a_period_that_is_not_known_has_no_price_of_a_month(read, count, unit):
    (resource,), _ = read(
        hostinger.subscription("A", 1_799, billing_period=count, billing_period_unit=unit)
    )

    assert resource.monthly_cost is None
    assert "is not known" in resource.unpriced


def test_a_renewal_for_another_price_is_told(read):
    (resource,), _ = read(hostinger.subscription("A", 299, renewal_price=1_199))

    details = dict(resource.details)
    assert details["next_billing"] == "2026-12-05"
    assert details["renewal"] == "automatic"
    assert (details["price"], details["renewal_price"]) == ("2.99 USD", "11.99 USD")
    assert details["price_changes"] == "yes"


def test_a_renewal_a_trial_and_an_end_are_reminded_of(read):
    year = {"billing_period_unit": "year", "next_billing_at": "2026-12-02T00:00:00Z"}
    trial = {"status": "in_trial", "next_billing_at": "2026-11-25T00:00:00Z"}
    lapses = {"is_auto_renewed": False, "next_billing_at": None, "expires_at": NOW.isoformat()}
    resources, _ = read(
        hostinger.subscription("VPS", 3_588, renewal_price=11_988, **year),
        hostinger.subscription("Mail", 299, **trial),
        hostinger.subscription("example.org", 999, **lapses),
        hostinger.subscription("Monthly", 999, next_billing_at="2026-11-22T00:00:00Z"),
    )

    found = reminders(renewing(resources, (), NOW.date()), NOW.date())

    assert [(one.kind, one.subscription.name, one.due.day) for one in found] == [
        ("end", "example.org", 21),
        ("start", "Mail", 25),
        ("renewal", "VPS", 2),
    ]
    assert found[-1].subscription.amount == Decimal("119.88")


def test_what_does_not_renew_has_an_end(read):
    (resource,), _ = read(hostinger.SUBSCRIPTIONS[1])

    assert dict(resource.details)["ends"] == "2027-11-02"
    assert resource.currency == "EUR"


@pytest.mark.parametrize(
    ("status", "why"), [("future", "it has not begun"), ("in_trial", "it is in its trial")]
)
def test_what_has_not_begun_or_is_in_trial_is_not_charged(read, status, why):
    (resource,), rows = read(hostinger.subscription("A", 999, status=status))

    assert resource.monthly_cost is None
    assert resource.unpriced.startswith(why)
    assert rows == []


def test_dates_long_ago_are_no_failure(read):
    odd = hostinger.subscription("A", 1, created_at=None, next_billing_at="0001-01-01T00:00:00Z")

    (resource,), rows = read(odd)

    assert resource.name == "A"
    assert rows == []


@pytest.mark.parametrize("status", ["cancelled", "transferred"])
def test_what_is_over_is_no_resource_but_was_charged(read, status):
    resources, rows = read(hostinger.subscription("A", 999, status=status))

    assert resources == ()
    assert [row.billed_cost for row in rows] == [Decimal("9.99")]


def test_the_present_period_is_charged_on_the_day_it_began(read):
    _, (row,) = read(hostinger.subscription("A", 1_799))

    assert row.charge_period_start == dt.datetime(2026, 11, 5, 8, 30, tzinfo=dt.UTC)
    assert row.charge_period_end == dt.datetime(2026, 12, 5, 8, 30, tzinfo=dt.UTC)
    assert (row.basis, row.billing_currency) == ("plan", "USD")


def test_a_new_period_is_another_row(read):
    _, (before,) = read(hostinger.subscription("A", 1_799))
    _, (after,) = read(
        hostinger.subscription("A", 1_799, next_billing_at="2026-11-05T08:30:00Z", expires_at=None)
    )

    assert before.source_row_key != after.source_row_key


def test_a_period_begins_no_earlier_than_the_subscription(read):
    _, (row,) = read(hostinger.subscription("A", 1_799, created_at="2026-11-09T00:00:00Z"))

    assert row.charge_period_start == dt.datetime(2026, 11, 9, tzinfo=dt.UTC)


def test_no_date_at_all_is_a_resource_without_a_row(read):
    unknown = hostinger.subscription(
        "A", 1_799, created_at=None, expires_at=None, next_billing_at=None
    )

    (resource,), rows = read(unknown)

    assert resource.monthly_cost == Decimal("17.99")
    assert rows == []


def test_a_subscription_that_is_there_twice_is_a_schema_error(read):
    one = hostinger.subscription("A", 1)

    with pytest.raises(ProviderSchemaError, match="for the second time"):
        read(one, one)

"""What OVHcloud's answers mean: signatures, months of bills, money in the elements, secrets."""

import datetime as dt
import hashlib
from decimal import Decimal
from urllib.parse import urlencode

import pytest

from costmon.domain.renewal import renewing
from costmon.domain.subscription import reminders
from costmon.errors import ProviderAuthError, ProviderPermissionError, ProviderSchemaError
from costmon.testing import Reply, StubServer
from costmon.testing.provider_contract import ACCOUNT, NOW, Recording, Vendor
from tests.providers.ovh import answers as ovh

CURRENT = "/me/consumption/usage/current"
FORECAST = "/me/consumption/usage/forecast"
FIRST_OF_DECEMBER = dt.datetime(2026, 12, 1, 9, tzinfo=dt.UTC)


@pytest.fixture
def server():
    with StubServer() as server:
        yield server


def vendor(server, answers, credentials=ovh.KEYS):
    recording = Recording(answers=answers)
    return Vendor(server, recording, slug="ovh", credentials=credentials, options={})


def windows(server, answers, now=NOW, known=None, credentials=ovh.KEYS):
    with vendor(server, answers, credentials).provider() as provider:
        return tuple(provider.charges(ACCOUNT, now, known or now - dt.timedelta(days=1)))


def month(found, first):
    """Return the rows of the month that begins on a day."""
    start = dt.datetime.combine(first, dt.time(), dt.UTC)
    return next(one for one in found if one.start <= start < one.end).charges


def test_each_request_is_signed_over_its_whole_url(server):
    windows(server, ovh.CHARGES)

    signed = [asked for asked in server.asked if asked.path != "/auth/time"]
    assert any(asked.pairs for asked in signed)
    for asked in signed:
        url = server.url + asked.path + ("?" + urlencode(asked.pairs) if asked.pairs else "")
        time = asked.headers["x-ovh-timestamp"]
        text = f"{ovh.KEYS['application_secret']}+{ovh.KEYS['consumer_key']}+GET+{url}++{time}"
        digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        assert asked.headers["x-ovh-signature"] == f"$1${digest}"
        assert time == str(ovh.TIME["/auth/time"])


def test_the_time_is_asked_again_in_a_long_poll(server):
    lines = [ovh.line(str(number), 1, "VPS") for number in range(50)]
    windows(server, {**ovh.NOTHING, **ovh.bills((ovh.bill("FR1", "2026-11-05", 50, 0), lines))})

    assert [asked.path for asked in server.asked].count("/auth/time") == 3


def test_a_service_account_exchanges_its_secret_once_for_a_token(server):
    windows(server, {**ovh.TOKEN, **ovh.CHARGES}, credentials=ovh.ACCOUNT)

    exchange, *reads = server.asked
    assert exchange.body == b"grant_type=client_credentials&scope=all"
    assert exchange.headers["content-type"] == "application/x-www-form-urlencoded"
    assert {one.headers["authorization"] for one in reads} == {"Bearer eyJ-made-up"}


@pytest.mark.parametrize("status", [400, 401])
def test_a_refused_service_account_is_an_auth_failure(server, status):
    answers = {**ovh.CHARGES, "/auth/oauth2/token": Reply(status=status, body=b"{}")}

    with pytest.raises(ProviderAuthError, match="OVH_CONSUMER_KEY"):
        windows(server, answers, credentials=ovh.ACCOUNT)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "INVALID_CREDENTIAL", ProviderAuthError),
        (403, "INVALID_KEY", ProviderAuthError),
        (400, "INVALID_SIGNATURE", ProviderAuthError),
        (403, "NOT_GRANTED_CALL", ProviderPermissionError),
    ],
)
def test_the_body_of_a_refusal_says_what_it_means(server, status, code, kind):
    refusal = Reply.json({"errorCode": code, "httpCode": "x", "message": "no"}, status=status)

    with pytest.raises(kind):
        windows(server, {**ovh.CHARGES, CURRENT: refusal})


def test_money_is_in_the_elements_when_the_price_of_the_service_is_null(server):
    rows = month(windows(server, {**ovh.CHARGES, **ovh.NO_BILLS}), dt.date(2026, 11, 1))

    assert [row.billed_cost for row in rows] == [
        Decimal("4.1"),
        Decimal("7.3125"),
        Decimal("0.25"),
    ]
    assert {row.basis for row in rows} == {"metered"}
    assert rows[1].consumed_quantity == Decimal("117.5")
    assert rows[2].charge_period_start == dt.datetime(2026, 11, 11, 23, tzinfo=dt.UTC)


def test_a_price_of_the_service_counts_only_without_elements(server):
    with vendor(server, {**ovh.TIME, FORECAST: ovh.FORECAST}).provider() as provider:
        (forecast,) = provider.usage(ACCOUNT, NOW).quantities

    assert (forecast.used, forecast.unit, forecast.estimated) == (Decimal("6.7"), "EUR", True)


def test_a_service_without_any_price_is_a_schema_error(server):
    with pytest.raises(ProviderSchemaError, match="neither a price nor elements"):
        windows(server, {**ovh.CHARGES, CURRENT: [ovh.transaction(1, [])]})


@pytest.mark.parametrize("currency", ["N/A", "points"])
def test_what_is_in_no_currency_is_left_out_only_when_it_is_nothing(server, currency):
    part = ovh.element("gift", 0) | {"price": ovh.price(0, currency)}
    answers = {**ovh.NOTHING, CURRENT: [ovh.transaction(1, [part])]}
    assert not month(windows(server, answers), dt.date(2026, 11, 1))
    part["price"]["value"] = 5

    with pytest.raises(ProviderSchemaError, match="in no currency"):
        windows(server, answers)


def test_bills_are_asked_for_by_date_only(server):
    windows(server, ovh.CHARGES)

    (asked,) = (one for one in server.asked if one.path == "/me/bill")
    assert asked.query == {"date.from": "2026-10-31T23:00:00Z", "date.to": "2026-11-21T10:00:00Z"}


def test_lines_and_tax_of_a_bill_are_rows_and_negative_lines_stay(server):
    rows = [one for one in windows(server, ovh.CHARGES)[0].charges if one.invoice_id == "FR71"]

    assert [(row.charge_category, row.billed_cost) for row in rows] == [
        ("Purchase", Decimal(14)),
        ("Adjustment", Decimal("-1.5")),
        ("Tax", Decimal("2.5")),
    ]
    assert rows[0].resource_id == "vps-1.example.net"


def test_what_a_bill_has_beside_its_lines_is_a_row(server):
    answers = {
        **ovh.NOTHING,
        **ovh.bills((ovh.bill("FR1", "2026-11-05", 9, 0), [ovh.line("1", 10, "VPS")])),
    }

    rows = windows(server, answers)[0].charges

    assert [row.billed_cost for row in rows] == [Decimal(10), Decimal(-1)]
    assert rows[1].charge_description == "not in the bill's lines"


def test_a_bill_of_very_many_lines_is_one_row(server):
    lines = [ovh.line(str(number), 1, "call") for number in range(201)]
    answers = {**ovh.NOTHING, **ovh.bills((ovh.bill("FR1", "2026-11-05", 201, 0), lines))}

    rows = windows(server, answers)[0].charges

    assert [row.billed_cost for row in rows] == [Decimal(201)]
    assert len(server.asked) < 10


@pytest.mark.parametrize("sign", [1, -1])
def test_a_refund_is_money_back_whichever_sign_it_has(server, sign):
    refund = ovh.REFUNDS["/me/refund/RF9"] | {
        "priceWithoutTax": ovh.price(sign * 3),
        "tax": ovh.price(sign * 0.5),
    }

    rows = windows(server, {**ovh.NOTHING, **ovh.REFUNDS, "/me/refund/RF9": refund})[0].charges

    assert [row.billed_cost for row in rows] == [Decimal(-3), Decimal("-0.5")]


@pytest.mark.parametrize("status", [403, 404])
def test_refunds_and_history_that_cannot_be_seen_are_gaps(server, status):
    refusal = Reply.json({"message": "no"}, status=status)
    answers = {**ovh.NOTHING, **ovh.VPS, "/me/refund": refusal, ovh.HISTORY: refusal}

    november, *_ = reversed(windows(server, answers, FIRST_OF_DECEMBER))

    assert [row.invoice_id for row in november.charges] == ["FR71"] * 3
    assert [gap.kind for gap in november.gaps] == ["refunds", "use of last month until its bill"]


def test_a_bill_without_lines_is_one_row(server):
    answers = {**ovh.NOTHING, **ovh.VPS}
    del answers["/me/bill/FR71/details"]

    rows = windows(server, answers)[0].charges

    assert [row.billed_cost for row in rows] == [Decimal("12.5"), Decimal("2.5")]


def test_what_opens_the_pdf_is_kept_nowhere(server):
    found = windows(server, ovh.CHARGES)

    kept = repr([(window, window.charges) for window in found])
    assert "pdf" not in kept
    assert "bills.example" not in kept


def test_a_bill_of_the_first_days_charges_for_the_month_before(server):
    cloud = [ovh.line("1", 11.5, "Public Cloud", "2026-11-01", "2026-11-30", "project-1")]
    answers = {
        **ovh.NOTHING,
        CURRENT: [ovh.transaction(1, [ovh.element("x", 0.5)], "2026-12-01T00:00:00+01:00")],
        **ovh.bills((ovh.bill("FR8", "2026-12-01", 11.5, 2.3), cloud)),
    }

    found = windows(server, answers, FIRST_OF_DECEMBER)

    november = month(found, dt.date(2026, 11, 1))
    assert [row.billed_cost for row in november] == [Decimal("11.5"), Decimal("2.3")]
    assert november[0].charge_period_start == dt.datetime(2026, 10, 31, 23, tzinfo=dt.UTC)
    assert [row.billed_cost for row in month(found, dt.date(2026, 12, 1))] == [Decimal("0.5")]
    assert all(asked.path != ovh.HISTORY for asked in server.asked)


@pytest.mark.parametrize("billed", ["2026-11-20", "2026-12-09", "2027-01-25"])
def test_a_late_bill_replaces_the_use_of_its_month_and_is_counted_once(server, billed):
    october = [ovh.line("1", 8.75, "Public Cloud", "2026-10-01", "2026-10-31", "project-1")]
    answers = {**ovh.NOTHING, **ovh.bills((ovh.bill("FR9", billed, 8.75, 0), october))}
    now = dt.datetime.fromisoformat(f"{billed}T09:00:00+00:00")

    found = windows(server, answers, now)

    (row,) = month(found, dt.date(2026, 10, 1))
    assert (row.billed_cost, row.charge_frequency) == (Decimal("8.75"), "Usage-Based")
    assert sum(len(window.charges) for window in found) == 1


def test_a_bill_in_advance_counts_on_its_day_even_when_its_period_began_long_ago(server):
    year = [ovh.line("1", 60, "Domain", "2026-09-01", "2027-08-31")]
    answers = {**ovh.NOTHING, **ovh.bills((ovh.bill("FR9", "2026-11-05", 60, 0), year))}

    (row,) = month(windows(server, answers), dt.date(2026, 11, 1))

    assert row.charge_category == "Purchase"


def test_until_there_is_such_a_bill_the_use_of_last_month_is_read(server):
    used = [ovh.transaction(1, [ovh.element("x", 8.5)], endDate="2026-12-01T00:00:00+01:00")]
    answers = {**ovh.NOTHING, ovh.HISTORY: used}

    found = windows(server, answers, FIRST_OF_DECEMBER)

    assert [row.billed_cost for row in month(found, dt.date(2026, 11, 1))] == [Decimal("8.5")]
    (asked,) = (one for one in server.asked if one.path == ovh.HISTORY)
    assert asked.query == {"beginDate": "2026-10-31T23:00:00Z", "endDate": "2026-11-30T23:00:00Z"}


def test_use_of_last_month_that_is_still_current_is_counted_there_once(server):
    answers = {**ovh.NOTHING, CURRENT: [ovh.transaction(1, [ovh.element("x", 8.5)])]}

    found = windows(server, answers, FIRST_OF_DECEMBER)

    assert [row.billed_cost for row in month(found, dt.date(2026, 11, 1))] == [Decimal("8.5")]
    assert not month(found, dt.date(2026, 12, 1))


def test_use_that_began_long_ago_counts_in_the_month_that_is_not_billed(server):
    answers = {
        **ovh.NOTHING,
        CURRENT: [ovh.transaction(1, [ovh.element("x", 2)], "2026-07-04T00:00:00+02:00")],
    }

    (row,) = windows(server, answers)[0].charges

    assert row.charge_period_start == dt.datetime(2026, 10, 31, 23, tzinfo=dt.UTC)


def test_services_say_when_they_renew_and_what_a_month_costs(server):
    with vendor(server, ovh.SERVICES).provider() as provider:
        monthly, yearly, unpriced = provider.inventory(ACCOUNT, NOW).resources

    assert (monthly.monthly_cost, monthly.status) == (Decimal(14), "active")
    assert dict(monthly.details)["next_billing"] == "2026-12-05"
    assert dict(monthly.details)["renewal"] == "automatic"
    assert yearly.monthly_cost == Decimal(10)
    assert unpriced.monthly_cost is None
    assert unpriced.unpriced == "OVHcloud names no price"


def test_a_yearly_service_is_reminded_of_before_it_renews_or_ends(server):
    yearly = {"duration": "P1Y", "price": ovh.price(120)}
    answers = {
        **ovh.SERVICES,
        "/services/12": ovh.service(12, pricing=yearly),
        "/services/13": ovh.service(
            13, pricing=yearly, renew={"current": {"mode": "manual", "period": "P1Y"}}
        ),
    }
    with vendor(server, answers).provider() as provider:
        resources = provider.inventory(ACCOUNT, NOW).resources

    found = reminders(renewing(resources, (), NOW.date()), NOW.date())

    assert [(one.kind, one.subscription.name) for one in found] == [
        ("renewal", "vps-12.example.net"),
        ("end", "vps-13.example.net"),
    ]


def test_a_consumer_key_that_may_write_is_named(server):
    rules = [{"method": "GET", "path": "/me/*"}, {"method": "POST", "path": "/*"}]
    answers = {**ovh.TIME, "/auth/currentCredential": {"rules": rules}}
    with vendor(server, answers).provider() as provider:
        (warning,) = provider.write_access()
    with vendor(server, answers, ovh.ACCOUNT).provider() as provider:
        assert provider.write_access() == ()

    assert "POST" in warning

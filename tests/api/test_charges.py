"""Charges from the ledger, and how much of budgets and quotas has been used."""

import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from costmon.api.charges import LONGEST, parse_query
from costmon.api.queries import QueryError
from costmon.domain.budget import Budget
from costmon.domain.cap import DEFAULT_LEVELS, Cap, Quota
from costmon.domain.charge_report import ChargeFreshness, ChargeQuery, ChargeTotal, Restatement
from costmon.domain.resource import Gap
from costmon.domain.usage import Quantity, UsageReading
from costmon.errors import StoreOutdatedError, StoreUnavailableError
from costmon.state.published import Published
from tests.api.samples import guard_state

CHARGES = "/api/v1/charges"
QUOTAS = "/api/v1/quotas"
TODAY = dt.date(2026, 11, 21)
NOW = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)
MONTH = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def total(billed, *, currency="USD", basis="billed", group="vercel"):
    return ChargeTotal(
        group=group,
        account="vercel",
        provider="vercel",
        currency=currency,
        basis=basis,
        label=group,
        billed=Decimal(billed),
        effective=Decimal(billed),
        charge_count=1,
    )


def read(world, *services, restatements=()):
    """Let charges have been read from the ledger."""
    state = replace(
        world.charges.read(),
        is_loaded=True,
        today=TODAY,
        by_service=services,
        restatements=restatements,
        freshness=(
            ChargeFreshness(
                account="vercel",
                provider="vercel",
                observed_at=NOW,
                known_since=MONTH,
                complete_through=None,
                last_complete_day=None,
                day_zone="UTC",
                gaps=(Gap(kind="invoices", reason="needs the role Billing"),),
            ),
        ),
    )
    world.charges = Published(state)


def test_it_asks_for_the_month_to_date_by_account(world):
    read(world)

    answer = world.client().get(CHARGES)

    assert answer.status_code == 200
    assert world.charge_questions == [
        ChargeQuery(start=dt.date(2026, 11, 1), end=dt.date(2026, 11, 22), group_by="account")
    ]
    assert (answer.json["meta"]["from"], answer.json["meta"]["to"]) == ("2026-11-01", "2026-11-22")


def test_amounts_keep_every_digit_and_no_currency_or_basis_is_added_to_another(world):
    world.totals = (
        total("0.1234567890123456789"),
        total("1E+3", currency="EUR"),
        total("5", basis="list_price"),
    )

    rows = world.client().get(CHARGES).json["data"]

    assert [(row["billed"], row["currency"], row["basis"]) for row in rows] == [
        ("0.1234567890123456789", "USD", "billed"),
        ("1000", "EUR", "billed"),
        ("5", "USD", "list_price"),
    ]


def test_it_says_how_fresh_each_account_is_and_what_was_restated(world):
    changed = Restatement(
        account="vercel",
        provider="vercel",
        day=dt.date(2026, 11, 18),
        service="Edge",
        project="-",
        currency="USD",
        billed_delta=Decimal("-0.75"),
        effective_delta=Decimal("-0.75"),
        observed_at=NOW,
    )
    read(world, restatements=(changed,))

    meta = world.client().get(CHARGES).json["meta"]

    [fresh] = meta["freshness"]
    assert (fresh["account"], fresh["state"]) == ("vercel", "off")
    assert fresh["reason"] == "its charges are not read any more"
    assert fresh["gaps"] == [{"kind": "invoices", "reason": "needs the role Billing"}]
    [restated] = meta["restated"]
    assert (restated["day"], restated["billed_delta"]) == ("2026-11-18", "-0.75")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("from=yesterday", "accepted: a day, such as 2026-11-21"),
        ("to=2026-13-01", "accepted: a day"),
        ("to=9999-12-31", "accepted: a day"),
        ("to=0001-01-01", "must be before"),
        ("group_by=color", "accepted: account, service, project, category, day, month"),
        ("from=2026-11-05&to=2026-11-05", "must be before"),
        ("from=2020-01-01&to=2026-11-05", f"at most {LONGEST.days} days"),
        ("groupby=day", "'groupby' is not a parameter; accepted: from, to, group_by"),
        ("to=2026-11-05&to=2026-11-06", "given 2 times"),
    ],
)
def test_bad_input_is_told_what_is_accepted(world, asked, said):
    answer = world.client().get(f"{CHARGES}?{asked}")

    assert answer.status_code == 400
    assert said in answer.json["message"]
    assert world.charge_questions == []


@pytest.mark.parametrize("error", [StoreUnavailableError("locked"), StoreOutdatedError("old")])
def test_a_ledger_that_cannot_be_read_is_unavailable(world, error):
    world.history_error = error

    answer = world.client().get(CHARGES)

    assert answer.status_code == 503
    assert "locked" not in answer.text


@given(st.dictionaries(st.sampled_from(["from", "to", "group_by"]), st.text(max_size=12)))
def test_any_text_is_a_question_or_a_query_error(given_values):
    try:
        query = parse_query(MultiDict(given_values), TODAY)
    except QueryError:
        return
    assert query.start < query.end


@given(st.dates(), st.dates())
def test_any_two_days_are_a_bounded_period_or_a_query_error(one, other):
    try:
        query = parse_query(MultiDict({"from": str(one), "to": str(other)}), TODAY)
    except QueryError:
        return
    assert (query.start, query.end) == (one, other)
    assert query.end - query.start <= LONGEST


def test_a_budget_is_compared_with_what_was_charged(world):
    world.caps = (Cap(Budget("provider:vercel", "100", "month", "USD"), DEFAULT_LEVELS, False),)
    read(world, total("85"), total("7.5", currency="XAU"))

    [budget] = world.client().get(QUOTAS).json["data"]["budgets"]

    assert (budget["scope"], budget["period"]) == ("provider:vercel", "month")
    assert (budget["spent"], budget["limit"], budget["percent"]) == ("85", "100", 85.0)
    assert (budget["left_out"], budget["estimated"]) == (["XAU"], False)
    assert (budget["source"], budget["enforced"], budget["over"]) == ("charges", False, None)


def test_a_budget_that_is_exceeded_says_by_how_much(world):
    world.caps = (Cap(Budget("provider:vercel", "100", "month", "USD"), DEFAULT_LEVELS, False),)
    read(world, total("112.50"))

    [budget] = world.client().get(QUOTAS).json["data"]["budgets"]

    assert (budget["over"], budget["percent"]) == ("12.5", 112.5)


def test_what_guards_report_of_a_budget_is_beside_what_was_charged(world):
    world.caps = (Cap(Budget("global", "10", "month", "USD"), DEFAULT_LEVELS, True),)
    world.guard_state.publish(guard_state())
    read(world, total("4"))

    charged, reported = world.client().get(QUOTAS).json["data"]["budgets"]

    assert (charged["source"], charged["spent"]) == ("charges", "4")
    assert (reported["source"], reported["spent"], reported["enforced"]) == ("guards", "3", True)


def test_a_budget_whose_charges_have_no_rate_is_unknown_and_not_0(world):
    world.caps = (Cap(Budget("global", "100", "month", "USD"), DEFAULT_LEVELS, False),)
    read(world, total("7.5", currency="XAU"))

    [budget] = world.client().get(QUOTAS).json["data"]["budgets"]

    assert (budget["spent"], budget["percent"], budget["left_out"]) == (None, None, ["XAU"])


def test_no_budget_is_listed_before_charges_are_known(world):
    world.caps = (Cap(Budget("global", "100", "month", "USD"), DEFAULT_LEVELS, False),)

    answer = world.client().get(QUOTAS).json

    assert answer["data"]["budgets"] == []
    assert answer["meta"]["charges_loaded"] is False


def test_a_quota_is_compared_with_what_the_vendor_counted(world):
    world.quotas = (
        Quota(
            provider="digitalocean",
            account=None,
            quota="requests",
            unit="Requests",
            limit=Decimal(1000),
            period="month",
            levels=DEFAULT_LEVELS,
            plan="free",
            per_project=False,
            source=None,
            as_of=None,
        ),
    )
    counted = Quantity(
        quota="requests",
        unit="Requests",
        used=Decimal(333),
        start=MONTH,
        end=NOW,
        resets_at=dt.datetime(2026, 12, 1, tzinfo=dt.UTC),
        limit=None,
        estimated=True,
        project=None,
    )
    usage = UsageReading(
        account="digitalocean",
        provider="digitalocean",
        observed_at=NOW,
        quantities=(counted,),
        complete_through=None,
        gaps=(),
        plan="free",
    )
    [account] = world.snapshot.accounts
    seen = replace(world.snapshot, sequence=99, accounts=(replace(account, usage=usage),))
    assert world.cell.publish(seen)

    answer = json.loads(world.client().get(QUOTAS).text, parse_float=Decimal)

    assert answer["data"]["quotas"] == [
        {
            "account": "digitalocean",
            "provider": "digitalocean",
            "project": None,
            "quota": "requests",
            "unit": "Requests",
            "period": "month",
            "plan": "free",
            "used": "333",
            "limit": "1000",
            "percent": Decimal("33.30"),
            "over": None,
            "estimated": True,
            "observed_at": "2026-11-21T10:00:00Z",
            "period_start": "2026-11-01T00:00:00Z",
            "resets_at": "2026-12-01T00:00:00Z",
        }
    ]

"""The bill of the month over all accounts, and of the eleven months before."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.charge_report import ChargeFreshness, ChargeTotal
from costmon.domain.fx import Rate, Rates
from costmon.domain.money import EXACT
from costmon.domain.poll import ReadingKind
from costmon.domain.resource import Balance, Gap
from costmon.state import fold
from costmon.state.bill import bill
from costmon.state.charges import nothing_known
from costmon.testing.clock import START
from costmon.testing.samples import failure, inventory, report, resource

MONTH = START.date().replace(day=1)
RATES = Rates("EUR", {"USD": Rate(Decimal("0.8"), dt.date(2026, 11, 20), "ECB")})


def charged(billed, *, account="vercel", currency="USD", basis="billed", group="Edge"):
    return ChargeTotal(
        group=group,
        account=account,
        provider=account,
        currency=currency,
        basis=basis,
        label=group,
        billed=Decimal(billed),
        effective=Decimal(billed),
        charge_count=1,
    )


def read(account="vercel", **facts):
    known = ChargeFreshness(
        account=account,
        provider=account,
        observed_at=START,
        known_since=dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
        complete_through=START,
        last_complete_day=START.date(),
        day_zone="UTC",
        gaps=(),
    )
    return replace(known, **facts)


def ledger(*services, freshness=(), months=(), is_loaded=True):
    return replace(
        nothing_known(START, START.date()),
        is_loaded=is_loaded,
        by_service=services,
        by_month=months,
        freshness=freshness,
    )


def accounts(*starts):
    return fold.first(starts, {}, now=START, demo=False).accounts


def billing(name, *, off_because=None):
    intervals: dict[ReadingKind, float] = {} if off_because else {"charges": 86_400.0}
    return fold.Start(name=name, provider=name, intervals=intervals, off_because=off_because)


VERCEL = billing("vercel")
CLOUD = ("digitalocean", "digitalocean")


def bill_of(charges, states, *, currency="USD", rates=RATES, now=START):
    return bill(charges, states, rates, currency, now)


def polled(*resources, **facts):
    first = fold.first((CLOUD,), {}, now=START, demo=False)
    return fold.fetched(first, report(), inventory(resources, **facts), START).accounts


def test_kinds_of_amounts_are_kept_apart_and_add_up_to_the_total():
    found = bill_of(
        ledger(
            charged("10"),
            charged("2", basis="metered"),
            charged("3", basis="list_price"),
            charged("4", basis="plan"),
            charged("5", basis="manual"),
            freshness=(read(),),
        ),
        accounts(VERCEL),
    )

    assert found.total.by_kind == {"billed": 10, "metered": 2, "estimated": 7, "manual": 5}
    assert found.total.amount == 24
    assert found.unknown == ()


def test_a_total_in_another_currency_names_the_rate_and_its_date():
    found = bill_of(ledger(charged("10"), freshness=(read(),)), accounts(VERCEL), currency="EUR")

    assert found.total.amount == 8
    assert found.total.rates == ("1 USD = 0.8 EUR (ECB, 2026-11-20)",)
    assert found.accounts[0].native == {"USD": {"billed": Decimal(10)}}


def test_an_amount_without_a_rate_is_left_out_by_name_and_is_no_0():
    found = bill_of(ledger(charged("10", currency="XAU"), freshness=(read(),)), accounts(VERCEL))

    assert found.total.amount is None
    assert found.total.left_out == {"XAU": Decimal(10)}
    assert found.months[-1].total.amount is None


def test_what_has_a_rate_is_added_beside_what_has_none():
    charges = ledger(charged("7"), charged("10", currency="XAU"), freshness=(read(),))

    found = bill_of(charges, accounts(VERCEL))

    assert (found.total.amount, found.total.left_out) == (7, {"XAU": Decimal(10)})


def test_nothing_is_known_before_the_first_read():
    found = bill_of(ledger(), accounts(VERCEL))

    assert found.total.amount is None
    assert found.unknown == ("vercel",)
    assert found.accounts[0].reason == "the first poll has not ended yet"
    assert {month.total.amount for month in found.months} == {None}


def test_no_account_is_an_unknown_total():
    found = bill_of(ledger(), ())

    assert (found.total.amount, found.accounts, found.is_known) == (None, (), False)


def test_an_account_that_lacks_a_variable_is_off_and_says_so():
    states = accounts(billing("wasabi", off_because="WASABI_SECRET_KEY is not set"), VERCEL)

    off, _ = bill_of(ledger(charged("1"), freshness=(read(),)), states).accounts

    assert (off.state, off.total.amount) == ("off", None)
    assert off.reason == "it is off, because WASABI_SECRET_KEY is not set"


def test_an_account_that_was_read_and_charged_nothing_cost_0():
    found = bill_of(ledger(freshness=(read(),)), accounts(VERCEL))

    assert (found.total.amount, found.total.by_kind, found.unknown) == (0, {}, ())


LAST_MONTH = MONTH - dt.timedelta(days=1)


@pytest.mark.parametrize(
    "facts",
    [
        {"last_complete_day": LAST_MONTH},
        {"last_complete_day": None, "observed_at": START - dt.timedelta(days=30)},
    ],
)
def test_no_charge_is_unknown_until_the_vendor_has_reported_a_day_of_the_month(facts):
    found = bill_of(ledger(freshness=(read(**facts),)), accounts(VERCEL))

    assert found.total.amount is None
    assert found.unknown == ("vercel",)


def test_charges_that_the_plan_does_not_tell_are_unknown_for_that_reason():
    gap = Gap(kind="charges", reason="plan: Vercel has no charges of this scope")

    (account,) = bill_of(ledger(freshness=(read(gaps=(gap,)),)), accounts(VERCEL)).accounts

    assert (account.total.amount, account.reason) == (None, gap.reason)


def test_when_all_accounts_fail_nothing_is_known_and_each_says_why():
    first = fold.first((VERCEL,), {}, now=START, demo=False)
    failed = fold.failed(
        first,
        report(account="vercel", provider="vercel", reading="charges"),
        failure(message="vercel: answered 500"),
        START,
    )

    found = bill_of(ledger(), failed.accounts)

    assert found.total.amount is None
    assert (found.accounts[0].state, found.accounts[0].reason) == ("blind", "vercel: answered 500")


def test_what_failed_later_keeps_its_figure_and_says_why_it_is_not_fresh():
    first = fold.first((VERCEL,), {}, now=START, demo=False)
    failed = fold.failed(
        first,
        report(account="vercel", provider="vercel", reading="charges"),
        failure(message="vercel: answered 500"),
        START,
    )

    (account,) = bill_of(ledger(charged("4"), freshness=(read(),)), failed.accounts).accounts

    assert (account.total.amount, account.reason) == (4, "vercel: answered 500")


def test_an_account_without_charges_has_the_figure_of_its_vendor():
    balance = Balance(month_to_date_usage=Decimal("50.25"), currency="USD", generated_at=START)

    found = bill_of(ledger(), polled(resource(monthly="67.20"), balance=balance))

    assert found.total.by_kind == {"billed": Decimal("50.25")}
    assert found.accounts[0].source == "inventory"


def test_and_without_one_the_estimate_by_list_price():
    found = bill_of(ledger(), polled(resource(monthly="67.20")))

    assert found.total.by_kind == {"estimated": Decimal("49.00")}


def test_an_inventory_of_last_month_says_nothing_of_this_one():
    later = START + dt.timedelta(days=20)
    charges = replace(ledger(), today=later.date())

    found = bill_of(charges, polled(resource()), now=later)

    assert found.total.amount is None


def test_figures_of_a_month_in_utc_are_not_shown_as_people_s_next_month():
    charges = replace(ledger(), today=dt.date(2026, 12, 1))  # in a zone east of Greenwich

    found = bill_of(charges, polled(resource()))

    assert (found.month, found.total.amount) == (dt.date(2026, 12, 1), None)


def test_charges_in_the_ledger_replace_what_an_inventory_says():
    states = polled(resource(monthly="67.20"))

    found = bill_of(
        ledger(charged("12", account="digitalocean"), freshness=(read("digitalocean"),)), states
    )

    assert found.total.by_kind == {"billed": 12}
    assert found.accounts[0].source == "ledger"


def test_twelve_months_end_with_the_current_one():
    found = bill_of(ledger(freshness=(read(),)), accounts(VERCEL))

    assert [month.month.isoformat()[:7] for month in found.months] == [
        *["2025-12", "2026-01", "2026-02", "2026-03", "2026-04", "2026-05"],
        *["2026-06", "2026-07", "2026-08", "2026-09", "2026-10", "2026-11"],
    ]
    assert found.months[-1].total == found.total


def test_a_month_before_the_ledger_begins_is_unknown_and_one_without_charges_is_0():
    since = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
    months = (charged("9", group="2026-09-01"),)

    found = bill_of(ledger(freshness=(read(known_since=since),), months=months), accounts(VERCEL))
    by_month = {month.month.isoformat()[:7]: month for month in found.months}

    assert by_month["2026-08"].total.amount is None
    assert by_month["2026-08"].unknown == ("vercel",)
    assert by_month["2026-09"].total.amount == 9
    assert (by_month["2026-10"].total.amount, by_month["2026-10"].unknown) == (0, ())


def test_a_month_names_the_accounts_of_which_it_is_not_known():
    found = bill_of(
        ledger(freshness=(read(),), months=(charged("9", group="2026-09-01"),)),
        (*accounts(VERCEL), *polled(resource())),
    )

    september = found.months[-3]
    assert (september.total.amount, september.unknown) == (9, ("digitalocean",))


def test_a_removed_account_is_shown_while_it_has_charges_this_month():
    gone = ledger(charged("3", account="old"), freshness=(read("old"), read("older")))

    found = bill_of(gone, ())

    assert [account.label for account in found.accounts] == ["old"]
    assert found.accounts[0].reason == "its charges are not read any more"
    assert found.total.amount == 3


def test_charges_of_which_no_read_is_known_are_in_the_total_nevertheless():
    found = bill_of(ledger(charged("3"), freshness=()), accounts(billing("openai")))

    assert found.total.amount == 3
    assert [account.label for account in found.accounts] == ["openai", "vercel"]


AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=12)


@given(
    st.lists(
        st.tuples(
            AMOUNTS,
            st.sampled_from(["vercel", "openai"]),
            st.sampled_from(["USD", "EUR", "XAU"]),
            st.sampled_from(["billed", "metered", "list_price", "plan", "manual"]),
        ),
        max_size=12,
    )
)
def test_accounts_add_up_to_the_total_exactly(rows):
    charges = ledger(
        *(charged(amount, account=a, currency=c, basis=b) for amount, a, c, b in rows),
        freshness=(read("vercel"), read("openai")),
    )

    found = bill_of(charges, accounts(VERCEL, billing("openai")))

    parts = Decimal()
    for account in found.accounts:
        parts = EXACT.add(parts, account.total.amount or Decimal())
    assert parts == (found.total.amount or Decimal())

import datetime as dt
import html
import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.budget import Budget
from costmon.domain.cap import DEFAULT_LEVELS, Cap, Quota
from costmon.domain.charge_report import (
    ChargeFreshness,
    ChargeOverview,
    ChargeTotal,
    Restatement,
)
from costmon.domain.child import ChildStatus
from costmon.domain.fx import Rate, Rates
from costmon.domain.resource import Balance, Gap, NotPriced
from costmon.domain.totals import Threshold
from costmon.domain.usage import Quantity, UsageReading
from costmon.errors import SnapshotClosedError
from costmon.pricing import fx
from costmon.state import fold
from costmon.state.budget_status import BudgetStatus
from costmon.state.charges import charge_state, nothing_known
from costmon.state.forecast import Forecaster
from costmon.state.published import Published
from costmon.testing.clock import START
from costmon.testing.samples import failure, inventory, report, resource
from costmon.web.charge_view import Limits
from costmon.web.page import create_blueprint
from tests.state.test_forecast import NOW as FORECAST_AT
from tests.state.test_forecast import charges as charges_of_days
from tests.state.test_forecast import days, fresh

CHILD = ChildStatus(
    name="poller.digitalocean",
    role="poller",
    state="set_aside",
    generation=6,
    restarts=5,
    mailbox=2,
    dead_letters=1,
    dropped=0,
    busy_s=None,
    last_error="ValueError('boom')",
    started_at=START,
)
EMPTY = fold.first((("digitalocean", "digitalocean"),), {}, now=START, demo=False)


def polled(*resources, snapshot=EMPTY, cycle="cycle-1", now=START, **facts):
    return fold.fetched(
        snapshot,
        report(cycle, started_at=now),
        inventory(resources, observed_at=now, **facts),
        now,
    )


def client(snapshot, **facts):
    def read():
        if isinstance(snapshot, Exception):
            raise snapshot
        return snapshot

    return client_of(read, **facts)


NO_LIMITS = Limits(caps=(), quotas=(), rates=Rates("EUR", {}), currency="USD", guards=tuple)


def client_of(read, *, children=(), now=START, demo=False, charges=None, limits=NO_LIMITS):
    app = flask.Flask("test", static_folder=None)
    app.register_blueprint(
        create_blueprint(
            snapshot=read,
            children=lambda: children,
            charges=lambda: charges or nothing_known(now, now.date()),
            limits=limits,
            now=lambda: now,
            threshold=Threshold(provider="digitalocean", limit=Decimal(100)),
            demo=demo,
            describe=lambda view: view,
        )
    )
    return app.test_client()


def page(snapshot, **facts):
    return client(snapshot, **facts).get("/").text


class Text(HTMLParser):
    """The words of a page, and the tags it has."""

    def __init__(self, source):
        super().__init__()
        self.words = []
        self.tags = []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def __str__(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def text(snapshot, **facts):
    return str(Text(page(snapshot, **facts)))


def test_before_the_first_poll_it_says_what_happens_next():
    shown = text(EMPTY)

    assert "Waiting for the first poll" in shown
    assert "$0.00" not in shown


def test_nothing_published_is_the_same_as_waiting():
    assert "Waiting for the first poll" in text(None)


def test_a_service_that_stops_says_so():
    answer = client(SnapshotClosedError("closed")).get("/")

    assert answer.status_code == 503
    assert "The service is stopping" in answer.text


def test_it_shows_totals_and_droplets_most_expensive_first():
    shown = text(
        polled(resource("1", name="cheap", monthly="6"), resource("2", name="dear", monthly="48"))
    )

    assert "$54.00 a month" in shown
    assert "$1.80 a day" in shown
    assert shown.index("dear") < shown.index("cheap")


def test_it_says_how_fresh_the_figures_are():
    assert "fresh · read 30 s ago" in text(polled(), now=START + dt.timedelta(seconds=30))


def test_stale_figures_are_marked_with_their_age_and_reason():
    at = START + dt.timedelta(minutes=5)
    failed = fold.failed(polled(resource()), report("bad"), failure(failed_at=at), at)

    source = page(failed, now=at)

    assert '<span class="pill bad">stale · 5 min old</span>' in source
    assert "answered 500" in source


def test_estimate_and_bill_are_side_by_side():
    balance = Balance(month_to_date_usage=Decimal("50.25"), currency="USD", generated_at=START)

    shown = text(polled(resource(monthly="67.20"), balance=balance))

    assert "$49.00" in shown
    assert "$50.25" in shown
    assert "+$1.25" in shown
    assert "destroyed this month, transfer, tax" in shown


def test_an_account_that_has_charges_and_no_balance_does_not_hide_the_bill_of_others():
    balance = Balance(month_to_date_usage=Decimal("50.25"), currency="USD", generated_at=START)
    supabase = fold.Start(
        name="supabase", provider="supabase", intervals={"inventory": 300.0, "charges": 3600.0}
    )
    first = fold.first((("digitalocean", "digitalocean"), supabase), {}, now=START, demo=False)

    shown = text(polled(resource(monthly="67.20"), snapshot=first, balance=balance))

    assert "billed vendor $50.25 difference +$1.25" in shown
    assert "Without supabase, whose charges are in the total of the month" in shown
    assert "67 % of the threshold of $100.00 for digitalocean" in shown


def test_where_charges_tell_what_all_accounts_cost_nothing_is_called_unknown():
    start = fold.Start(
        name="digitalocean",
        provider="digitalocean",
        intervals={"inventory": 300.0, "charges": 3600.0},
    )
    first = fold.first((start,), {}, now=START, demo=False)

    shown = text(polled(resource(monthly="67.20"), snapshot=first), charges=read_charges())

    assert "Live resources, this month so far Without digitalocean, whose charges are" in shown


def test_what_is_unknown_is_called_unknown():
    shown = text(polled(resource(monthly=None, unpriced="no price known")))

    assert "unknown" in shown
    assert "not in the price: no price known" in shown
    assert "the actual total is higher" in shown


def test_what_changed_is_told():
    first = polled(resource("1"))
    second = polled(resource("1"), resource("2", name="new-one"), snapshot=first, cycle="cycle-2")

    assert "droplet new-one (s-1vcpu-2gb, nyc3) appeared: +12.00 USD a month" in text(second)
    assert "Nothing since the service started" in text(first)


def test_gaps_and_what_is_not_priced_are_named():
    shown = text(
        polled(
            gaps=(Gap(kind="database", reason="needs database:read"),),
            not_priced=(NotPriced(kind="spaces", reason="the API has no price"),),
        )
    )

    assert "1 not visible, 1 not priced" in shown
    assert "needs database:read" in shown
    assert "the API has no price" in shown


def test_waste_is_shown_with_its_cost():
    shown = text(polled(resource(waste="powered off, still charged in full")))

    assert (
        "$12.00 a month: 1 \N{MULTIPLICATION SIGN} droplet, powered off, still charged in full"
        in shown
    )


def test_resources_of_every_vendor_are_in_one_list_with_their_kind_and_account():
    accounts = (("do", "digitalocean"), ("hz", "hetzner"))
    snapshot = fold.first(accounts, {}, now=START, demo=False)
    for name, provider, one in (
        ("do", "digitalocean", resource("1", name="box", account="do", monthly="5")),
        (
            "hz",
            "hetzner",
            resource(
                "2", name="disk", account="hz", provider="hetzner", kind="volume", monthly="7"
            ),
        ),
    ):
        seen = inventory([one], account=name, provider=provider)
        snapshot = fold.fetched(snapshot, report(name, account=name), seen, START)

    shown = text(snapshot)

    assert "$12.00 a month" in shown
    assert "2 resources" in shown
    assert "5 % of the threshold of $100.00" in shown  # DigitalOcean's part of it
    assert shown.index("volume hz disk") < shown.index("droplet do box")


def test_a_threshold_for_a_vendor_that_has_not_been_read_is_not_compared():
    accounts = (("do", "digitalocean"), ("hz", "hetzner"))
    snapshot = fold.first(accounts, {}, now=START, demo=False)
    seen = inventory([resource(account="hz", provider="hetzner")], account="hz", provider="hetzner")

    shown = text(fold.fetched(snapshot, report(account="hz"), seen, START))

    assert "threshold" not in shown


def test_the_threshold_is_compared():
    assert "24 % of the threshold of $100.00" in text(polled(resource(monthly="24")))
    assert "$20.00 over the threshold of $100.00" in text(polled(resource(monthly="120")))


def test_the_actors_are_a_tree_with_their_state():
    shown = text(polled(), children=(CHILD,))

    assert "poller.digitalocean set aside 6 5 2 1 2026-11-21 10:00 UTC ValueError('boom')" in shown


def test_demo_is_labelled_everywhere():
    assert "DEMO" in text(polled(), demo=True)
    assert "DEMO" not in text(polled())
    assert "DEMO" in client(SnapshotClosedError("closed"), demo=True).get("/").text


def test_two_hundred_rows_are_shown_and_the_rest_counted():
    source = page(polled(*(resource(str(n), monthly=str(n)) for n in range(1, 251))))

    assert "50 cheaper resources are not shown" in source
    assert ">web-250<" in source
    assert ">web-50<" not in source


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def test_a_hostile_name_is_text():
    source = page(
        polled(
            resource(name=HOSTILE, size=HOSTILE, region=HOSTILE, status=HOSTILE, waste=HOSTILE),
            resource("2", kind=HOSTILE, unpriced=HOSTILE),
            gaps=(Gap(kind=HOSTILE, reason=HOSTILE),),
        )
    )

    assert "<script" not in source
    assert "<img src=x" not in source
    assert html.escape("<script>") in source


SHOWN = Published(polled(resource(name="plain")))
SHOWING = client_of(SHOWN.read)
PLAIN_TAGS = [tag for tag, _ in Text(SHOWING.get("/").text).tags]


@given(st.text(st.characters(exclude_categories=()), max_size=400))
def test_no_name_makes_a_tag_or_breaks_the_page(name):
    SHOWN.publish(polled(resource(name=name)))

    answer = SHOWING.get("/")

    assert answer.status_code == 200
    assert [tag for tag, _ in Text(answer.text).tags] == PLAIN_TAGS
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", answer.text)


def test_a_name_of_a_megabyte_is_cut():
    assert len(page(polled(resource(name="x" * 1_000_000)))) < 100_000


def test_nothing_is_loaded_from_elsewhere_and_nothing_runs():
    found = Text(page(polled(resource()), children=(CHILD,)))

    for tag, attributes in found.tags:
        assert tag not in {"script", "iframe", "object", "style"}
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "action"):
            assert attributes.get(name, "/").startswith("/"), attributes


@pytest.mark.parametrize("name", ["costmon.css", "icon.svg"])
def test_style_and_icon_are_served(name):
    answer = client(None).get(f"/static/{name}", buffered=True)

    assert answer.status_code == 200
    assert len(answer.data) > 100


def test_a_kind_and_a_waste_without_a_known_price_are_unknown_and_not_free():
    database = resource(
        "db", kind="database", monthly=None, unpriced="no price known", waste="not used"
    )

    shown = text(polled(resource("1", monthly="12"), database))

    assert "unknown a month: 1" in shown
    assert "$0.00" not in shown


def charged(billed, *, account="vercel", currency="USD", basis="billed", group="Edge"):
    return ChargeTotal(
        group=group,
        account=account,
        provider="vercel",
        currency=currency,
        basis=basis,
        label=group,
        billed=Decimal(billed),
        effective=Decimal(billed),
        charge_count=1,
    )


def read_charges(*totals, account="vercel", gaps=(), restatements=()):
    return charge_state(
        ChargeOverview(
            today=START.date(),
            by_service=totals,
            by_project=(),
            by_day=(),
            by_month=(),
            last_days=(),
            restatements=restatements,
            freshness=(
                ChargeFreshness(
                    account=account,
                    provider="vercel",
                    observed_at=START,
                    known_since=START,
                    complete_through=START,
                    last_complete_day=dt.date(2026, 11, 20),
                    day_zone="UTC",
                    gaps=gaps,
                ),
            ),
        ),
        START,
    )


def test_charges_of_an_account_are_shown_in_their_currencies_and_in_that_of_totals():
    charges = read_charges(
        charged("1.50"),
        charged("2.25", group="Functions"),
        charged("4", currency="EUR"),
        charged("9", basis="metered"),
        charged("1", basis="list_price"),
        charged("2", basis="plan"),
    )
    rates = Rates("EUR", {"USD": Rate(Decimal("0.8"), dt.date(2026, 11, 20), "ECB")})

    shown = text(polled(), charges=charges, limits=replace(NO_LIMITS, rates=rates))

    assert "vercel off $20.75 $3.75 €4.00 $9.00 $3.00 its charges are not read any more" in shown
    assert "complete through 2026-11-20" in shown
    assert "Converted at 1 EUR = 1.25 USD (ECB, 2026-11-20)" in shown


def test_the_month_is_one_figure_whose_kinds_are_named():
    charges = read_charges(charged("30"), charged("9", basis="metered"))

    shown = text(polled(), charges=charges)

    assert "This month so far, November 2026 $39.00" in shown
    assert "billed $30.00 as the vendor bills it metered $9.00 usage times price" in shown


def test_an_amount_without_a_rate_is_named_and_the_total_is_unknown():
    shown = text(None, charges=read_charges(charged("7", currency="XAU")))

    assert "November 2026 unknown" in shown
    assert "Not included, because there is no exchange rate: 7.00 XAU" in shown
    assert "$0.00" not in shown


def test_twelve_months_are_columns_with_names_and_a_table():
    charges = replace(
        read_charges(charged("40")),
        by_month=(charged("80", group="2026-10-01"), charged("20", group="2026-09-01")),
    )
    charges = replace(
        charges,
        freshness=(
            replace(charges.freshness[0], known_since=dt.datetime(2026, 9, 1, tzinfo=dt.UTC)),
        ),
    )

    source = page(polled(), charges=charges)

    columns = Text(source[source.index('<ol class="trend"') : source.index("</ol>")])
    heights = [
        float(facts["height"]) for tag, facts in columns.tags if facts.get("class") == "billed"
    ]
    assert heights == [25, 100, 50]
    assert str(columns).split()[-6:] == ["$20", "Sep*", "$80", "Oct*", "$40", "Nov"]
    assert "Sep 2026 $20.00 $20.00 digitalocean" in str(Text(source))
    assert "Aug 2026 unknown vercel, digitalocean" in str(Text(source))


VERCEL = fold.Start(name="vercel", provider="vercel", intervals={"charges": 3600.0})


def test_an_account_that_is_off_says_which_variable_is_missing():
    off = fold.Start(
        name="wasabi", provider="wasabi", intervals={}, off_because="WASABI_SECRET_KEY is not set"
    )

    shown = text(fold.first((off,), {}, now=START, demo=False))

    assert "wasabi off unknown it is off, because WASABI_SECRET_KEY is not set" in shown
    assert "$0.00" not in shown


def test_when_all_accounts_fail_it_says_why_and_shows_no_0():
    first = fold.first((VERCEL,), {}, now=START, demo=False)
    told = failure("auth", "vercel: GET /v1/billing/charges: answered 401")
    poll = report(account="vercel", provider="vercel", reading="charges")

    shown = text(fold.failed(first, poll, told, START))

    assert "No account could be read" in shown
    assert "Waiting for the first poll" not in shown
    assert "vercel blind unknown vercel: GET /v1/billing/charges: answered 401" in shown
    assert "$0.00" not in shown


def test_without_an_account_it_says_so():
    shown = text(fold.first((), {}, now=START, demo=False))

    assert "No account is configured yet" in shown
    assert "$0.00" not in shown


def test_a_service_of_which_only_charges_are_known_does_not_wait_for_resources():
    shown = text(
        fold.first((VERCEL,), {}, now=START, demo=False), charges=read_charges(charged("3"))
    )

    assert "This month so far, November 2026 $3.00" in shown
    assert "Waiting for the first poll" not in shown


def refresh_of(source):
    [content] = [
        facts["content"]
        for tag, facts in Text(source).tags
        if tag == "meta" and facts.get("http-equiv") == "refresh"
    ]
    return content


def test_the_page_is_loaded_again_soon_while_a_first_read_has_not_ended():
    unread = fold.first((VERCEL,), {}, now=START, demo=False)

    assert refresh_of(page(unread)) == "3"
    assert refresh_of(page(unread, charges=read_charges(charged("3")))) == "10"
    assert refresh_of(page(polled())) == "60"


def budget_of(limit, *, enforce=False, scope="provider:vercel"):
    return Cap(Budget(scope, limit, "month", "USD"), DEFAULT_LEVELS, enforce=enforce)


def test_a_cap_that_is_passed_says_by_how_much_and_for_which_period_at_the_top():
    limits = replace(NO_LIMITS, caps=(budget_of("100"),))

    shown = text(polled(), charges=read_charges(charged("112.50")), limits=limits)

    assert "1 limit is reached" in shown
    assert (
        "provider:vercel month : $12.50 over $100.00, November 2026 (charged by vendors)" in shown
    )
    assert "Budgets are compared with charges, hence not with the figures of digitalocean" in shown


def test_caps_on_the_bill_and_budgets_that_guards_enforce_are_apart():
    reported = BudgetStatus(
        scope="provider:vercel",
        period="month",
        store="s1",
        currency="USD",
        limit=Decimal(50),
        spent=Decimal(4),
        held=Decimal(1),
        resets_at=None,
        seen_at=START,
        guards=("g1",),
    )
    limits = replace(
        NO_LIMITS,
        caps=(budget_of("100"), budget_of("50", enforce=True)),
        guards=lambda: (reported,),
    )

    shown = text(polled(), charges=read_charges(charged("20")), limits=limits)

    caps, _, enforced = shown.partition("Budgets that guards enforce")
    assert "20.0 % $20.00 of $100.00 $80.00 left" in caps
    assert "charged by vendors 40.0 % $20.00 of $50.00 $30.00 left" in enforced
    assert "reported by guards 10.0 % $5.00 of $50.00 $45.00 left" in enforced


def test_a_budget_whose_charges_are_unknown_is_no_0():
    limits = replace(NO_LIMITS, caps=(budget_of("100", scope="provider:openai"),))

    shown = text(polled(), charges=read_charges(charged("20")), limits=limits)

    assert "provider:openai month November 2026, charged by vendors unknown unknown of" in shown


def test_budgets_and_quotas_are_bars_that_end_at_their_limit():
    quota = Quota(
        provider="digitalocean",
        account=None,
        quota="requests",
        unit="Requests",
        limit=Decimal(1000),
        period="now",
        levels=DEFAULT_LEVELS,
        plan=None,
        per_project=False,
        source=None,
        as_of=None,
    )
    counted = Quantity(
        quota="requests",
        unit="Requests",
        used=Decimal(333),
        start=START,
        end=START,
        resets_at=None,
        limit=None,
        estimated=True,
        project=None,
    )
    usage = UsageReading(
        account="digitalocean",
        provider="digitalocean",
        observed_at=START,
        quantities=(counted,),
        complete_through=None,
        gaps=(),
    )
    snapshot = polled()
    [account] = snapshot.accounts
    cap = Cap(Budget("provider:vercel", "100", "month", "USD"), DEFAULT_LEVELS, enforce=False)

    source = page(
        replace(snapshot, accounts=(replace(account, usage=usage),)),
        charges=read_charges(charged("120")),
        limits=Limits(
            caps=(cap,), quotas=(quota,), rates=Rates("EUR", {}), currency="USD", guards=tuple
        ),
    )

    widths = [facts["width"] for tag, facts in Text(source).tags if facts.get("class") == "fill"]
    assert {"100", "33"} <= set(widths)
    shown = " ".join(str(Text(source)).split())
    assert "provider:vercel month November 2026, charged by vendors 120.0 % $120.00 of" in shown
    assert "digitalocean requests now 33.3 % 333 of 1,000 Requests 667 Requests left est" in shown


def test_what_vendors_and_accounts_are_called_cannot_inject_markup_into_the_card():
    gap = Gap(kind=HOSTILE, reason=HOSTILE)
    restated = Restatement(
        account=HOSTILE,
        provider="vercel",
        day=START.date(),
        service=HOSTILE,
        project="-",
        currency="USD",
        billed_delta=Decimal("-0.75"),
        effective_delta=Decimal("-0.75"),
        observed_at=START,
    )

    source = page(
        polled(),
        charges=read_charges(
            charged("1", account=HOSTILE), account=HOSTILE, gaps=(gap,), restatements=(restated,)
        ),
    )

    assert "<script" not in source
    assert "<img src=x" not in source
    assert "\N{MINUS SIGN}$0.75" in source


@pytest.mark.parametrize("snapshot", [None, EMPTY, polled(resource())])
@pytest.mark.parametrize("charges", [None, read_charges(charged("3"))])
def test_every_page_has_one_main_heading_and_its_chart_is_told_by_a_table(snapshot, charges):
    tags = Text(page(snapshot, charges=charges)).tags

    assert [tag for tag, _ in tags].count("h1") == 1
    assert {facts.get("aria-hidden") for tag, facts in tags if tag == "ol"} <= {"true"}


def forecast_of(*charged_days, account="vercel"):
    known = charges_of_days(*charged_days, read=[fresh(account=account)])
    maker = Forecaster(subscriptions=(), rates=fx.rates(), currency="USD")
    return maker.added_to(known, (), FORECAST_AT)


def test_the_forecast_has_a_figure_and_a_range_for_each_vendor_and_the_total():
    shown = text(polled(), charges=forecast_of(*days(150)), now=FORECAST_AT)

    assert "$300.00 $300.00 to $300.00 in 8 of 10 cases" in shown
    assert re.search(r"vercel \$\S+ \$300.00 \$300.00 to \$300.00 \$10.00 0 %", shown)
    assert re.search(r"total \$\S+ \$300.00 \$300.00 to \$300.00 \$10.00 0 %", shown)


def test_too_little_history_for_a_forecast_is_said_and_is_no_figure():
    shown = text(polled(), charges=forecast_of(*days(5)), now=FORECAST_AT)

    assert "There is too little history for a forecast of the total" in shown
    assert re.search(r"vercel \$\S+ too little history", shown)
    assert "vercel: too little history: 5 of at least 21 complete days of charges" in shown


def test_before_charges_are_read_there_is_no_forecast_and_no_zero():
    assert "There is no forecast yet: charges have not been read." in text(polled())


def test_the_name_of_an_account_is_text_in_the_forecast():
    assert "<script" not in page(
        polled(), charges=forecast_of(*days(5, account=HOSTILE), account=HOSTILE)
    )

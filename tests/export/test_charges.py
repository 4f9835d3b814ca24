"""What the vendors have charged, as Prometheus reads it."""

import datetime as dt
import shutil
import subprocess
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from costmon.domain.charge_report import ChargeTotal, CompleteDay, Restatement
from costmon.domain.fx import Rate, Rates
from costmon.domain.resource import Balance
from costmon.export.charges import MOST_SERVICES, ChargeCollector, ChargeMetrics
from costmon.export.prometheus import exposition
from costmon.state import fold
from costmon.state.charges import nothing_known
from costmon.state.published import Published
from costmon.testing.clock import START
from costmon.testing.samples import inventory, report, resource

LABELS = ("provider", "account", "basis", "service", "currency", "month", "direction")
RATES = Rates("EUR", {"USD": Rate(Decimal("0.8"), dt.date(2026, 11, 20), "ECB")})
MONTH = "costmon_month_to_date_cost_usd"
DAY = "costmon_day_cost_usd"
SERVICE = "costmon_service_month_to_date_cost_usd"
NATIVE = "costmon_native_month_to_date_cost"
MONTHS = "costmon_month_cost_usd"
RESTATED = "costmon_restated_cost_usd_total"


def total(billed, *, group="Edge", account="work", currency="USD", basis="billed"):
    amount = Decimal(billed)
    return ChargeTotal(group, account, "vercel", currency, basis, group, amount, amount, 1)


def charges(*services, **facts):
    state = nothing_known(START, START.date())
    return replace(state, is_loaded=True, by_service=services, **facts)


def restatement(delta, *, observed_at=START, currency="USD"):
    return Restatement(
        account="work",
        provider="vercel",
        day=START.date(),
        service="Edge",
        project="-",
        currency=currency,
        billed_delta=Decimal(delta),
        effective_delta=Decimal(delta),
        observed_at=observed_at,
    )


def charged(intervals=("charges",)):
    start = fold.Start(name="work", provider="vercel", intervals=dict.fromkeys(intervals, 3600.0))
    return fold.first((start,), {}, now=START, demo=False)


def polled(balance=None):
    return fold.fetched(
        fold.first((("digitalocean", "digitalocean"),), {}, now=START, demo=False),
        report(),
        inventory([resource(monthly="67.20")], balance=balance),
        START,
    )


def balance(currency="USD"):
    return Balance(month_to_date_usage=Decimal("50.5"), currency=currency, generated_at=START)


class Scraped:
    """Both parts of the metrics of charges, and what they read."""

    def __init__(self, state, *, snapshot=None, now=START):
        self.published = Published(state)
        self.metrics = ChargeMetrics(self.published, self.published.read, RATES)
        self.collector = ChargeCollector(
            snapshot=lambda: snapshot,
            charges=self.published.read,
            by_basis=lambda: self.metrics.by_basis,
            rates=RATES,
            now=lambda: now,
        )

    def body(self, accept=""):
        return exposition([self.collector], accept, prepared=[self.metrics])[0]


def samples_of(scraped, name):
    text = scraped.body().decode()
    return {
        tuple(sample.labels[label] for label in LABELS if label in sample.labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def samples(name, state, **facts):
    return samples_of(Scraped(state, **facts), name)


def everything():
    return charges(
        total("3"),
        total("2", basis="metered"),
        total("7", currency="XYZ"),
        by_month=(total("5", group="2026-11-01"), total("9", group="2026-10-01")),
        last_days=(
            CompleteDay(
                account="work", provider="vercel", day=dt.date(2026, 11, 19), totals=(total("1"),)
            ),
        ),
        restatements=(restatement("2"),),
    )


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_everything_parses(accept):
    body = Scraped(everything(), snapshot=charged()).body(accept).decode()

    parse = openmetrics if accept else text_string_to_metric_families
    names = {family.name.removesuffix("_total") for family in parse(body)}
    assert names == {MONTH, DAY, SERVICE, NATIVE, MONTHS, RESTATED.removesuffix("_total")}
    assert ("# UNIT costmon_month_cost_usd usd" in body) == bool(accept)
    assert body.count("# EOF") == bool(accept)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_nothing_to_say():
    body = Scraped(everything(), snapshot=charged()).body()

    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=body, capture_output=True, check=False, timeout=20
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_before_anything_is_read_there_is_no_sample():
    assert Scraped(nothing_known(START, START.date())).body() == b""


def test_an_account_never_read_has_no_cost():
    snapshot = charged()

    for name in (MONTH, DAY, SERVICE, NATIVE, MONTHS):
        assert samples(name, charges(), snapshot=snapshot) == {}, name


def test_the_month_is_told_by_basis_and_usage_at_list_price_is_an_estimate():
    state = charges(
        total("3"),
        total("0.5", group="Blob"),
        total("2", basis="metered"),
        total("1", basis="list_price"),
        total("4", basis="plan", account="home"),
    )

    assert samples(MONTH, state) == {
        ("vercel", "work", "billed"): 3.5,
        ("vercel", "work", "metered"): 2,
        ("vercel", "work", "estimated"): 1,
        ("vercel", "home", "plan"): 4,
    }


def test_other_currencies_are_converted_and_stay_apart_in_their_own():
    state = charges(total("10"), total("8", currency="EUR"))

    assert samples(MONTH, state) == {("vercel", "work", "billed"): 20}
    assert samples(NATIVE, state) == {
        ("vercel", "work", "USD"): 10,
        ("vercel", "work", "EUR"): 8,
    }


def test_what_has_no_rate_is_only_in_its_own_currency():
    unknown = total("7", currency="XYZ", group="2026-11-01")
    day = CompleteDay(account="work", provider="vercel", day=START.date(), totals=(unknown,))
    state = charges(
        unknown,
        by_month=(unknown,),
        last_days=(day,),
        restatements=(restatement("1", currency="XYZ"),),
    )

    for name in (MONTH, DAY, SERVICE, MONTHS, RESTATED):
        assert samples(name, state) == {}, name
    assert samples(NATIVE, state) == {("vercel", "work", "XYZ"): 7}


def test_a_complete_day_without_charges_cost_nothing():
    day = CompleteDay(account="work", provider="vercel", day=START.date(), totals=())
    state = charges(by_month=(total("5", group="2026-11-01"),), last_days=(day,))

    assert samples(DAY, state) == {("vercel", "work", "billed"): 0}
    assert samples(DAY, replace(state, last_days=())) == {}
    without_rate = replace(day, totals=(total("7", currency="XYZ"),))
    assert samples(DAY, replace(state, last_days=(without_rate,))) == {}


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=60))
def test_the_most_expensive_services_are_told_apart_and_nothing_is_lost(amounts):
    state = charges(*(total(cents, group=f"s{n}") for n, cents in enumerate(amounts)))

    found = samples(SERVICE, state)

    assert sum(found.values()) == sum(amounts)
    assert len(found) == min(len(amounts), MOST_SERVICES + 1)
    others = found.pop(("vercel", "work", "other"), None)
    assert sorted(found.values(), reverse=True) == sorted(amounts, reverse=True)[:MOST_SERVICES]
    assert (others is None) == (len(amounts) <= MOST_SERVICES)


def test_months_are_told_by_vendor():
    accounts = (
        total("5", group="2026-11-01"),
        total("1", group="2026-11-01", account="home"),
        total("9", group="2026-10-01"),
    )

    assert samples(MONTHS, charges(by_month=accounts)) == {
        ("vercel", "2026-11"): 6,
        ("vercel", "2026-10"): 9,
    }


def test_restatements_count_once_by_direction_from_zero_and_since_the_start():
    before = START - dt.timedelta(seconds=1)
    later = START + dt.timedelta(days=1)
    states = [
        charges(restatements=(restatement("100", observed_at=before),)),
        charges(restatements=(restatement("2"), restatement("-0.5"))),
        charges(restatements=(restatement("3", observed_at=later), restatement("2"))),
        charges(restatements=()),
    ]
    scraped = Scraped(states[0], snapshot=charged())

    counted = []
    for state in states:
        scraped.published.publish(state)
        found = samples_of(scraped, RESTATED)
        counted.append((found["vercel", "up"], found["vercel", "down"]))

    assert counted == [(0, 0), (2, 0.5), (5, 0.5), (5, 0.5)]


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_a_scrape_shows_the_charges_that_were_published_last(accept):
    scraped = Scraped(charges(total("3")))
    before = scraped.body(accept)

    scraped.published.publish(charges(total("4")))

    service = f'{SERVICE}{{account="work",provider="vercel",service="Edge"}}'
    assert f"{service} 3.0" in before.decode()
    assert f"{service} 4.0" in scraped.body(accept).decode()
    assert scraped.body(accept) == scraped.body(accept)


def test_formats_that_have_been_asked_for_are_rendered_when_charges_are_published():
    scraped = Scraped(charges(total("3")))
    rendered: list[str] = []

    def encoder(registry):
        rendered.extend(family.name for family in registry.collect())
        return b"text"

    scraped.metrics.text("text/one", encoder)
    scraped.published.publish(charges(total("4")))
    at_publication = list(rendered)
    scraped.metrics.text("text/one", encoder)

    assert at_publication == [SERVICE, NATIVE] * 2
    assert rendered == at_publication


def test_any_number_of_formats_is_answered():
    scraped = Scraped(charges(total("3")))
    accepted = [f"application/openmetrics-text; version=1.{number}.0" for number in range(20)]

    bodies = {scraped.body(accept) for accept in accepted}

    assert bodies == {scraped.body(accepted[0])}


def test_without_charges_the_vendors_balance_and_list_prices_are_told():
    found = samples(MONTH, charges(), snapshot=polled(balance()))

    assert found == {
        ("digitalocean", "digitalocean", "billed"): 50.5,
        ("digitalocean", "digitalocean", "list_price"): 49.0,
    }


def test_inventories_of_an_earlier_month_have_no_cost_of_this_one():
    for days in (30, 365):
        now = START + dt.timedelta(days=days)
        assert samples(MONTH, charges(), snapshot=polled(balance()), now=now) == {}


def test_a_balance_in_another_currency_is_not_called_dollars():
    found = samples(MONTH, charges(), snapshot=polled(balance("EUR")))

    assert [labels[-1] for labels in found] == ["list_price"]

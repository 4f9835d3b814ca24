"""Budgets and quotas, as Prometheus reads them."""

import datetime as dt
import shutil
import subprocess
from dataclasses import replace
from decimal import Decimal

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from costmon.domain.budget import Budget
from costmon.domain.cap import DEFAULT_LEVELS, Cap, Quota
from costmon.domain.charge_report import ChargeTotal
from costmon.domain.fx import Rate, Rates
from costmon.domain.subscription import Subscription
from costmon.domain.usage import Quantity, UsageReading
from costmon.export.limits import LimitCollector
from costmon.export.prometheus import exposition
from costmon.state import fold
from costmon.state.charges import nothing_known
from costmon.state.guard_state import EMPTY
from costmon.testing.clock import START
from tests.api.samples import circuit, gauge, guard_state, policy, seen, told

LABELS = ("provider", "account", "quota", "unit", "budget", "source")
RATES = Rates("EUR", {"USD": Rate(Decimal("0.8"), dt.date(2026, 11, 20), "ECB")})
LIMIT = "costmon_budget_limit_usd"
RATIO = "costmon_budget_used_ratio"
QUOTA_USED = "costmon_quota_used"
QUOTA_LIMIT = "costmon_quota_limit"
QUOTA_RATIO = "costmon_quota_used_ratio"
BALANCE = "costmon_prepaid_balance_usd"
EXHAUSTION = "costmon_prepaid_exhaustion_timestamp_seconds"
RESET = START + dt.timedelta(days=5)


def cap(limit="100", *, scope="provider:vercel", currency="USD"):
    return Cap(Budget(scope, limit, "month", currency), DEFAULT_LEVELS, enforce=False)


def charges(*totals):
    state = nothing_known(START, START.date())
    return replace(state, is_loaded=True, by_service=totals)


def total(billed, currency="USD"):
    amount = Decimal(billed)
    return ChargeTotal("Edge", "work", "vercel", currency, "billed", "Edge", amount, amount, 1)


def quantity(used="85", *, project=None, limit=None, resets_at=RESET, quota="invocations"):
    return Quantity(
        quota=quota,
        unit="Requests",
        used=Decimal(used),
        start=START - dt.timedelta(days=20),
        end=START,
        resets_at=resets_at,
        limit=None if limit is None else Decimal(limit),
        estimated=False,
        project=project,
    )


def quota(limit="100", *, per_project=False):
    return Quota(
        provider="vercel",
        account=None,
        quota="invocations",
        unit="Requests",
        limit=Decimal(limit),
        period="month",
        levels=DEFAULT_LEVELS,
        plan=None,
        per_project=per_project,
        source=None,
        as_of=None,
    )


def used(*quantities):
    snapshot = fold.first((("work", "vercel"),), {}, now=START, demo=False)
    reading = UsageReading(
        account="work",
        provider="vercel",
        observed_at=START,
        quantities=quantities,
        complete_through=None,
        gaps=(),
    )
    return replace(snapshot, accounts=(replace(snapshot.accounts[0], usage=reading),))


def collector(
    *,
    snapshot=None,
    state=None,
    guards=EMPTY,
    rules=None,
    caps=(),
    quotas=(),
    subscriptions=(),
    now=START,
):
    state = state or nothing_known(START, START.date())
    return LimitCollector(
        snapshot=lambda: snapshot,
        charges=lambda: state,
        guard_state=lambda: guards,
        policy=lambda: rules,
        caps=caps,
        quotas=quotas,
        subscriptions=subscriptions,
        rates=RATES,
        now=lambda: now,
    )


def samples(name, **facts):
    text = exposition([collector(**facts)], "")[0].decode()
    return {
        tuple(sample.labels[label] for label in LABELS if label in sample.labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def guarded():
    rules = policy(budgets=[told(), told("host:*", "5", "day")], circuits=[circuit()])
    return {"guards": guard_state(), "rules": rules}


def prepaid(name="credits", **changes):
    fields = {
        "currency": "USD",
        "balance": Decimal(50),
        "used": Decimal(20),
        "since": dt.date(2026, 11, 1),
        "used_on": dt.date(2026, 11, 21),
        **changes,
    }
    return Subscription(
        name=name,
        provider="anthropic",
        service=name,
        amount=Decimal(50),
        per="once",
        **fields,
    )


def everything():
    return collector(
        snapshot=used(quantity()),
        state=charges(total("85")),
        caps=[cap()],
        quotas=[quota()],
        subscriptions=[prepaid()],
        **guarded(),
    )


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_everything_parses(accept):
    body = exposition([everything()], accept)[0].decode()

    parse = openmetrics if accept else text_string_to_metric_families
    names = {family.name for family in parse(body)}
    assert names == {LIMIT, RATIO, QUOTA_USED, QUOTA_LIMIT, QUOTA_RATIO, BALANCE, EXHAUSTION}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_nothing_to_say():
    body, _ = exposition([everything()], "")

    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=body, capture_output=True, check=False, timeout=20
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_charges_and_guards_of_one_budget_stay_apart():
    facts = {"state": charges(total("25")), "caps": [cap(scope="global")], **guarded()}

    assert samples(RATIO, **facts) == {
        ("global month", "charges"): 0.25,
        ("global month", "guards"): 0.3,
    }
    assert samples(LIMIT, **facts) == {
        ("global month", "charges"): 100,
        ("global month", "guards"): 10,
        ("host:* day", "guards"): 5,
    }


def test_before_charges_are_read_a_cap_has_no_sample():
    assert exposition([collector(caps=[cap()])], "")[0] in {b"", b"# EOF\n"}


def test_a_cap_on_what_was_never_read_has_a_limit_and_no_ratio():
    facts = {"state": charges(), "caps": [cap()]}

    assert samples(LIMIT, **facts) == {("provider:vercel month", "charges"): 100}
    assert samples(RATIO, **facts) == {}


def test_a_cap_in_another_currency_has_its_ratio_and_its_limit_in_dollars():
    facts = {"state": charges(total("50")), "caps": [cap("80", currency="EUR")]}

    assert samples(RATIO, **facts) == {("provider:vercel month", "charges"): 0.5}
    assert samples(LIMIT, **facts) == {("provider:vercel month", "charges"): 100}


def test_a_cap_in_a_currency_without_a_rate_has_its_ratio_only():
    facts = {"state": charges(total("50", "XYZ")), "caps": [cap(currency="XYZ")]}

    assert samples(RATIO, **facts) == {("provider:vercel month", "charges"): 0.5}
    assert samples(LIMIT, **facts) == {}


def test_charges_none_of_which_has_a_rate_are_not_a_ratio_of_zero():
    assert samples(RATIO, state=charges(total("50", "XYZ")), caps=[cap()]) == {}


def test_a_window_of_guards_that_has_ended_has_no_ratio():
    later = START + dt.timedelta(hours=2)

    assert samples(RATIO, guards=guard_state(), now=later) == {}


def test_a_limit_of_nothing_that_guards_enforce_has_no_ratio():
    guards = guard_state(seen(scopes=(gauge(limit="0", spent="0", held="0"),)))

    assert samples(RATIO, guards=guards) == {}
    assert samples(LIMIT, guards=guards) == {("global month", "guards"): 0}


def test_a_quota_is_told_with_its_unit():
    facts = {"snapshot": used(quantity()), "quotas": [quota()]}
    labels = ("vercel", "work", "invocations")

    assert samples(QUOTA_USED, **facts) == {(*labels, "Requests"): 85}
    assert samples(QUOTA_LIMIT, **facts) == {(*labels, "Requests"): 100}
    assert samples(QUOTA_RATIO, **facts) == {labels: 0.85}


def test_usage_without_a_limit_has_no_ratio():
    facts = {"snapshot": used(quantity())}

    assert list(samples(QUOTA_USED, **facts).values()) == [85]
    assert samples(QUOTA_LIMIT, **facts) == samples(QUOTA_RATIO, **facts) == {}


@pytest.mark.parametrize(("quotas", "ratio"), [([], 0.5), ([quota()], 0.85)])
def test_the_vendors_own_limit_counts_where_no_quota_is_known(quotas, ratio):
    found = samples(QUOTA_RATIO, snapshot=used(quantity(limit="170")), quotas=quotas)

    assert list(found.values()) == [ratio]


def test_of_quotas_that_each_project_has_the_fullest_is_told():
    projects = used(quantity("10", project="a"), quantity("60", project="b"))

    assert list(samples(QUOTA_RATIO, snapshot=projects, quotas=[quota()]).values()) == [0.7]
    found = samples(QUOTA_RATIO, snapshot=projects, quotas=[quota(per_project=True)])
    assert list(found.values()) == [0.6]


def test_of_a_period_that_has_ended_nothing_is_told():
    facts = {"snapshot": used(quantity()), "quotas": [quota()], "now": RESET}

    for name in (QUOTA_USED, QUOTA_LIMIT, QUOTA_RATIO):
        assert samples(name, **facts) == {}, name


def test_an_account_whose_usage_was_never_read_has_no_quota():
    snapshot = fold.first((("work", "vercel"),), {}, now=START, demo=False)

    assert samples(QUOTA_USED, snapshot=snapshot, quotas=[quota()]) == {}


MANUAL = ("anthropic", "manual")


def test_what_is_left_of_prepaid_balances_is_added_up_by_vendor_in_dollars():
    entries = [
        prepaid(),
        prepaid("more", currency="EUR", used=Decimal(30)),
        prepaid("no", used=None),
    ]

    assert samples(BALANCE, subscriptions=entries) == {MANUAL: pytest.approx(30 + 20 / 0.8)}


def test_a_balance_without_a_rate_leaves_the_vendor_without_a_sum():
    entries = [prepaid(), prepaid("more", currency="XAU")]

    assert samples(BALANCE, subscriptions=entries) == {}


def test_a_balance_that_has_ended_is_not_told():
    assert samples(BALANCE, subscriptions=[prepaid(until=START.date())]) == {}


def test_a_balance_lasts_as_long_as_its_average_rate_says():
    # 20 of 50 in 20 days: the other 30 last until day 50.
    day = dt.datetime(2026, 12, 21, tzinfo=dt.UTC)

    assert samples(EXHAUSTION, subscriptions=[prepaid()]) == {MANUAL: day.timestamp()}


@pytest.mark.parametrize(
    "changes",
    [{"used_on": None}, {"since": None}, {"used": Decimal(0)}, {"used": Decimal("0.001")}],
    ids=["seen at no known time", "bought at no known time", "unused", "in a hundred years"],
)
def test_without_a_rate_nobody_says_when_a_balance_ends(changes):
    assert samples(EXHAUSTION, subscriptions=[prepaid(**changes)]) == {}

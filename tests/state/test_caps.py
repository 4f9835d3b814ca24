"""How much of budgets and quotas has been used, from charges, guards and usage readings."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.budget import Budget
from costmon.domain.cap import DEFAULT_LEVELS, VENDOR, Cap, Quota
from costmon.domain.charge_report import ChargeFreshness, ChargeOverview, ChargeTotal
from costmon.domain.resource import Gap
from costmon.domain.usage import Quantity, UsageReading
from costmon.pricing import fx
from costmon.state.budget_status import BudgetStatus
from costmon.state.caps import budget_uses, quota_uses
from costmon.state.charges import charge_state, nothing_known

TODAY = dt.date(2026, 11, 21)
NOW = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)
MONTH = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def total(billed, *, account="vercel", provider="vercel", group="Edge", currency="USD", **more):
    fields = {"label": group, "basis": "billed", "effective": Decimal(billed), "charge_count": 1}
    return ChargeTotal(
        group=group,
        account=account,
        provider=provider,
        currency=currency,
        billed=Decimal(billed),
        **{**fields, **more},
    )


def overview(*services, projects=(), days=(), read=("vercel",), gaps=()):
    found = ChargeOverview(
        today=TODAY,
        by_service=services,
        by_project=projects,
        by_day=days,
        by_month=(),
        last_days=(),
        restatements=(),
        freshness=tuple(
            ChargeFreshness(
                account=name,
                provider=name,
                observed_at=NOW,
                known_since=MONTH,
                complete_through=None,
                last_complete_day=None,
                day_zone="UTC",
                gaps=gaps,
            )
            for name in read
        ),
    )
    return charge_state(found, NOW)


def cap(scope, limit="100", period="month", currency="USD"):
    return Cap(Budget(scope, limit, period, currency), DEFAULT_LEVELS, enforce=False)


def used(one, charges, guards=(), rates=None):
    (use,) = budget_uses([one], charges, guards, rates or fx.rates(), NOW)
    return use


@pytest.mark.parametrize(
    ("scope", "spent"),
    [
        ("global", 13),
        ("provider:vercel", 3),
        ("account:openai-prod", 10),
        ("service:Edge", 2),
        ("service:nothing", 0),
    ],
)
def test_a_cap_counts_what_its_scope_covers(scope, spent):
    charges = overview(
        total(2),
        total(1, group="Seats"),
        total(10, account="openai-prod", provider="openai", group="Tokens"),
        read=("vercel", "openai"),
    )

    assert used(cap(scope), charges).spent == spent


def test_a_project_is_found_by_its_id_and_by_its_name():
    charges = overview(projects=(total(4, group="prj_1", label="shop"),))

    assert used(cap("project:prj_1"), charges).spent == 4
    assert used(cap("project:shop"), charges).spent == 4


def test_what_was_never_read_is_unknown_and_not_zero():
    use = used(cap("provider:openai"), overview(total(2)))

    assert use.spent is None
    assert use.percent is None


@pytest.mark.parametrize("scope", ["global", "provider:vercel", "account:vercel"])
def test_charges_that_cannot_be_seen_are_unknown_and_not_zero(scope):
    gaps = (Gap(kind="charges", reason="not visible with this token"),)

    assert used(cap(scope), overview(gaps=gaps)).spent is None
    assert used(cap(scope), overview(total(2), gaps=gaps)).spent == 2


def test_before_the_ledger_was_read_nothing_is_compared():
    assert not budget_uses([cap("global")], nothing_known(NOW, TODAY), (), fx.rates(), NOW)


def test_nothing_charged_at_a_vendor_that_was_read_is_zero():
    assert used(cap("provider:vercel"), overview()).spent == 0


def test_other_currencies_are_converted_by_a_rate_that_is_named():
    use = used(cap("global", currency="EUR"), overview(total("10.389"), total(5, currency="EUR")))

    assert use.spent == 15
    assert use.rates == ("1 USD = 0.96256 EUR (ECB, 2024-12-31)",)


def test_a_currency_without_a_rate_is_left_out_and_said_to_be():
    use = used(cap("global"), overview(total(2), total(7, currency="XTS")))

    assert (use.spent, use.left_out) == (2, ("XTS",))


def test_a_cap_by_day_counts_the_present_day_only():
    days = (total(1, group="2026-11-20"), total(3, group="2026-11-21"))

    use = used(cap("provider:vercel", period="day"), overview(days=days))

    assert (use.spent, use.period_start) == (3, TODAY)


def test_an_estimate_in_the_sum_is_marked():
    assert used(cap("global"), overview(total(1), total(1, basis="list_price"))).estimated
    assert not used(cap("global"), overview(total(1))).estimated


def test_charges_and_guards_are_compared_apart():
    status = BudgetStatus(
        scope="provider:vercel",
        period="month",
        store="s",
        currency="USD",
        limit=Decimal(100),
        spent=Decimal(20),
        held=Decimal(5),
        resets_at=NOW + dt.timedelta(days=9),
        seen_at=NOW,
        guards=("g",),
    )

    uses = budget_uses([cap("provider:vercel")], overview(total(2)), [status], fx.rates(), NOW)

    assert [use.source for use in uses] == ["charges", "guards"]
    assert [use.spent for use in uses] == [Decimal(2), Decimal(25)]


def test_scopes_that_vendors_do_not_bill_by_are_not_compared_with_charges():
    caps = [cap("host:api.openai.com"), cap("provider:*"), cap("global", period="hour")]

    assert not budget_uses(caps, overview(total(2)), (), fx.rates(), NOW)


@given(st.lists(st.decimals("-1e6", "1e6", places=12), max_size=20))
def test_the_sum_of_services_is_the_vendors_to_the_last_digit(amounts):
    charges = overview(*(total(amount, group=f"s{n}") for n, amount in enumerate(amounts)))
    parts = [used(cap(f"service:s{n}"), charges).spent for n in range(len(amounts))]

    assert used(cap("provider:vercel"), charges).spent == sum(parts, Decimal()) == sum(amounts)


def quota(limit="100", **changes):
    fields = {
        "provider": "vercel",
        "account": None,
        "quota": "edge_requests",
        "unit": "Requests",
        "period": "month",
        "levels": DEFAULT_LEVELS,
        "plan": None,
        "per_project": False,
        "source": None,
        "as_of": None,
    }
    return Quota(limit=Decimal(limit), **{**fields, **changes})


def quantity(amount, project=None, unit="Requests"):
    return Quantity(
        quota="edge_requests",
        unit=unit,
        used=Decimal(amount),
        start=MONTH,
        end=NOW,
        resets_at=MONTH + dt.timedelta(days=30),
        limit=None,
        estimated=False,
        project=project,
    )


def reading(*quantities, plan=None, account="vercel"):
    return UsageReading(
        account=account,
        provider="vercel",
        observed_at=NOW,
        quantities=quantities,
        complete_through=None,
        gaps=(),
        plan=plan,
    )


def test_projects_add_up_to_the_accounts_quota():
    (use,) = quota_uses([quota()], [reading(quantity(30, "a"), quantity(12, "b"))])

    assert use.used == use.percent == Decimal(42)
    assert use.project is None


def test_the_accounts_own_figure_wins_over_the_sum_of_projects():
    (use,) = quota_uses([quota()], [reading(quantity(30, "a"), quantity(50))])

    assert use.used == 50


def test_a_quota_of_each_project_is_compared_with_each():
    uses = quota_uses([quota(per_project=True)], [reading(quantity(30, "a"), quantity(12, "b"))])

    assert {use.project: use.used for use in uses} == {"a": Decimal(30), "b": Decimal(12)}


def test_a_quota_of_a_plan_holds_on_that_plan_only():
    known = quota(plan="hobby", source="docs", as_of=TODAY)

    assert not quota_uses([known], [reading(quantity(1), plan="pro")])
    assert len(quota_uses([known], [reading(quantity(1), plan="hobby")])) == 1


def test_the_users_quota_wins_over_the_known_one_and_an_accounts_over_both():
    known = quota(1, plan="hobby", source="docs", as_of=TODAY)
    own, accounts = quota(2), quota(3, account="vercel")

    (use,) = quota_uses([known, own], [reading(quantity(1), plan="hobby")])
    (closest,) = quota_uses([known, own, accounts], [reading(quantity(1), plan="hobby")])

    assert (use.quota, closest.quota) == (own, accounts)


def test_a_days_count_is_not_compared_with_a_months_quota():
    today = replace(quantity(90), start=NOW, resets_at=NOW + dt.timedelta(hours=14))

    assert not quota_uses([quota()], [reading(today)])
    assert len(quota_uses([quota(period="day")], [reading(today)])) == 1


def test_another_unit_is_not_compared():
    assert not quota_uses([quota()], [reading(quantity(1, unit="GB"))])


def test_the_vendors_own_limit_wins_over_the_plans_and_the_users_over_both():
    known = quota(1, source="docs", as_of=TODAY)
    told = reading(replace(quantity(80), limit=Decimal(200)))

    (use,) = quota_uses([known], [told])
    (own,) = quota_uses([known, quota(2)], [told])

    assert (use.quota.limit, use.percent, use.quota.source) == (Decimal(200), Decimal(40), VENDOR)
    assert use.quota.levels == DEFAULT_LEVELS
    assert own.quota.limit == 2


def test_each_project_has_the_limit_that_the_vendor_tells_with_it():
    uses = quota_uses(
        [],
        [
            reading(
                replace(quantity(30, "a"), limit=Decimal(40)),
                replace(quantity(30, "b"), limit=Decimal(60)),
                quantity(30, "c"),
            )
        ],
    )

    assert {use.project: use.percent for use in uses} == {"a": Decimal(75), "b": Decimal(50)}


def test_a_users_quota_in_another_unit_leaves_the_vendors_own_limit():
    told = reading(replace(quantity(80), limit=Decimal(200)))

    (use,) = quota_uses([quota(1, unit="GB")], [told])

    assert use.quota.limit == 200

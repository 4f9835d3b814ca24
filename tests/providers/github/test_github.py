import datetime as dt
import json
from decimal import Decimal

import pytest

from costmon.cli import main
from costmon.errors import ProviderPermissionError, ProviderRateLimitError, ProviderSchemaError
from costmon.pricing.quotas import known_quotas
from costmon.providers import catalog
from costmon.providers.base import ProviderSetup
from costmon.state.caps import quota_uses
from costmon.testing import StubServer
from costmon.testing.outbound import FakeOutbound
from costmon.testing.provider_contract import Recording, Vendor
from costmon.testing.stub import Reply
from tests.providers.github import answers as github

NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
USER_USAGE = "/users/octo/settings/billing/usage"
USER_CREDITS = "/users/octo/settings/billing/ai_credit/usage"


def provider(answers, **options):
    outbound = FakeOutbound({path: json.dumps(answer).encode() for path, answer in answers.items()})
    setup = ProviderSetup(outbound=outbound, prices={}, options=options or {"org": "acme"})
    return catalog.create("github", setup), outbound


def window(items, credit_items=github.NO_CREDITS, now=NOW):
    vendor, _ = provider({github.USAGE: items, github.CREDITS: credit_items})
    return next(vendor.charges("work", now, now))


def usage():
    vendor, _ = provider({**github.CHARGES, **github.BUDGET_PAGES, **github.PUBLIC})
    return vendor.usage("work", NOW)


def used(reading):
    return {one.quota: one.used for one in reading.quantities}


def served(answers, read, **options):
    with StubServer() as server:
        vendor = Vendor(
            server,
            Recording(answers=answers),
            slug="github",
            credentials={"token": "planted"},
            options=options or {"org": "acme"},
        )
        with vendor.provider() as found:
            return read(found)


def test_year_and_month_are_always_sent():
    """Without them GitHub answers one row a month that is dated the 1st."""
    vendor, outbound = provider(github.NO_CHARGES)

    assert len(list(vendor.charges("work", NOW, None))) == 13

    assert all("year=20" in asked and "month=" in asked for asked in outbound.asked)
    assert f"{github.USAGE}?year=2025&month=11" in outbound.asked


def test_a_row_is_billed_net_and_keeps_its_list_price():
    first = window(github.usage(github.item("2026-11-03", 0, quantity=50.25))).charges[0]

    assert (first.billed_cost, first.list_cost) == (Decimal(0), Decimal("0.6"))
    assert (first.consumed_quantity, first.consumed_unit) == (Decimal("50.25"), "Minutes")
    assert (first.sub_account_id, first.sub_account_type) == ("acme/shop", "repository")
    assert first.charge_period_start == dt.datetime(2026, 11, 3, tzinfo=dt.UTC)


def test_both_forms_of_a_sku_are_one_key():
    rows = [github.item("2026-11-03", 1, sku) for sku in ("Actions Linux", "actions_linux")]

    keys = {window(github.usage(row)).charges[0].source_row_key for row in rows}

    assert len(keys) == 1


def test_a_users_rows_have_no_organization():
    row = github.item("2026-11-15", 8.0, "Codespaces Linux", product="Codespaces")
    del row["organizationName"]
    vendor, _ = provider(
        {USER_USAGE: github.usage(row), USER_CREDITS: github.NO_CREDITS}, user="octo"
    )

    (charge,) = next(vendor.charges("work", NOW, NOW)).charges

    assert (charge.billed_cost, charge.billing_account_id) == (Decimal(8), "octo")


def test_an_organization_and_a_user_are_both_read():
    row = github.item("2026-11-15", 8.0)
    answers = {**github.CHARGES, USER_USAGE: github.usage(row), USER_CREDITS: github.NO_CREDITS}
    vendor, _ = provider(answers, org="acme", user="octo")

    charges = next(vendor.charges("work", NOW, NOW)).charges

    assert sum(row.billed_cost for row in charges) == github.CHARGES_TOTAL + 8


def test_rows_that_are_all_dated_the_1st_are_a_named_gap():
    """A month in one row: the sum is right, and the days are not."""
    (gap,) = window(github.usage(github.item("2026-11-01", 1.5))).gaps

    assert gap.kind == "daily amounts"


def test_rows_of_other_months_are_left_to_their_own_window():
    """A server that ignores the month would have the whole year counted every month."""
    items = [github.item(f"2026-{month:02}-01", 1) for month in range(1, 12)]

    assert len(window(github.usage(*items)).charges) == 1


def test_rows_of_other_months_only_are_no_empty_month():
    with pytest.raises(ProviderSchemaError, match="days that were not asked for"):
        window(github.usage(github.item("2026-10-01", 1)))


@pytest.mark.parametrize("date", ["", "2026-13-01", "yesterday"])
def test_a_date_that_is_none_is_a_schema_error(date):
    with pytest.raises(ProviderSchemaError, match=r"usageItems\[0\]\.date"):
        window(github.usage(github.item(date, 1)))


def test_ai_credits_are_charged_at_their_net_amount():
    charges = window(github.usage(), github.CREDIT_ITEMS).charges

    assert [(row.billed_cost, row.list_cost) for row in charges] == [
        (Decimal(14), Decimal("15.005")),
        (Decimal(0), Decimal("0.2")),
    ]
    assert charges[0].consumed_quantity == Decimal("1500.5")


def test_ai_credits_that_are_among_the_rows_do_not_count_twice():
    row = github.item("2026-11-15", 14.0, "Copilot AI Credits", product="Copilot")

    (charge,) = window(github.usage(row), github.CREDIT_ITEMS).charges

    assert charge.billed_cost == 14


def test_ai_credits_are_not_asked_for_before_there_were_any():
    vendor, outbound = provider(github.NO_CHARGES)

    list(vendor.charges("work", NOW, None))

    assert sum(github.CREDITS in asked for asked in outbound.asked) == 6


@pytest.mark.parametrize("status", [403, 404])
def test_ai_credits_that_are_not_visible_are_a_gap(status):
    answers = {**github.CHARGES, github.CREDITS: Reply.json({"message": "-"}, status=status)}

    found = served(answers, lambda vendor: next(vendor.charges("work", NOW, NOW)))

    assert [gap.kind for gap in found.gaps] == ["ai_credits"]
    assert len(found.charges) == 6


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_says_which_permission_is_needed(status):
    answers = {github.USAGE: Reply.json({"message": "Not Found"}, status=status)}

    with pytest.raises(ProviderPermissionError, match="Administration: read"):
        served(answers, lambda vendor: next(vendor.charges("work", NOW, NOW)))


def test_a_rate_limit_that_comes_as_403_is_one():
    message = {"message": "You have exceeded a secondary rate limit."}
    answers = {github.USAGE: Reply.json(message, status=403, retry_after="60")}

    with pytest.raises(ProviderRateLimitError) as caught:
        served(answers, lambda vendor: next(vendor.charges("work", NOW, NOW)))

    assert caught.value.retry_after_s == 60


def test_minutes_of_public_repositories_and_larger_runners_are_not_counted():
    """They are among the rows, and use no included minutes."""
    found = next(one for one in usage().quantities if one.quota == "actions_minutes")

    assert (found.used, found.estimated) == (Decimal("107.5"), True)


def test_minutes_are_counted_whole_when_repositories_cannot_be_listed():
    answers = {**github.CHARGES, github.BUDGETS: {"budgets": []}}

    reading = served(answers, lambda vendor: vendor.usage("work", NOW))

    assert used(reading)["actions_minutes"] == Decimal("5107.5")
    assert [gap.kind for gap in reading.gaps] == ["public repositories"]


@pytest.mark.parametrize(
    ("plan", "limit"), [("free", 2000), ("team", 3000), ("enterprise", 50_000)]
)
def test_minutes_are_compared_with_those_of_the_plan(plan, limit):
    answers = {**github.CHARGES, **github.BUDGET_PAGES, **github.PUBLIC}
    vendor, _ = provider(answers, org="acme", plan=plan)

    uses = quota_uses(known_quotas(), [vendor.usage("work", NOW)])

    found = {use.quota.quota: use for use in uses}
    assert found["actions_minutes"].quota.limit == limit
    assert found["actions_minutes"].used == Decimal("107.5")
    assert found["actions_storage"].used == Decimal("0.492857")


def test_without_a_plan_minutes_are_compared_with_nothing():
    uses = quota_uses(known_quotas(), [usage()])

    assert [use.quota.quota for use in uses] == ["budget:actions", "budget:packages"]


def test_a_budget_is_the_limit_of_what_its_product_costs():
    found = {one.quota: one for one in usage().quantities}["budget:actions"]

    assert (found.used, found.limit, found.unit) == (Decimal("1.3825"), Decimal(50), "USD")


@pytest.mark.parametrize(
    ("fields", "quota", "expected"),
    [
        ({"budget_type": "SkuPricing", "budget_product_skus": ["actions_windows"]}, "", "0.0625"),
        ({"budget_product_skus": None, "budget_product_sku": "copilot"}, "", "19"),
        ({"budget_scope": "repository", "budget_entity_name": "shop"}, "@shop", "1.3825"),
        ({"budget_scope": "repository", "budget_entity_name": "acme/open"}, "@acme/open", "0"),
        ({"budget_type": "BundlePricing", "budget_product_skus": ["ai_credits"]}, "", "14"),
    ],
)
def test_a_budget_counts_what_it_is_for(fields, quota, expected):
    page = {"budgets": [github.budget(1, 50, "actions", **fields)]}
    vendor, _ = provider({**github.CHARGES, **github.PUBLIC, github.BUDGETS: page})

    (found,) = (one for one in vendor.usage("work", NOW).quantities if one.limit is not None)

    assert found.used == Decimal(expected)
    assert found.quota.endswith(quota)


def test_a_budget_of_the_enterprise_is_a_gap():
    """What other organizations use counts against it, and is not visible."""
    budget = github.budget(1, 1000, "actions", budget_scope="enterprise")
    vendor, _ = provider({**github.CHARGES, **github.PUBLIC, github.BUDGETS: {"budgets": [budget]}})

    (gap,) = vendor.usage("work", NOW).gaps

    assert gap.kind == "budget:actions"
    assert "1000 USD" in gap.reason


def test_a_page_of_budgets_that_repeats_is_incomplete():
    page = {"budgets": [github.budget(1, 50, "actions")], "has_next_page": True, "total_count": 1}
    vendor, _ = provider({**github.CHARGES, **github.PUBLIC, github.BUDGETS: page})

    with pytest.raises(ProviderSchemaError, match="incomplete"):
        vendor.usage("work", NOW)


def test_a_token_alone_is_a_hint_and_makes_no_account(monkeypatch, tmp_path, capsys):
    """Every job of GitHub Actions has one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DO_API_TOKEN", "another-vendors")
    monkeypatch.setenv("GITHUB_TOKEN", "planted")

    assert main(["check", "--offline"]) == 0

    said = capsys.readouterr().out
    (hint,) = (line for line in said.splitlines() if line.startswith("hint"))
    assert "GITHUB_ORG or GITHUB_USER" in hint
    assert "planted" not in said


def test_an_account_of_the_file_names_an_organization_or_a_user(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKEN_B", "planted")
    file = '[[account]]\nprovider = "github"\nname = "b"\ntoken_env = "TOKEN_B"\n'
    (tmp_path / "costmon.toml").write_text(file)

    assert main(["check", "--offline"]) != 0

    assert "account[0].org" in "".join(capsys.readouterr())

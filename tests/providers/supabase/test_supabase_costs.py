"""What Supabase's plans, computes, add-ons and disks cost, now and by the day."""

import datetime as dt
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.money import share
from costmon.errors import ProviderPermissionError, ProviderServerError, ProviderTimeoutError
from costmon.providers import catalog
from costmon.providers.base import ProviderSetup
from costmon.testing import FakeOutbound
from tests.providers.supabase import samples as it

NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
NOVEMBER, DECEMBER = (dt.datetime(2026, month, 1, tzinfo=dt.UTC) for month in (11, 12))
ADDONS, DISK = f"/v1/projects/{it.REF}/billing/addons", f"/v1/projects/{it.REF}/config/disk"


def fault(kind, path, status=None):
    return kind(provider="supabase", endpoint=f"GET {path}", detail="x", hint="y", status=status)


def supabase(answers, prices=None):
    bodies = {
        path: json.dumps(answer).encode() if isinstance(answer, dict | list) else answer
        for path, answer in answers.items()
        if not callable(answer)
    }
    setup = ProviderSetup(outbound=FakeOutbound(bodies), prices=prices or {}, options={})
    return catalog.create("supabase", setup)


def one_project(*selected, plan="pro", size_gb=8, **project):
    """Return the answers of an organization with one project."""
    return {
        it.ORGANIZATIONS: [it.organization()],
        it.ORGANIZATION: it.organization(plan),
        it.PROJECTS: [it.project(**project)],
        ADDONS: it.addons(*selected),
        DISK: it.disk(size_gb),
    }


def inventory(answers, prices=None):
    return supabase(answers, prices).inventory("work", NOW)


def costs(found):
    return {(one.kind, one.size): one.monthly_cost for one in found.resources}


def charges(answers, now=NOW, known_through=None, prices=None):
    return list(supabase(answers, prices).charges("work", now, known_through))


def total(windows, **wanted):
    rows = [row for window in windows for row in window.charges]
    rows = [row for row in rows if all(getattr(row, key) == wanted[key] for key in wanted)]
    return sum((row.billed_cost for row in rows), Decimal(0))


# --- the inventory ---


def test_a_pro_organization_costs_its_fee_and_what_the_credit_does_not_pay():
    domain = it.addon("custom_domain", "cd_default", 10, "monthly", "Custom Domain")

    found = inventory(one_project(it.compute(), domain, size_gb=20))

    assert costs(found) == {
        ("organization", "pro"): Decimal(25),
        ("project", "ci_small"): Decimal("0.0206") * 730 - 10,
        ("addon", "cd_default"): Decimal(10),
        ("disk", "gp3"): Decimal("1.5"),
    }
    assert [one.basis for one in found.resources] == ["plan", "list_price"] + ["list_price"] * 2
    assert all(one.unpriced is None and one.currency == "USD" for one in found.resources)


def test_one_micro_is_paid_by_the_credit():
    found = inventory(one_project(it.compute("ci_micro", 0.01344)))

    assert sum(costs(found).values()) == 25


def test_the_credit_is_taken_once_for_all_projects():
    found = inventory(it.account())

    computes = {one.id: one.monthly_cost for one in found.resources if one.kind == "project"}
    assert sum(computes.values()) == (Decimal("0.0206") + Decimal("0.0822")) * 730 - 10


def test_a_project_without_compute_addon_costs_as_much_as_the_smallest_on_a_paid_plan():
    found = inventory(one_project())

    (compute,) = (one for one in found.resources if one.kind == "project")
    assert compute.size == "nano"
    assert compute.monthly_cost == Decimal("0.01344") * 730 - Decimal("9.8112")


def test_everything_of_the_free_plan_costs_nothing():
    found = inventory(one_project(it.compute("ci_micro", 0.01344), plan="free", size_gb=20))

    assert set(costs(found).values()) == {Decimal(0)}
    assert {one.basis for one in found.resources} == {"plan"}


def test_a_paused_project_costs_no_compute_and_its_disk_is_not_asked_for():
    answers = one_project(it.compute(), status="INACTIVE")
    del answers[DISK]

    found = inventory(answers)

    assert costs(found)["project", "ci_small"] == 0
    assert found.resources[1].status == "INACTIVE"
    assert dict(found.resources[1].details) == {"compute": "paused, not charged"}


@pytest.mark.parametrize("plan", ["enterprise", "platform", "a-new-one"])
def test_a_plan_without_a_known_price_is_unpriced(plan):
    found = inventory(one_project(it.compute(), plan=plan))

    assert found.resources[0].monthly_cost is None
    assert found.resources[0].unpriced == f"plan '{plan}' has no known price"


def test_the_users_prices_win_over_the_list():
    prices = {"plan:pro": Decimal(20), "credit:compute": Decimal(0), "disk:gp3": Decimal(1)}

    found = inventory(one_project(it.compute(), size_gb=10), prices)

    assert costs(found)["organization", "pro"] == 20
    assert costs(found)["project", "ci_small"] == Decimal("0.0206") * 730
    assert costs(found)["disk", "gp3"] == 2
    assert found.resources[0].basis == "manual"


def test_what_has_no_price_is_unpriced_and_never_free():
    unknown = it.addon("log_drain", "ld_new", 1, "yearly", "Log Drain")
    answers = one_project(it.compute(), unknown)
    answers[DISK] = it.disk(50, "io2")

    by_kind = {one.kind: one for one in inventory(answers).resources}

    assert by_kind["addon"].monthly_cost is None
    assert by_kind["addon"].unpriced == "'ld_new' has no known price"
    assert by_kind["disk"].monthly_cost is None
    assert "io2" in by_kind["disk"].unpriced


def test_iops_beyond_what_is_included_are_said_to_be_missing_in_the_price():
    answers = one_project(it.compute())
    answers[DISK] = it.disk(20, iops=6000)

    disk = inventory(answers).resources[-1]

    assert disk.monthly_cost == Decimal("1.5")
    assert "IOPS" in disk.unpriced


def test_without_the_plan_no_price_is_guessed():
    answers = one_project(it.compute())
    answers[it.ORGANIZATION] = fault(ProviderPermissionError, it.ORGANIZATION, 403)

    found = inventory(answers)

    assert {one.monthly_cost for one in found.resources} == {None}
    assert all("organization_admin_read" in one.unpriced for one in found.resources)
    assert [gap.kind for gap in found.gaps] == ["plan"]


def test_without_the_list_of_organizations_those_of_the_projects_are_read():
    answers = one_project(it.compute())
    answers[it.ORGANIZATIONS] = fault(ProviderPermissionError, it.ORGANIZATIONS, 403)

    found = inventory(answers)

    assert costs(found)["organization", "pro"] == 25
    assert [gap.kind for gap in found.gaps] == ["organization"]


def test_without_addons_the_compute_is_unpriced():
    answers = one_project()
    answers[ADDONS] = fault(ProviderPermissionError, ADDONS, 403)

    found = inventory(answers)

    assert costs(found)["project", None] is None
    assert [gap.kind for gap in found.gaps] == ["addon"]
    assert "infra_add_ons_read" in found.gaps[0].reason


def test_a_kind_that_fails_leaves_the_others_as_they_are():
    answers = one_project(it.compute())
    answers[DISK] = fault(ProviderServerError, DISK, 500)

    found = inventory(answers)

    assert [one.kind for one in found.resources] == ["organization", "project"]
    assert [(one.kind, one.reason) for one in found.failed] == [("disk", "server")]


def test_a_kind_that_has_failed_is_not_asked_for_again():
    first = f"/v1/projects/{it.OTHER}/billing/addons"
    answers = {**it.account(), first: fault(ProviderTimeoutError, first)}
    outbound = FakeOutbound(
        {
            path: answer if path == first else json.dumps(answer).encode()
            for path, answer in answers.items()
            if not callable(answer)
        }
    )
    provider = catalog.create("supabase", ProviderSetup(outbound=outbound, prices={}, options={}))

    found = provider.inventory("work", NOW)

    assert {one.kind for one in found.failed} == {"project", "addon"}
    assert sum("billing/addons" in asked for asked in outbound.asked) == 1


def test_a_removed_project_is_none():
    found = inventory(one_project(it.compute(), status="REMOVED"))

    assert [one.kind for one in found.resources] == ["organization"]


def test_older_answers_without_slug_and_ref_are_understood():
    answers = one_project(it.compute())
    answers[it.ORGANIZATIONS] = [{"id": "acme", "name": "Acme"}]
    answers[it.PROJECTS] = [{"id": it.REF, "name": "shop", "organization_id": "acme"}]

    assert costs(inventory(answers))["organization", "pro"] == 25


# --- charges ---


@pytest.mark.parametrize("month", range(1, 13))
def test_a_month_of_one_micro_costs_the_plans_fee(month):
    start = dt.datetime(2026, month, 1, tzinfo=dt.UTC)
    now = (start + dt.timedelta(days=32)).replace(day=1) - dt.timedelta(minutes=1)

    answers = one_project(it.compute("ci_micro", 0.01344), created_at=None)

    assert total(charges(answers, now)) == 25


def test_the_whole_month_of_a_pro_organization_is_there_before_any_invoice():
    domain = it.addon("custom_domain", "cd_default", 10, "monthly", "Custom Domain")
    now = DECEMBER - dt.timedelta(minutes=1)

    windows = charges(one_project(it.compute(), domain, size_gb=20), now)

    assert total(windows, service_name="Plan") == 25
    assert total(windows, service_name="Compute") == Decimal("0.0206") * 720 - 10
    assert total(windows, service_name="Custom domain") == 10
    assert total(windows, service_name="Disk") == Decimal("1.5")
    assert {row.basis for window in windows for row in window.charges} == {"plan", "list_price"}


def test_the_credit_pays_the_oldest_project_first_and_no_cost_is_negative():
    windows = charges(it.account())

    rows = [row for row in windows[0].charges if row.service_name == "Compute"]
    less = {row.sub_account_name: row.list_cost - row.billed_cost for row in rows}
    assert less["wiki"] > less["shop"] == 0
    assert min(row.billed_cost for row in windows[0].charges) >= 0


def test_only_days_since_the_last_read_are_charged_again():
    known = NOW.replace(day=20, hour=0)

    (window,) = charges(one_project(it.compute()), known_through=known)

    days = {row.charge_period_start.day for row in window.charges if row.service_name == "Compute"}
    assert days == {20, 21}
    assert (window.intake, window.day_zone) == ("restate", "UTC")
    assert window.complete_through == NOW.replace(hour=0)


def test_what_is_resized_today_restates_today_under_the_same_keys():
    known = NOW.replace(hour=0)
    small, large = (
        charges(one_project(it.compute(size, price)), known_through=known)[0].charges
        for size, price in (("ci_small", 0.0206), ("ci_large", 0.1517))
    )

    assert [row.source_row_key for row in small] == [row.source_row_key for row in large]


def test_a_project_is_charged_since_it_was_made_and_a_part_of_an_hour_in_full():
    answers = one_project(it.compute(), created_at="2026-11-21T08:30:00Z")

    (window,) = charges(answers)

    (compute,) = (row for row in window.charges if row.consumed_unit == "Hours")
    assert compute.consumed_quantity == 2
    assert (compute.list_cost, compute.billed_cost) == (Decimal("0.0412"), 0)
    assert compute.list_unit_price == Decimal("0.0206")


def test_a_paused_project_has_no_rows():
    (window,) = charges(one_project(it.compute(), status="INACTIVE"))

    assert [row.service_name for row in window.charges] == ["Plan"]


def test_the_free_plan_is_charged_as_nothing_and_says_so():
    (window,) = charges(one_project(it.compute(), plan="free"))

    assert [(row.service_name, row.billed_cost) for row in window.charges] == [("Plan", 0)]


def test_a_plan_without_a_known_price_is_a_gap_not_a_row():
    (window,) = charges(one_project(it.compute(), plan="enterprise"))

    assert [gap.kind for gap in window.gaps] == ["plan"]
    assert total([window], service_name="Plan") == 0
    assert {row.service_name for row in window.charges} == {"Compute"}


def test_a_pause_over_the_month_is_made_up_for_month_by_month():
    windows = charges(
        one_project(it.compute()), known_through=dt.datetime(2026, 10, 30, tzinfo=dt.UTC)
    )

    assert [(window.start.month, window.end) for window in windows] == [(11, NOW), (10, NOVEMBER)]
    assert total(windows, service_name="Plan") == 50
    october = {row.charge_period_start.day for row in windows[1].charges if row.consumed_quantity}
    assert october == {30, 31}


@pytest.mark.parametrize("known_through", [None, DECEMBER - dt.timedelta(days=1), DECEMBER])
def test_in_the_first_minute_of_a_month_the_one_before_is_completed(known_through):
    now = DECEMBER + dt.timedelta(seconds=5)

    (window,) = charges(one_project(it.compute()), now, known_through)

    assert (window.start, window.end, window.complete_through) == (NOVEMBER, DECEMBER, DECEMBER)
    (last,) = (row for row in window.charges if row.consumed_quantity)
    assert (last.charge_period_start.day, last.consumed_quantity) == (30, 24)


@pytest.mark.parametrize("path", [it.ORGANIZATIONS, it.ORGANIZATION, it.PROJECTS, ADDONS, DISK])
def test_no_window_is_made_of_half_an_estate(path):
    answers = one_project(it.compute())
    answers[path] = fault(ProviderTimeoutError, path)

    with pytest.raises(ProviderTimeoutError):
        charges(answers)


def test_prices_of_the_user_are_marked_as_such():
    (window,) = charges(one_project(plan="team"), prices={"plan:team": Decimal(500)})

    assert total([window], service_name="Plan", basis="manual") == 500


@given(
    amount=st.decimals(0, 10_000_000, allow_nan=False, places=6),
    parts=st.integers(1, 366),
)
def test_shares_add_up_to_the_amount(amount, parts):
    shares = [share(amount, part, parts) for part in range(parts)]

    assert sum(shares) == amount
    assert max(shares) - min(shares) <= Decimal("0.000000002")

"""What Supabase's projects use, and what is said of that which cannot be seen."""

import base64
import datetime as dt
import json
from decimal import Decimal

import pytest

from costmon.errors import ProviderError, ProviderRateLimitError
from costmon.testing import Reply, StubServer
from costmon.testing.provider_contract import Vendor
from costmon.testing.provider_contract.vendor import Recording
from tests.providers.supabase import samples as it

NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
TOKEN, KEY = "sbp_planted0123456789", "sb_secret_planted0123456789"
METRICS = "/customer/v1/privileged/metrics"
EXPOSITION = """\
# HELP pg_stat_database_num_backends x
# TYPE pg_stat_database_num_backends gauge
pg_stat_database_num_backends{datname="postgres"} 11
pg_stat_database_num_backends{datname="other"} 2
# TYPE auth_users_user_count gauge
auth_users_user_count 4321.0
storage_storage_size_mb{supabase_project_ref="x"} 1000
node_network_transmit_bytes_total{device="ens5"} 9e+09
"""


@pytest.fixture
def server():
    with StubServer() as server:
        yield server


def vendor_of(server, answers=None, faults=None, **options):
    vendor = Vendor(
        server,
        Recording(answers=answers or it.account()),
        slug="supabase",
        credentials={"token": TOKEN, **({"metrics_key": KEY} if "metrics" in options else {})},
        options={"project_ref": it.REF, **options},
    )
    for path, reply in (faults or {}).items():
        vendor.fault(path, reply)
    return vendor


def usage_of(server, answers=None, faults=None, **options):
    with vendor_of(server, answers, faults, **options).provider() as provider:
        return provider.usage("work", NOW)


def used(reading):
    return {one.quota: one.used for one in reading.quantities}


def gaps(reading):
    return {gap.kind: gap.reason for gap in reading.gaps}


def test_only_the_named_project_is_read(server):
    reading = usage_of(server)

    assert {one.project for one in reading.quantities} == {it.REF}
    assert not any(it.OTHER in asked.path for asked in server.asked)


def test_the_reference_may_come_from_the_projects_url(server):
    with Vendor(
        server,
        Recording(answers=it.account()),
        slug="supabase",
        credentials={"token": TOKEN},
        options={"url": it.OTHER},
    ).provider() as provider:
        reading = provider.usage("work", NOW)

    assert {one.project for one in reading.quantities} == {it.OTHER}


def test_counts_are_those_since_midnight_and_say_when_they_begin_again(server):
    by_quota = {one.quota: one for one in usage_of(server).quantities}

    rest, size = by_quota["rest_requests"], by_quota["database_size"]
    midnight = NOW.replace(hour=0)
    assert (rest.start, rest.end, rest.resets_at) == (
        midnight,
        NOW,
        midnight + dt.timedelta(days=1),
    )
    assert (size.start, size.end, size.resets_at) == (NOW, NOW, None)
    assert (rest.estimated, size.estimated) == (False, True)


def test_what_the_vendor_says_is_allowed_is_the_limit(server):
    by_quota = {one.quota: one for one in usage_of(server).quantities}

    assert by_quota["functions"].limit == 500
    assert by_quota["disk_used"].limit == 20


@pytest.mark.parametrize("plan", ["free", "pro"])
def test_the_plan_is_named_for_the_quotas_that_hold_on_it(server, plan):
    assert usage_of(server, it.account(plan)).plan == plan


def test_of_two_plans_none_is_the_accounts(server):
    answers = it.account()
    answers[it.PROJECTS] = [it.project(), it.project(it.OTHER, "wiki", organization_slug="other")]
    answers["/v1/organizations/other"] = it.organization("free")
    answers["/v1/organizations/other/entitlements"] = it.entitlements()

    assert usage_of(server, answers, project_ref=None).plan is None


def test_a_plan_that_may_not_be_seen_is_a_named_gap(server):
    reading = usage_of(server, faults={it.ORGANIZATION: Reply.json({}, status=403)})

    assert reading.plan is None
    assert "organization_admin_read" in gaps(reading)["plan"]


def test_what_is_unlimited_has_no_limit(server):
    answers = {**it.account(), it.ENTITLEMENTS: it.entitlements(0, unlimited=True)}

    by_quota = {one.quota: one for one in usage_of(server, answers).quantities}

    assert by_quota["functions"].limit is None


@pytest.mark.parametrize(
    ("status", "said"),
    [(403, "needs database_read"), (404, "404 to read-only queries")],
)
def test_a_database_that_may_not_be_asked_is_a_named_gap(server, status, said):
    reading = usage_of(server, faults={it.QUERY: Reply.json({"message": "no"}, status=status)})

    found = gaps(reading)
    assert set(found) == {"database_size", "table_rows"}
    assert all(said in reason and reason.startswith("shop: ") for reason in found.values())
    assert used(reading)["rest_requests"] == 36


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{}", b'[{"other": 1}]', b'[{"pg_database_size": null, "n_live_tup": -1}]', b"7"],
)
def test_rows_that_hold_no_figure_are_no_zero(server, body):
    reading = usage_of(server, faults={it.QUERY: Reply(status=201, body=body)})

    assert set(gaps(reading)) == {"database_size", "table_rows"}
    assert not {"database_size", "table_rows"} & set(used(reading))


def test_a_200_with_an_error_is_an_error(server):
    answer = {"result": [], "error": {"code": 503, "message": "backend"}}

    reading = usage_of(server, faults={it.COUNTS: Reply.json(answer)})

    assert "200 with an error" in gaps(reading)["rest_requests"]
    assert "rest_requests" not in used(reading)
    assert "backend" not in str(reading.gaps)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"result": [], "error": None}, "no figures of the last day"),
        (it.counts(("2026-11-20T22:00:00", 7)), "no figures yet since midnight"),
        ({"result": [{"total_rest_requests": 7}]}, "no time or no count"),
        ({"result": [{"timestamp": "2026-11-21T09:00:00Z"}]}, "no time or no count"),
        ({"result": [{"timestamp": "noon", "total_rest_requests": 7}]}, "no time or no count"),
        ({"error": None}, "neither a result nor an error"),
    ],
)
def test_no_figures_are_no_zero(server, answer, said):
    reading = usage_of(server, faults={it.COUNTS: Reply.json(answer)})

    assert said in gaps(reading)["rest_requests"]
    assert "rest_requests" not in used(reading)


@pytest.mark.parametrize(
    "moment",
    ["2026-11-21T09:00:00+02:00", "2026-11-21T07:00:00", 1795244400, 1795244400000, "1795244400"],
)
def test_times_of_buckets_come_in_many_forms(server, moment):
    row = {"timestamp": moment, "requests_count": 3, "other": {"a": [1]}, "avg_cpu": 0.5}

    reading = usage_of(server, faults={it.STATS: Reply.json({"result": [row]})})

    assert used(reading)["function_invocations"] == 3


def test_a_function_that_was_not_called_adds_nothing_to_the_others(server):
    answers = it.account()
    answers[f"/v1/projects/{it.REF}/functions"] = [{"id": "f-1"}, {"id": "f-2"}]
    answers[f"{it.STATS}?function_id=f-2"] = {"result": []}

    reading = usage_of(server, answers)

    assert used(reading)["function_invocations"] == 35
    assert used(reading)["functions"] == 2


def test_a_project_without_functions_has_called_none(server):
    answers = {**it.account(), f"/v1/projects/{it.REF}/functions": []}

    assert used(usage_of(server, answers))["function_invocations"] == 0


def test_functions_of_which_there_are_no_figures_are_no_zero(server):
    reading = usage_of(server, faults={it.STATS: Reply.json({"result": []})})

    assert "no figures of the last day" in gaps(reading)["function_invocations"]
    assert "function_invocations" not in used(reading)


def test_a_paused_project_is_named_and_not_asked(server):
    answers = {**it.account(), it.PROJECTS: [it.project(status="INACTIVE")]}

    reading = usage_of(server, answers)

    assert "shop is paused" in gaps(reading)["project"]
    assert not any(it.REF in asked.path for asked in server.asked)


def test_an_endpoint_that_fails_leaves_the_others(server):
    reading = usage_of(server, faults={it.COUNTS: Reply(status=500)})

    assert "could not be read" in gaps(reading)["auth_requests"]
    assert used(reading)["function_invocations"] == 35


def test_a_project_that_is_in_no_list_is_asked_all_the_same(server):
    answers = {**it.account(), it.PROJECTS: []}

    assert used(usage_of(server, answers))["rest_requests"] == 36


def test_nothing_but_the_read_only_query_is_posted(server):
    usage_of(server)

    posted = [asked for asked in server.asked if asked.method != "GET"]
    assert [asked.path for asked in posted] == [it.QUERY] * 2
    for asked in posted:
        assert set(json.loads(asked.body)) == {"query"}
        assert json.loads(asked.body)["query"].startswith("select ")


def test_a_used_up_limit_is_waited_for_as_the_vendor_counts_it(server):
    limits = {"x-ratelimit-limit": "120", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "60"}
    first = Reply(body=json.dumps([it.project()]).encode(), headers=limits)
    vendor = vendor_of(server, faults={it.PROJECTS: first})

    with vendor.provider() as provider:
        reading = provider.usage("work", NOW)

    (pause,) = vendor.pauses
    assert 59 < pause <= 61
    assert reading.gaps == ()


# --- the metrics endpoint ---


def test_metrics_are_not_read_unless_they_are_wanted(server):
    server.answer(METRICS, Reply(body=EXPOSITION.encode(), headers={"content-type": "text/plain"}))

    usage_of(server)

    assert METRICS not in {asked.path for asked in server.asked}


def test_metrics_are_read_with_their_own_key_only(server):
    text = {"content-type": "text/plain; version=0.0.4; charset=utf-8"}
    server.answer(METRICS, Reply(body=EXPOSITION.encode(), headers=text))

    reading = usage_of(server, metrics=server.url)

    assert used(reading)["database_connections"] == 13
    assert used(reading)["auth_users"] == 4321
    assert used(reading)["storage_size"] == Decimal("1.048576")
    (asked,) = (asked for asked in server.asked if asked.path == METRICS)
    user = base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode()
    assert user == f"service_role:{KEY}"
    others = {asked.headers["authorization"] for asked in server.asked if asked.path != METRICS}
    assert others == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (Reply(status=401), "metrics", "not accepted (401)"),
        (Reply(status=500), "metrics", "could not be read"),
        (Reply(body=b"{", headers={"content-type": "text/plain"}), "metrics", "not the text"),
        (Reply(body=b"{}"), "metrics", "expected plain text"),
        (Reply(body=b"a 1\n", headers={"content-type": "text/plain"}), "auth_users", "not among"),
        (
            Reply(body=b"auth_users_user_count NaN\n", headers={"content-type": "text/plain"}),
            "metrics",
            "not the text",
        ),
    ],
)
def test_metrics_that_cannot_be_read_are_a_named_gap(server, reply, kind, said):
    reading = usage_of(server, faults={METRICS: reply}, metrics=server.url)

    assert said in gaps(reading)[kind]
    assert KEY not in str(reading.gaps)
    assert used(reading)["rest_requests"] == 36


def test_wanted_metrics_without_a_key_are_a_named_gap(server):
    vendor = Vendor(
        server,
        Recording(answers=it.account()),
        slug="supabase",
        credentials={"token": TOKEN},
        options={"project_ref": it.REF, "metrics": "on"},
    )

    with vendor.provider() as provider:
        reading = provider.usage("work", NOW)

    assert "SUPABASE_METRICS_KEY is not set" in gaps(reading)["metrics"]


def test_a_limit_that_is_too_far_away_ends_the_reading(server):
    limit = Reply.json({"message": "slow down"}, status=429, retry_after="3000")
    vendor = vendor_of(server, faults={it.PROJECTS: limit})

    with vendor.provider() as provider, pytest.raises(ProviderRateLimitError):
        provider.usage("work", NOW)


def test_a_refused_token_ends_the_reading(server):
    vendor = vendor_of(server, faults={it.COUNTS: Reply(status=401)})

    with vendor.provider() as provider, pytest.raises(ProviderError) as caught:
        provider.usage("work", NOW)

    assert caught.value.reason == "auth"

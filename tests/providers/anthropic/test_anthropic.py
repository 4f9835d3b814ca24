import datetime as dt
import json
from decimal import Decimal

import pytest

from costmon.errors import (
    ProviderAuthError,
    ProviderPermissionError,
    ProviderPlanError,
    ProviderSchemaError,
    ProviderServerError,
)
from costmon.testing import Reply, StubServer
from costmon.testing.provider_contract import Recording, Vendor
from tests.providers.anthropic import answers as claude

NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
COST_REPORT = "/v1/organizations/cost_report"
USAGE_REPORT = "/v1/organizations/usage_report/messages"
ANALYTICS_COST = "/v1/organizations/analytics/cost"
ANALYTICS_USAGE = "/v1/organizations/analytics/usage"


@pytest.fixture
def server():
    with StubServer() as found:
        yield found


def vendor(server, answers):
    return Vendor(
        server,
        Recording(answers=answers),
        slug="anthropic",
        credentials={"token": "sk-ant-admin01-planted"},
        options={},
    )


def charges(server, answers, known_through=NOW, now=NOW):
    with vendor(server, answers).provider() as provider:
        return list(provider.charges("work", now, known_through))


def usage(server, answers):
    with vendor(server, answers).provider() as provider:
        return provider.usage("work", NOW)


def refusal(status, kind):
    body = {"type": "error", "error": {"type": kind, "message": "no"}, "request_id": "req_1"}
    return Reply.json(body, status=status)


def rows_of(server, *costs):
    (window,) = charges(server, {COST_REPORT: claude.page([claude.bucket("2026-11-19", costs)])})
    return window.charges


@pytest.mark.parametrize(
    ("cents", "dollars"),
    [("41280.000000", "412.80"), ("84572", "845.72"), ("123.78912", "1.2378912"), ("0", "0")],
)
def test_amounts_are_cents(server, cents, dollars):
    (row,) = rows_of(server, claude.cost(cents))

    assert row.billed_cost == Decimal(dollars)


def test_the_vendors_own_figure_stays_beside_ours(server):
    (row,) = rows_of(server, claude.cost("123.78912"))

    assert json.loads(row.raw)["amount"] == "123.78912"


def test_an_amount_that_is_no_text_is_not_guessed(server):
    """Cents are documented as texts: a number could be dollars."""
    with pytest.raises(ProviderSchemaError, match=r"results\[0\]\.amount"):
        rows_of(server, claude.cost(41280))


def test_rows_that_differ_only_in_the_context_window_are_two(server):
    rows = rows_of(server, claude.cost("1"), claude.cost("2", context_window="200k-1M"))

    assert [row.billed_cost for row in rows] == [Decimal("0.01"), Decimal("0.02")]


def test_rows_that_differ_only_in_what_was_not_asked_for_are_added(server):
    rows = rows_of(
        server, claude.cost("1", inference_geo="us"), claude.cost("2", inference_geo="global")
    )

    assert [row.billed_cost for row in rows] == [Decimal("0.03")]


def test_a_row_says_workspace_model_and_meter(server):
    rows = rows_of(
        server,
        claude.cost("1", workspace_id="wrkspc_1"),
        claude.cost("2500", "Web Search Usage", **claude.SEARCH),
    )

    assert [row.sub_account_id for row in rows] == ["wrkspc_1", None]
    assert [row.service_name for row in rows] == ["claude-sonnet-4-5", "Web search"]
    assert rows[0].sku_meter == "uncached_input_tokens"


def test_analytics_are_asked_first_and_alone(server):
    (window,) = charges(server, {ANALYTICS_COST: claude.ANALYTICS, COST_REPORT: claude.REPORT})

    assert {asked.path for asked in server.asked} == {ANALYTICS_COST}
    assert window.gaps == ()
    assert (window.charges[0].billed_cost, window.charges[0].list_cost) == (
        Decimal("1.2378912"),
        Decimal("1.405"),
    )


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_a_key_that_may_not_read_analytics_reads_the_report(server, status):
    answers = {
        ANALYTICS_COST: refusal(status, "permission_error"),
        COST_REPORT: claude.report_history,
    }

    windows = charges(server, answers, known_through=NOW - dt.timedelta(days=70))

    assert [gap.kind for gap in windows[0].gaps] == ["priority_tier"]
    paths = [asked.path for asked in server.asked]
    assert paths.count(ANALYTICS_COST) == 1, "a refusal is asked for once in a read"
    assert paths.count(COST_REPORT) == len(windows) == 3


def test_the_header_of_the_beta_is_sent_to_analytics_only(server):
    charges(server, {COST_REPORT: claude.REPORT})

    beta = {asked.path: asked.headers.get("anthropic-beta") for asked in server.asked}
    assert beta == {ANALYTICS_COST: "analytics-usage-cost-2026-08-24", COST_REPORT: None}


def test_the_key_is_not_a_bearer_token(server):
    charges(server, {COST_REPORT: claude.REPORT})

    for asked in server.asked:
        assert asked.headers["x-api-key"] == "sk-ant-admin01-planted"
        assert asked.headers["anthropic-version"] == "2023-06-01"
        assert "authorization" not in asked.headers


def test_the_two_generations_replace_each_other(server):
    """Their rows have other keys: kept side by side they would count twice."""
    (reported,) = charges(server, {COST_REPORT: claude.REPORT})
    (analysed,) = charges(server, {ANALYTICS_COST: claude.ANALYTICS})

    assert reported.intake == analysed.intake == "replace"
    assert (reported.start, reported.end) == (analysed.start, analysed.end)


def test_a_fault_of_analytics_is_not_a_reason_to_read_the_report(server):
    with pytest.raises(ProviderServerError):
        charges(server, {ANALYTICS_COST: Reply(status=500), COST_REPORT: claude.REPORT})

    assert {asked.path for asked in server.asked} == {ANALYTICS_COST}


def test_a_wrong_key_is_not_tried_twice(server):
    answers = {ANALYTICS_COST: refusal(401, "authentication_error"), COST_REPORT: claude.REPORT}

    with pytest.raises(ProviderAuthError, match="read:analytics"):
        charges(server, answers)

    assert len(server.asked) == 1


def test_an_account_without_organization_is_a_plan_that_does_not_have_it(server):
    nothing = refusal(404, "not_found_error")

    with pytest.raises(ProviderPlanError, match="individual account") as caught:
        charges(server, {ANALYTICS_COST: nothing, COST_REPORT: nothing})

    assert ANALYTICS_COST in str(caught.value)
    assert COST_REPORT in str(caught.value)


def test_a_key_that_may_read_neither_is_told_which_key_to_use(server):
    forbidden = refusal(403, "permission_error")

    with pytest.raises(ProviderPermissionError, match="read:analytics"):
        charges(server, {ANALYTICS_COST: forbidden, COST_REPORT: forbidden})


def test_what_was_before_analytics_is_read_from_the_report(server):
    answers = {ANALYTICS_COST: claude.analytics_history, COST_REPORT: claude.report_history}

    windows = charges(server, answers, known_through=None)

    assert [window.start.year for window in windows] == [2026] * 11 + [2025] * 2
    assert [bool(window.gaps) for window in windows] == [False] * 11 + [True] * 2


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_key_for_analytics_reads_as_far_back_as_they_go(server, status):
    answers = {
        ANALYTICS_COST: claude.analytics_history,
        COST_REPORT: refusal(status, "permission_error"),
    }

    assert len(charges(server, answers, known_through=None)) == 11


def test_analytics_are_not_asked_for_more_than_a_year(server):
    now = dt.datetime(2027, 6, 15, tzinfo=dt.UTC)

    charges(server, {ANALYTICS_COST: claude.analytics_history}, known_through=None, now=now)

    first = min(asked.query["starting_at"] for asked in server.asked if "analytics" in asked.path)
    assert first == "2026-07-01T00:00:00Z"


def test_a_day_is_complete_when_the_vendor_has_refreshed_its_data(server):
    answer = {**claude.ANALYTICS, "data_refreshed_at": "2026-11-19T12:00:00Z"}

    (window,) = charges(server, {ANALYTICS_COST: answer})

    assert window.complete_through == dt.datetime(2026, 11, 19, tzinfo=dt.UTC)


def test_a_day_that_was_not_asked_for_is_a_schema_error(server):
    answer = claude.page([claude.bucket("2025-11-19", [claude.cost("1")])])

    with pytest.raises(ProviderSchemaError, match=r"\$\.data\[0\]\.starting_at"):
        charges(server, {COST_REPORT: answer})


def test_tokens_written_to_the_cache_are_in_a_nested_object(server):
    row = {**claude.tokens(2_000, 1, written=(1_000, 500), read=300), "model": "claude-opus-4-5"}
    answer = claude.page([claude.bucket("2026-11-19", [row])])

    found = usage(server, {USAGE_REPORT: answer}).quantities

    used = {one.quota: one.used for one in found}
    assert used["cache_write_tokens"] == 1_500
    assert used["cached_input_tokens"] == 300
    assert used["uncached_input_tokens"] == 2_000


def test_rows_without_cache_fields_make_an_estimate_and_no_zero(server):
    sparse = {"uncached_input_tokens": 100, "output_tokens": 50, "model": "claude-opus-4-5"}
    answers = [
        claude.page([claude.bucket("2026-11-19", rows)])
        for rows in ([sparse], [sparse, {**claude.FIRST, "model": "claude-sonnet-4-5"}])
    ]

    alone, mixed = (
        {one.quota: one for one in usage(server, {USAGE_REPORT: answer}).quantities}
        for answer in answers
    )

    assert "cached_input_tokens" not in alone
    assert (mixed["cached_input_tokens"].used, mixed["cached_input_tokens"].estimated) == (
        200,
        True,
    )
    assert mixed["output_tokens"].estimated is False


def test_a_row_without_a_model_counts_for_the_account(server):
    """Web search and code execution have none."""
    row = {**claude.tokens(0, 0, searches=3), "model": None}

    found = usage(server, {USAGE_REPORT: claude.page([claude.bucket("2026-11-19", [row])])})

    assert {one.quota for one in found.quantities if ":" in one.quota} == set()
    assert {one.quota: one.used for one in found.quantities}["web_searches"] == 3

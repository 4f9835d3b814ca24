import datetime as dt
import json
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.cli import main
from costmon.errors import ProviderAuthError, ProviderPermissionError, ProviderSchemaError
from costmon.providers import catalog
from costmon.providers.base import ProviderSetup
from costmon.testing import StubServer
from costmon.testing.outbound import FakeOutbound
from costmon.testing.provider_contract import Recording, Vendor
from costmon.testing.stub import Reply
from tests.providers.openai import answers as openai

NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
COSTS = "/organization/costs"
COMPLETIONS = "/organization/usage/completions"


def provider(answers):
    outbound = FakeOutbound({path: as_bytes(answer) for path, answer in answers.items()})
    setup = ProviderSetup(outbound=outbound, prices={}, options={})
    return catalog.create("openai", setup), outbound


def as_bytes(answer):
    return answer if isinstance(answer, bytes) else json.dumps(answer).encode()


def window(answer, now=NOW):
    costs, _ = provider({COSTS: answer})
    return next(costs.charges("work", now, now))


def usage(**answers):
    replaced = {f"/organization/usage/{kind}": answer for kind, answer in answers.items()}
    vendor, _ = provider({**openai.USAGE, **replaced})
    return vendor.usage("work", NOW)


def refused(body, status):
    with StubServer() as server:
        vendor = Vendor(
            server,
            Recording(answers={COSTS: Reply.json(body, status=status)}),
            slug="openai",
            credentials={"token": "sk-admin-planted"},
            options={},
        )
        with vendor.provider() as found:
            next(found.charges("work", NOW, NOW))


def test_a_row_says_project_model_meter_and_quantity():
    first = window(openai.COSTS).charges[0]

    assert first.sub_account_id == "proj_web"
    assert (first.service_name, first.sku_meter) == ("gpt-5.2", "input")
    assert (first.consumed_quantity, first.consumed_unit) == (Decimal(48_000), "Tokens")
    assert first.billing_currency == "USD"
    assert first.charge_period_start == dt.datetime(2026, 11, 19, tzinfo=dt.UTC)
    assert json.loads(first.raw)["amount"] == {"value": "0.06", "currency": "usd"}


def test_keys_are_made_of_what_was_asked_for():
    """`api_key_id` is null unless it is asked for, and an unasked dimension may come and go."""
    named = openai.page([openai.bucket("2026-11-19", [openai.cost(1, "a", api_key_id="key_1")])])
    unnamed = openai.page([openai.bucket("2026-11-19", [openai.cost(1, "a")])])

    keys = {window(answer).charges[0].source_row_key for answer in (named, unnamed)}

    assert len(keys) == 1


def test_costs_ask_for_every_dimension_by_repeating_the_parameter():
    vendor, outbound = provider({COSTS: openai.NO_COSTS})

    next(vendor.charges("work", NOW, NOW))

    (asked,) = outbound.asked
    assert "group_by=project_id&group_by=line_item" in asked
    assert "bucket_width=1d" in asked


def test_the_first_read_asks_for_thirteen_months_once_each():
    vendor, outbound = provider({COSTS: openai.page([])})

    windows = list(vendor.charges("work", NOW, None))

    assert len(windows) == len(set(outbound.asked)) == 13
    assert windows[0].start == dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    assert windows[-1].start == dt.datetime(2025, 11, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(("day", "expected"), [(20, 1), (9, 1), (6, 2)])
def test_the_last_days_of_a_month_are_read_again_in_the_next(day, expected):
    now = NOW.replace(day=day)
    vendor, outbound = provider({COSTS: openai.page([])})

    list(vendor.charges("work", now, now - dt.timedelta(days=1)))

    assert len(outbound.asked) == expected


def test_a_day_is_not_complete_before_another_has_passed():
    assert window(openai.COSTS).complete_through == dt.datetime(2026, 11, 20, tzinfo=dt.UTC)


def test_at_the_first_instant_of_a_month_the_one_before_is_asked():
    month = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)

    found = window(openai.page([]), now=month)

    assert (found.start, found.end) == (dt.datetime(2026, 10, 1, tzinfo=dt.UTC), month)


def test_rows_that_differ_only_in_what_was_not_asked_for_are_added():
    twice = [openai.cost(0.1, "a", api_key_id=key) for key in ("key_1", "key_2")]

    (charge,) = window(openai.page([openai.bucket("2026-11-19", twice)])).charges

    assert charge.billed_cost == Decimal("0.2")


def test_a_day_that_comes_on_two_pages_is_not_counted_twice():
    answers = {
        COSTS: openai.page(openai.COSTS["data"][:1], "page_2"),
        f"{COSTS}?page=page_2": openai.page(openai.COSTS["data"]),
    }
    vendor, _ = provider(answers)

    with pytest.raises(ProviderSchemaError, match="an earlier page again"):
        next(vendor.charges("work", NOW, NOW))


def test_a_day_that_was_not_asked_for_is_a_schema_error():
    """A server that ignores `start_time` would have last year's days counted as this month's."""
    answer = openai.page([openai.bucket("2025-11-19", [openai.cost(1, "a")])])

    with pytest.raises(ProviderSchemaError, match=r"not asked for at \$\.data\[0\]\.start_time"):
        window(answer)


@pytest.mark.parametrize("currency", [None, "", "us", "dollars", "u$d"])
def test_an_amount_without_a_currency_is_a_schema_error(currency):
    row = openai.cost(1, "a", amount={"value": 1, "currency": currency})

    with pytest.raises(ProviderSchemaError, match=r"\.amount\.currency"):
        window(openai.page([openai.bucket("2026-11-19", [row])]))


def test_an_amount_that_is_absent_is_not_0():
    row = openai.cost(1, "a")
    del row["amount"]

    with pytest.raises(ProviderSchemaError, match=r"results\[0\]\.amount"):
        window(openai.page([openai.bucket("2026-11-19", [row])]))


@pytest.mark.parametrize("status", [401, 403])
def test_a_missing_scope_is_told_by_the_body_and_not_the_status(status):
    message = "You have insufficient permissions for this operation. Missing scopes: api.usage.read"

    with pytest.raises(ProviderPermissionError, match=r"admin key.*api\.usage\.read") as caught:
        refused({"error": {"message": message, "code": None}}, status)

    assert caught.value.status == status


def test_a_wrong_key_is_an_authentication_error():
    with pytest.raises(ProviderAuthError, match="OPENAI_ADMIN_KEY"):
        refused({"error": {"message": "Incorrect API key", "code": "invalid_api_key"}}, 401)


def test_a_projects_key_that_is_forbidden_is_told_what_key_to_use():
    with pytest.raises(ProviderPermissionError, match="admin key"):
        refused({"error": {"message": "Forbidden", "type": "server_error"}}, 403)


def test_cached_tokens_are_among_the_input_tokens():
    """1,000 input tokens of which 400 are cached are 1,000, not 1,400."""
    used = {one.quota: one.used for one in usage().quantities}

    assert used["input_tokens:gpt-5.2"] == 1_050
    assert used["cached_input_tokens:gpt-5.2"] == 410


def test_a_row_without_cached_tokens_makes_their_sum_an_estimate():
    rows = [
        openai.used("completions", input_tokens=3, output_tokens=1, num_model_requests=1, **cached)
        for cached in ({"input_cached_tokens": 2}, {})
    ]

    found = {
        one.quota: one
        for one in usage(completions=openai.page([openai.bucket("2026-11-19", rows)])).quantities
    }

    assert (found["cached_input_tokens"].used, found["cached_input_tokens"].estimated) == (2, True)
    assert (found["input_tokens"].used, found["input_tokens"].estimated) == (6, False)


def test_cached_tokens_that_no_row_has_are_unknown_and_not_0():
    row = openai.used("completions", input_tokens=3, output_tokens=1, num_model_requests=1)

    quotas = [
        one.quota
        for one in usage(completions=openai.page([openai.bucket("2026-11-19", [row])])).quantities
    ]

    assert "cached_input_tokens" not in quotas


def test_a_row_of_images_without_a_count_is_a_schema_error():
    row = openai.used("images", num_model_requests=1)

    with pytest.raises(ProviderSchemaError, match=r"results\[0\]\.images"):
        usage(images=openai.page([openai.bucket("2026-11-19", [row])]))


def test_usage_counts_from_the_beginning_of_the_month():
    found = usage().quantities[0]

    assert found.start == dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    assert found.end == NOW
    assert found.resets_at == dt.datetime(2026, 12, 1, tzinfo=dt.UTC)


def test_a_projects_key_alone_is_a_hint_in_check_and_no_failure(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DO_API_TOKEN", "another-vendors")
    monkeypatch.setenv("OPENAI_API_KEY", "planted")

    assert main(["check", "--offline"]) == 0

    said = capsys.readouterr().out
    (hint,) = (line for line in said.splitlines() if line.startswith("hint"))
    assert "OPENAI_ADMIN_KEY" in hint
    assert "planted" not in said


AMOUNTS = st.decimals(0, 1_000_000, places=18)


@given(st.lists(st.lists(st.tuples(AMOUNTS, st.booleans()), max_size=5), max_size=21))
def test_the_rows_add_up_to_what_the_vendor_wrote(days):
    buckets = [
        openai.bucket(
            f"2026-11-{day:02}",
            [
                openai.cost(f"@{amount:f}@" if text else f"#{amount:f}#", f"item {number}")
                for number, (amount, text) in enumerate(amounts)
            ],
        )
        for day, amounts in enumerate(days, start=1)
    ]
    body = json.dumps(openai.page(buckets)).replace('"#', "").replace('#"', "").replace("@", "")

    rows = window(body.encode()).charges

    written = [amount for amounts in days for amount, _ in amounts]
    assert [row.billed_cost for row in rows] == written
    assert sum(map(Fraction, written)) == sum(Fraction(row.billed_cost) for row in rows)

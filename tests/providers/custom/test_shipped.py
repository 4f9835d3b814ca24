"""The definitions that come with costmon read what their vendors answer; the values are ours."""

import datetime as dt
import socket
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import costmon.config
from costmon import clock
from costmon.cli import main
from costmon.config.custom import shipped
from costmon.errors import ProviderError
from costmon.testing import Reply, StubServer
from costmon.testing.provider_contract import NOW
from tests.providers.custom.source import source_of, vendor

KNOWN = NOW - dt.timedelta(days=1)
FILES = Path(costmon.config.__file__).with_name("sources")


@pytest.fixture
def server():
    with StubServer() as server:
        yield server


def shipped_source(server, name, answers, **settings):
    return vendor(server, f'[[custom]]\nuse = "{name}"', answers, **settings)


def charges(account, known_through=KNOWN):
    with account.provider() as provider:
        return tuple(provider.charges("work", NOW, known_through))


def usage(account):
    with account.provider() as provider:
        return provider.usage("work", NOW)


def used(account):
    return {one.quota: (one.used, one.unit, one.limit) for one in usage(account).quantities}


def test_what_is_shipped_is_what_is_tested_here():
    assert shipped() == ("linode", "neon", "openrouter", "twilio", "vultr")


@pytest.mark.parametrize("name", shipped())
def test_a_definition_is_short_and_says_where_it_is_from(name):
    text = (FILES / f"{name}.toml").read_text("utf-8")

    assert text.startswith("# https://")
    assert len(text.splitlines()) <= 27
    assert source_of(f'[[custom]]\nuse = "{name}"').title == tomllib.loads(text)["title"]


@pytest.mark.parametrize("name", shipped())
def test_secrets_are_in_headers_only(server, name):
    account = shipped_source(server, name, {}, TWILIO_ACCOUNT_SID="AC1", NEON_ORG_ID="org-1")

    for read in (charges, usage):
        try:
            read(account)
        except ProviderError as error:
            assert error.reason == "schema"  # noqa: PT017 - nothing is served

    assert server.asked
    for asked in server.asked:
        assert asked.method == "GET"
        assert "secret-of" not in asked.path + str(asked.pairs)
        assert asked.headers["authorization"].split()[0] in {"Bearer", "Basic"}


OPENROUTER = {
    "/activity": {
        "data": [
            {
                "date": day,
                "model": "openai/gpt-5.2",
                "model_permaslug": "openai/gpt-5.2-2026",
                "endpoint_id": endpoint,
                "provider_name": "OpenAI",
                "usage": usage,
                "byok_usage_inference": 0.5,
                "requests": 3,
                "prompt_tokens": 50,
                "completion_tokens": 125,
                "reasoning_tokens": 25,
            }
            for day, endpoint, usage in (
                ("2026-11-19", "e-1", 0.015),
                ("2026-11-20", "e-1", 0.02),
                ("2026-11-20", "e-2", 0.0000125),
            )
        ]
    },
    "/credits": {"data": {"total_credits": 100.5, "total_usage": 25.75}},
}


def test_openrouter_has_a_row_for_each_day_and_endpoint_without_what_others_billed(server):
    (window,) = charges(shipped_source(server, "openrouter", OPENROUTER))

    assert sum(row.billed_cost for row in window.charges) == Decimal("0.0350125")
    assert {row.service_name for row in window.charges} == {"openai/gpt-5.2"}
    assert window.charges[0].consumed_quantity == 3
    assert (window.start, window.intake) == (dt.datetime(2026, 10, 22, tzinfo=dt.UTC), "restate")


def test_openrouter_has_a_prepaid_balance(server):
    account = shipped_source(server, "openrouter", OPENROUTER)

    assert used(account) == {"prepaid_balance": (Decimal("25.75"), "USD", Decimal("100.5"))}


def test_openrouter_refuses_a_key_that_is_no_management_key(server):
    refused = Reply.json({"error": {"message": "Only management keys", "code": 403}}, status=403)

    with pytest.raises(ProviderError) as caught:
        charges(shipped_source(server, "openrouter", {"/activity": refused}))

    assert caught.value.reason == "permission"


LINODE = {
    "/account": {
        "balance": -29.91,
        "balance_uninvoiced": 145.25,
        "active_since": "2018-01-01T00:01:01",
        "email": "someone@example.com",
    },
    "/account/transfer": {"billable": 0, "quota": 9141, "used": 2, "region_transfers": []},
}


def test_linode_has_the_month_so_far_and_takes_a_credit_for_no_spend(server):
    account = shipped_source(server, "linode", LINODE)

    (window,) = charges(account)

    assert [row.billed_cost for row in window.charges] == [Decimal("145.25")]
    assert [gap.kind for gap in window.gaps] == ["end_of_month"]
    assert used(account) == {"network_transfer": (2, "GB", 9141)}


def test_vultr_has_the_month_so_far(server):
    answer = {"account": {"balance": -50.0, "pending_charges": 37.06, "name": "Example"}}

    (window,) = charges(shipped_source(server, "vultr", {"/account": answer}))

    assert [row.billed_cost for row in window.charges] == [Decimal("37.06")]


TWILIO = "/2010-04-01/Accounts/AC1/Usage/Records/Daily.json"


def record(day, price, category="totalprice"):
    return {
        "account_sid": "AC1",
        "category": category,
        "start_date": day,
        "end_date": day,
        "price": price,
        "price_unit": "usd",
        "count": None,
        "usage": price,
        "usage_unit": "usd",
    }


def test_twilio_has_days_of_which_categories_are_never_added(server):
    following = f"{TWILIO}?Category=totalprice&Page=1&PageSize=1000&PageToken=t"
    answers = {
        TWILIO: {
            "usage_records": [record("2026-11-19", "1.2345"), record("2026-11-19", "1", "sms")],
            "next_page_uri": following,
        },
        f"{TWILIO}?PageToken=t": {
            "usage_records": [record("2026-11-20", "0.5")],
            "next_page_uri": None,
        },
    }

    (window,) = charges(shipped_source(server, "twilio", answers, TWILIO_ACCOUNT_SID="AC1"))

    assert sum(row.billed_cost for row in window.charges) == Decimal("1.7345")
    assert {row.billing_currency for row in window.charges} == {"USD"}
    first = server.asked[0].query
    assert (first["StartDate"], first["EndDate"]) == ("2026-11-01", "2026-11-21")


def test_twilio_is_read_a_year_back(server):
    def first_day(asked):
        records = [record(asked.query["StartDate"], "0.01")]
        return {"usage_records": records, "next_page_uri": None}

    account = shipped_source(server, "twilio", {TWILIO: first_day}, TWILIO_ACCOUNT_SID="AC1")

    windows = charges(account, known_through=None)

    assert sum(row.billed_cost for one in windows for row in one.charges) == Decimal("0.13")


def neon(project, **metrics):
    listed = [{"metric_name": name, "value": value} for name, value in metrics.items()]
    day = {"timeframe_start": "2026-11-19T00:00:00Z", "metrics": listed}
    return {"project_id": project, "periods": [{"period_plan": "launch", "consumption": [day]}]}


NEON = "/consumption_history/v2/projects"


def test_neon_adds_up_all_projects_and_pages(server):
    answers = {
        NEON: {
            "projects": [
                neon("a", compute_unit_seconds=7200, public_network_transfer_bytes=10),
                neon("b", compute_unit_seconds=100),
            ],
            "pagination": {"cursor": "b"},
        },
        f"{NEON}?cursor=b": {"projects": [], "pagination": {"cursor": "b"}},
    }
    account = shipped_source(server, "neon", answers, NEON_ORG_ID="org-1")

    assert used(account) == {
        "compute_unit_seconds": (7300, "Seconds", None),
        "public_network_transfer_bytes": (10, "Bytes", None),
    }
    query = server.asked[0].query
    assert (query["from"], query["to"]) == ("2026-11-01T00:00:00Z", "2026-11-21T10:00:00Z")
    assert query["org_id"] == "org-1"


def test_neon_has_nothing_on_a_free_plan_and_says_so(server):
    refused = Reply.json({"message": "only available on paid plans"}, status=403)
    account = shipped_source(server, "neon", {NEON: refused}, NEON_ORG_ID="org-1")

    with pytest.raises(ProviderError) as caught:
        usage(account)

    assert caught.value.reason == "permission"


ANSWERS: dict[str, dict[str, Any]] = {
    "linode": LINODE,
    "neon": {NEON: {"projects": [neon("a", compute_unit_seconds=7200)], "pagination": {}}},
    "openrouter": OPENROUTER,
    "twilio": {TWILIO: {"usage_records": [record("2026-11-19", "1.2345")]}},
    "vultr": {"/account": {"account": {"balance": -50.0, "pending_charges": 37.06}}},
}
SHOWN = {
    "linode": "1 row, 145.25 USD",
    "neon": "compute_unit_seconds  7200  Seconds",
    "openrouter": "3 rows, 0.0350125 USD",
    "twilio": "1 row, 1.2345 USD",
    "vultr": "1 row, 37.06 USD",
}


@pytest.fixture
def dry_run(tmp_path, monkeypatch, capsys):
    """Return what tries a definition as a user does, and returns the exit status and the output."""

    def run(name, url):
        text = f'[[custom]]\nuse = "{name}"\nurl = "{url}"\n'
        (tmp_path / "costmon.toml").write_text(text)
        for variable in source_of(text).secrets:
            monkeypatch.setenv(variable, f"secret-of-{variable}-0123456789")
        status = main(["check", "--dry-run", name])
        out = capsys.readouterr().out
        assert "secret-of" not in out
        return status, out

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC1")
    monkeypatch.setenv("NEON_ORG_ID", "org-1")
    monkeypatch.setattr(clock.SystemClock, "now", lambda _self: NOW)
    return run


@pytest.mark.parametrize("name", shipped())
def test_a_dry_run_shows_what_the_vendor_answers(server, dry_run, name):
    for path, answer in ANSWERS[name].items():
        server.answer(path, Reply.json(answer))

    status, out = dry_run(name, server.url)

    assert status == 0
    assert SHOWN[name] in out


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        *((one, 401, "check {}: complete, not expired and not revoked") for one in shipped()),
        ("openrouter", 403, "allow {} to read this; what it needs is in docs/providers/custom.md"),
    ],
)
def test_a_dry_run_with_a_token_that_is_refused_names_its_variables(
    server, dry_run, name, status, words
):
    for path in ANSWERS[name]:
        server.answer(path, Reply.json({"message": "no"}, status=status))

    failed, out = dry_run(name, server.url)

    names = " and ".join(source_of(f'[[custom]]\nuse = "{name}"').secrets)
    assert failed == 1
    assert f"({status}); {words.format(names)}" in out


def test_a_dry_run_of_a_vendor_that_is_away_says_so(dry_run):
    with socket.socket() as refusing:
        refusing.bind(("127.0.0.1", 0))  # nobody listens
        status, out = dry_run("vultr", f"http://127.0.0.1:{refusing.getsockname()[1]}")

    assert status == 1
    assert "the vendor could not be reached (Connection refused)" in out


@pytest.mark.parametrize("name", shipped())
def test_a_dry_run_of_an_odd_answer_names_the_part_of_the_definition(server, dry_run, name):
    for path in ANSWERS[name]:
        server.answer(path, Reply.json({"status": "ok"}))

    status, out = dry_run(name, server.url)

    assert status == 1
    assert f": {name}." in out
    assert "finds no" in out
    assert "look for a newer costmon, or write a definition of your own" in out


def test_a_number_that_json_does_not_have_is_named(server, dry_run):
    server.answer("/account", Reply(body=b'{"account": {"pending_charges": NaN}}'))

    status, out = dry_run("vultr", server.url)

    assert status == 1
    assert "not JSON (NaN is not a number)" in out

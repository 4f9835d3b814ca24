import builtins
import datetime as dt
import json
import sys
from decimal import Decimal

import pytest

from costmon.cli import main
from costmon.errors import (
    ProviderAuthError,
    ProviderPermissionError,
    ProviderPlanError,
    ProviderRateLimitError,
    ProviderSchemaError,
)
from costmon.outbound import DailyAllowance
from costmon.providers import catalog
from costmon.providers.base import ProviderSetup
from costmon.testing import FakeClock, StubServer
from costmon.testing.outbound import FakeOutbound
from costmon.testing.provider_contract import Recording, Vendor
from costmon.testing.stub import Reply
from tests.providers.aws import answers as aws

NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)


def provider(answer, **setup):
    outbound = FakeOutbound({"/": json.dumps(answer).encode()})
    made = ProviderSetup(outbound=outbound, prices={}, options={}, credentials=aws.KEYS, **setup)
    return catalog.create("aws", made), outbound


def window(*days, now=NOW):
    vendor, _ = provider(aws.costs(*days))
    return next(vendor.charges("work", now, now))


def served(answer, read=lambda vendor: next(vendor.charges("work", NOW, NOW)), credentials=None):
    """Return what was read, and what was asked for."""
    with StubServer() as server:
        vendor = Vendor(
            server,
            Recording(answers={"/": answer}),
            slug="aws",
            credentials=credentials or aws.KEYS,
            options={},
        )
        with vendor.provider() as found:
            return read(found), server.asked


def period_asked(now, known_through):
    """Return the days that are asked for: from the first to before the second."""
    vendor, outbound = provider(aws.costs())
    list(vendor.charges("work", now, known_through))
    bodies = [json.loads(asked.removeprefix("POST / ")) for asked in outbound.asked]
    return [(body["TimePeriod"]["Start"], body["TimePeriod"]["End"]) for body in bodies]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-21T10:00", ("2026-11-01", "2026-11-22")),
        # On the 1st, start and end must not be the same day; the week before may still change.
        ("2026-11-01T10:00", ("2026-10-01", "2026-11-02")),
        # In the first minute there is nothing of the month yet.
        ("2026-11-01T00:00", ("2026-10-01", "2026-11-01")),
        # No end is later than the first of the next month.
        ("2026-11-30T23:59", ("2026-11-01", "2026-12-01")),
        ("2026-12-31T12:00", ("2026-12-01", "2027-01-01")),
        ("2026-03-01T00:00", ("2026-02-01", "2026-03-01")),
    ],
)
def test_the_end_is_the_day_after_the_last(now, expected):
    """An end is not part of what is asked for."""
    now = dt.datetime.fromisoformat(now).replace(tzinfo=dt.UTC)

    assert period_asked(now, now) == [expected]


def test_the_first_read_is_two_requests_that_begin_on_the_1st():
    assert period_asked(NOW, None) == [("2026-11-01", "2026-11-22"), ("2025-11-01", "2026-11-01")]


def test_a_pause_is_made_up_for_in_one_request():
    assert period_asked(NOW, NOW - dt.timedelta(days=100)) == [("2026-08-01", "2026-11-22")]


def test_nothing_is_filtered():
    """A filter of record types would hide tax, support and plans."""
    vendor, outbound = provider(aws.costs())

    next(vendor.charges("work", NOW, NOW))

    (asked,) = outbound.asked
    assert "Filter" not in asked
    assert '"UnblendedCost"' in asked


def test_a_request_is_signed_and_names_the_one_operation():
    keys = {**aws.KEYS, "session_token": "planted-session"}

    _, (asked,) = served(aws.ACCOUNT["/"], credentials=keys)

    assert asked.headers["x-amz-target"] == "AWSInsightsIndexService.GetCostAndUsage"
    assert asked.headers["content-type"] == "application/x-amz-json-1.1"
    assert asked.headers["x-amz-security-token"] == "planted-session"
    authorization = asked.headers["authorization"]
    assert authorization.startswith(f"AWS4-HMAC-SHA256 Credential={keys['access_key']}/")
    assert "/us-east-1/ce/aws4_request" in authorization
    assert keys["secret_key"] not in str(asked.headers)


def test_every_page_is_read_once():
    found, asked = served(aws.pages)

    assert sum(row.billed_cost for row in found.charges) == aws.TOTAL
    assert [aws.asked_for(one)[2] for one in asked] == [None, "second"]


def test_a_token_that_repeats_ends_the_read():
    """It would cost money for ever."""
    with pytest.raises(ProviderSchemaError, match="incomplete"):
        served(aws.costs(*aws.NEWER, token="again"))


def test_a_page_that_comes_again_is_not_counted_twice():
    def script(asked):
        token = None if aws.asked_for(asked)[2] else "second"
        return aws.costs(*aws.NEWER, token=token)

    with pytest.raises(ProviderSchemaError, match="an earlier page again"):
        served(script)


def test_a_row_says_service_linked_account_and_whether_it_is_an_estimate():
    found = window(
        aws.day("2026-11-19", aws.group("AWS Lambda", "1.25"), estimated=False),
        aws.day("2026-11-20", aws.group("Tax", "0.5")),
    ).charges

    assert [(row.service_name, row.basis, row.charge_category) for row in found] == [
        ("AWS Lambda", "billed", "Usage"),
        ("Tax", "metered", "Tax"),
    ]
    assert found[0].service_category == "Compute"
    assert (found[0].sub_account_id, found[0].sub_account_name) == ("111122223333", "production")


def test_amortized_cost_is_the_effective_one():
    group = aws.group("AWS Lambda", "0", AmortizedCost=aws.amount("2.5"))

    (row,) = window(aws.day("2026-11-19", group)).charges

    assert (row.billed_cost, row.effective_cost) == (Decimal(0), Decimal("2.5"))


def test_a_total_beside_empty_groups_is_a_row():
    total = {"UnblendedCost": aws.amount("4.1294931175")}

    (row,) = window(aws.day("2026-11-19", total=total)).charges

    assert row.billed_cost == Decimal("4.1294931175")


def test_credits_are_negative():
    (row,) = window(aws.day("2026-11-19", aws.group("AWS Lambda", "-29.91"))).charges

    assert (row.billed_cost, row.charge_category) == (Decimal("-29.91"), "Adjustment")


def test_a_day_that_was_not_asked_for_is_a_schema_error():
    with pytest.raises(ProviderSchemaError, match=r"ResultsByTime\[0\]\.TimePeriod\.Start"):
        window(aws.day("2026-10-31", aws.group("AWS Lambda", "1")))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("AccessDeniedException", ProviderPermissionError),
        ("UnrecognizedClientException", ProviderAuthError),
        ("ExpiredTokenException", ProviderAuthError),
        ("InvalidSignatureException", ProviderAuthError),
        ("LimitExceededException", ProviderRateLimitError),
        ("com.amazonaws.costexplorer#DataUnavailableException", ProviderPlanError),
        ("ValidationException", ProviderSchemaError),
    ],
)
def test_a_refusal_is_told_by_its_type(name, kind):
    """The status is 400 for all of them."""
    reply = Reply.json({"__type": name, "message": "-"}, status=400)

    with pytest.raises(kind):
        served(reply)


def test_usage_says_how_many_requests_were_sent_and_what_they_cost(tmp_path):
    counted = DailyAllowance(tmp_path, "work", 4, FakeClock(NOW))
    counted.take()
    counted.take()
    vendor, outbound = provider({}, allowance=counted)

    used = {one.quota: (one.used, one.unit) for one in vendor.usage("work", NOW).quantities}

    assert used == {
        "cost_explorer_requests": (Decimal(2), "Requests"),
        "cost_explorer_cost": (Decimal("0.02"), "USD"),
    }
    assert outbound.asked == []


def test_without_botocore_it_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "costmon.providers.aws.signature", raising=False)
    importing = builtins.__import__

    def without(name, *rest):
        if name.startswith("botocore"):
            raise ImportError(name)
        return importing(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    vendor, outbound = provider(aws.costs())

    with pytest.raises(ProviderAuthError, match=r"costmon\[aws\]"):
        next(vendor.charges("work", NOW, NOW))

    assert outbound.asked == []


FILE = (
    '[[account]]\nprovider = "aws"\nname = "aws"\naccess_key_env = "AWS_ACCESS_KEY_ID"\n'
    'secret_key_env = "AWS_SECRET_ACCESS_KEY"\n'
)


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", aws.KEYS["access_key"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", aws.KEYS["secret_key"])
    return tmp_path


def test_keys_in_the_environment_alone_are_a_hint(folder, monkeypatch, capsys):
    monkeypatch.setenv("DO_API_TOKEN", "another-vendors")

    assert main(["check", "--offline"]) == 0

    said = capsys.readouterr().out
    assert "accounts: digitalocean" in said
    assert "each request costs 0.01 USD" in said


def test_check_keeps_to_the_requests_that_are_allowed_a_day(folder, monkeypatch, capsys):
    with StubServer() as server:
        server.script("/", lambda _: Reply.json(aws.costs()))
        monkeypatch.setenv("AWS_API_URL", server.url)
        (folder / "costmon.toml").write_text(f"{FILE}requests_per_day = 2\n")

        said = []
        for _ in range(3):
            main(["check"])
            said.append(capsys.readouterr().out)

        assert len(server.asked) == 2
    assert "cost_explorer_cost 0.02 USD" in said[2]
    assert "2 requests that the account may send a day are used up" in said[2]

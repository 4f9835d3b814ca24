import json
from decimal import Decimal

from costmon.domain.budget import Thresholds
from costmon.intake.answer import encode_policy, encode_problem, encode_taken, plain
from tests.api.samples import HOUR, circuit, policy, told


def test_a_policy_is_told_with_exact_figures_and_utc_times():
    levels = Thresholds("0.5", 95)
    rules = policy(
        budgets=[told("host:*", "1E-9", source="api", author="ann", levels=levels)],
        circuits=[circuit(expires_at=circuit().changed_at + HOUR)],
    )

    data = json.loads(encode_policy(rules))["data"]

    assert data["revision"] == "r1"
    assert (data["budgets"][0]["limit"], data["budgets"][0]["warn"]) == ("0.000000001", "0.5")
    assert data["circuits"][0]["expires_at"] == "2026-11-21T11:00:00Z"


def test_what_became_of_a_report_is_told():
    assert json.loads(encode_taken(5, policy("r9"))) == {"data": {"confirmed": 5, "policy": "r9"}}
    assert json.loads(encode_taken(None, None)) == {"data": {"confirmed": None, "policy": None}}


def test_a_problem_says_what_it_is():
    assert json.loads(encode_problem("Bad request", "no")) == {
        "error": "Bad request",
        "message": "no",
    }


def test_an_amount_has_no_exponent():
    assert plain(Decimal("1E+3")) == "1000"
    assert plain(Decimal("0E-9")) == "0.000000000"

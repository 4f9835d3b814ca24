"""The guard's own encoder and the service's decoder, and the other way round, agree."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costmon.domain.budget import Thresholds
from costmon.guard.link.wire import document_of, encode_report, policy_of
from costmon.intake.answer import encode_policy
from costmon.intake.report import decode_report
from tests.api.samples import HOUR, circuit, policy, told
from tests.intake.test_report import AMOUNTS, REPORTS, TEXTS


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(REPORTS)
def test_a_report_of_a_guard_is_read_as_it_was(report):
    assert decode_report(encode_report(report)) == report


@given(AMOUNTS, TEXTS, st.sampled_from([None, HOUR]))
def test_a_policy_is_understood_by_a_guard(limit, words, ends):
    expires_at = None if ends is None else circuit().changed_at + ends
    rules = policy(
        budgets=[
            told("global", limit, "rolling:24h", levels=Thresholds("79.5", 95)),
            told("host:*", limit, source="api", author=words, currency="EUR"),
        ],
        circuits=[
            circuit(reason=words, author=words, expires_at=expires_at, revision=0),
            circuit("key:b", state="closed", revision=0),
        ],
    )

    assert policy_of(document_of(encode_policy(rules))) == rules
    assert json.loads(encode_policy(rules))["data"]["revision"] == "r1"

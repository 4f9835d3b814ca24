"""What is encoded is what the service decodes, and the other way round; nothing hostile passes."""

import contextlib
import datetime as dt
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.budget import Budget, Thresholds
from costmon.domain.circuit import Circuit
from costmon.domain.policy import Policy, PolicyBudget
from costmon.domain.spend import (
    GuardReport,
    LeaseNote,
    Notice,
    RefusalCount,
    RefusalNote,
    ScopeGauge,
    SpendRow,
)
from costmon.guard.link.wire import (
    REPORT_BYTES,
    WireError,
    amount_text,
    document_of,
    encode_report,
    fitted,
    policy_of,
    report_of,
)
from costmon.intake.answer import encode_policy
from costmon.intake.report import decode_report

WORDS = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=60)
SCOPES = st.one_of(
    st.just("global"),
    st.from_regex(r"key:[a-z0-9é]{1,30}", fullmatch=True),
    st.from_regex(r"host:[a-z]{1,20}\.example\.com", fullmatch=True),
)
PATTERNS = st.one_of(SCOPES, st.sampled_from(["host:*", "key:*", "host:*.example.com"]))
MOMENTS = st.integers(1_000_000_000_000_000, 7_000_000_000_000_000).map(
    lambda us: dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=us)
)
NANO = st.integers(0, 2**62).map(lambda nano: Decimal(nano).scaleb(-9))
AMOUNTS = NANO.filter(lambda amount: amount < 9_000_000_000)
COUNTS = st.integers(0, 2**63 - 1)
IDS = st.from_regex(r"[0-9a-f]{32}", fullmatch=True)

ROWS = st.builds(
    SpendRow,
    MOMENTS.map(lambda at: at.replace(minute=0, second=0, microsecond=0)),
    SCOPES,
    WORDS,
    AMOUNTS,
    *[COUNTS] * 6,
)
NOTICES = st.builds(
    Notice, IDS, MOMENTS, st.sampled_from(["warn", "expired", "store_lost"]), PATTERNS, WORDS
)
REPORTS = st.builds(
    GuardReport,
    guard=IDS,
    store=IDS,
    sequence=COUNTS,
    app=WORDS,
    host=WORDS,
    pid=st.integers(0, 2**22),
    sent_at=MOMENTS,
    currency=st.just("USD"),
    rows=st.lists(ROWS, max_size=5).map(tuple),
    scopes=st.lists(
        st.builds(
            ScopeGauge,
            SCOPES,
            st.sampled_from(["month", "hour", "rolling:24h"]),
            st.none() | AMOUNTS,
            AMOUNTS,
            AMOUNTS,
            st.none() | MOMENTS,
        ),
        max_size=3,
    ).map(tuple),
    leases=st.lists(
        st.builds(LeaseNote, IDS, st.lists(SCOPES, max_size=4).map(tuple), WORDS, AMOUNTS, MOMENTS),
        max_size=3,
    ).map(tuple),
    refusals=st.lists(
        st.builds(RefusalNote, MOMENTS, PATTERNS, st.sampled_from(["budget", "rate"]), WORDS),
        max_size=3,
    ).map(tuple),
    refused=st.lists(st.builds(RefusalCount, PATTERNS, st.just("circuit"), COUNTS), max_size=3).map(
        tuple
    ),
    notices=st.lists(NOTICES, max_size=3).map(tuple),
)
CIRCUITS = st.builds(
    Circuit,
    PATTERNS,
    st.sampled_from(["open", "closed"]),
    WORDS,
    WORDS,
    MOMENTS,
    st.none() | MOMENTS,
    st.just(0),
    rule=st.none() | WORDS,
    cause=st.sampled_from([None, "threshold", "budget", "finding"]),
    openings=COUNTS,
    trial_ends_at=st.none() | MOMENTS,
)
PERCENT = st.integers(1, 10_000).map(lambda part: Decimal(part) / 100)
BUDGETS = st.builds(
    PolicyBudget,
    st.builds(
        Budget,
        PATTERNS,
        AMOUNTS,
        st.sampled_from(["month", "total", "rolling:90m"]),
        st.just("EUR"),
        st.none() | st.builds(Thresholds, PERCENT, PERCENT),
    ),
    st.sampled_from(["file", "api"]),
    st.none() | WORDS,
)
POLICIES = st.builds(
    Policy,
    IDS,
    st.lists(BUDGETS, max_size=4).map(tuple),
    st.lists(CIRCUITS, max_size=4).map(tuple),
)


@given(REPORTS)
def test_the_service_reads_what_is_encoded(report):
    assert decode_report(encode_report(report)) == report


@given(REPORTS)
def test_a_spool_gives_back_rows_and_notices(report):
    bare = report._replace(scopes=(), leases=(), refusals=(), refused=())

    assert report_of(encode_report(report)) == bare


@given(POLICIES)
def test_what_the_service_tells_is_what_is_understood(policy):
    assert policy_of(document_of(encode_policy(policy))) == policy


@given(NANO)
def test_an_amount_is_written_exactly_and_without_exponent(amount):
    text = amount_text(amount)

    assert Decimal(text) == amount
    assert not set(text) - set("0123456789.")


def test_a_report_that_is_too_large_is_thinned_out_before_rows_are_left_out():
    row = SpendRow(
        dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC), "key:" + "é" * 196, "a", Decimal(1), *[1] * 6
    )
    lease = LeaseNote("l", ("key:" + "x" * 196,) * 10, "a", Decimal(1), row.hour)
    notice = Notice("n", row.hour, "warn", "global", "w" * 9_000)
    report = GuardReport(
        "g", "s", 1, "a", "h", 1, row.hour, "USD", (row,) * 200, (), (lease,) * 50, (), (),
        (notice,) * 20,
    )  # fmt: skip

    sent, body = fitted(report)

    assert len(body) <= REPORT_BYTES
    assert len(sent.rows) > 60
    assert sent.leases
    assert decode_report(body)._replace(notices=()) == sent._replace(notices=())
    assert len(decode_report(body).notices) == len(sent.notices) > 0


def test_a_report_that_fits_stays_whole():
    report = GuardReport(
        "g", "s", 1, "a", "h", 1, dt.datetime(2026, 11, 21, tzinfo=dt.UTC), "USD",
        (), (), (), (), (), (),
    )  # fmt: skip

    assert fitted(report)[0] is report


def test_half_a_surrogate_pair_in_a_text_does_not_stop_a_report():
    at = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    notice = Notice("n", at, "warn", "global", "a\ud800b")
    report = GuardReport("g", "s", 1, "a", "h", 1, at, "USD", (), (), (), (), (), (notice,))

    assert decode_report(encode_report(report)).notices[0].text == "a?b"


def test_unknown_fields_are_ignored():
    told = {
        "data": {
            "revision": "r",
            "budgets": [],
            "circuits": [{**CIRCUIT, "colour": "red"}],
            "rules": [1],
        },
        "meta": {},
    }

    assert policy_of(told).circuits[0].scope == "global"


CIRCUIT = {
    "scope": "global",
    "state": "open",
    "reason": "too much",
    "author": "ann",
    "changed_at": "2026-11-21T10:00:00Z",
    "expires_at": None,
}
BUDGET = {
    "scope": "global",
    "limit": "10",
    "period": "month",
    "currency": "USD",
    "warn": None,
    "block": None,
    "source": "api",
    "author": None,
}


def test_a_reason_becomes_one_line_that_a_terminal_does_not_obey():
    told = {**CIRCUIT, "reason": "a\x1b[2Jb\nc" + "x" * 9_000, "author": "\u202eann"}

    (circuit,) = policy_of(_policy(circuits=[told])).circuits

    assert circuit.reason.startswith("a [2Jb c")
    assert circuit.reason.isprintable()
    assert circuit.author == " ann"
    assert len(circuit.reason) <= 500


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "ajar"},
        {"state": None},
        {"scope": "planet:mars"},
        {"scope": "host:\x00"},
        {"scope": 7},
        {"reason": None},
        {"author": 5},
        {"changed_at": "2026-11-21T10:00:00"},
        {"changed_at": "yesterday"},
        {"changed_at": "0001-01-01T00:00:00+14:00"},
        {"expires_at": 12},
        {"expires_at": "9" * 400},
        {"revision": True},
    ],
)
def test_a_circuit_that_is_not_as_agreed_refuses_the_policy(fields):
    with pytest.raises(WireError, match=r"circuits\[1\]"):
        policy_of(_policy(circuits=[CIRCUIT, {**CIRCUIT, **fields}]))


@pytest.mark.parametrize(
    "fields",
    [
        {"limit": "NaN"},
        {"limit": "-1"},
        {"limit": "1e99"},
        {"limit": 0.1},
        {"limit": True},
        {"limit": None},
        {"limit": "1" * 50},
        {"period": "fortnight"},
        {"currency": "dollars"},
        {"warn": "0"},
        {"block": "101"},
        {"source": "rumour"},
        {"author": 1},
        {"scope": ""},
    ],
)
def test_a_budget_that_is_not_as_agreed_refuses_the_policy(fields):
    with pytest.raises(WireError, match=r"budgets\[0\]"):
        policy_of(_policy(budgets=[{**BUDGET, **fields}]))


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"data": None},
        {"data": {"revision": "r", "budgets": {}, "circuits": []}},
        {"data": {"revision": "", "budgets": [], "circuits": []}},
        {"data": {"revision": "r\n", "budgets": [], "circuits": []}},
        {"data": {"revision": "r", "budgets": [None], "circuits": []}},
        {"data": {"revision": "r", "budgets": [], "circuits": [CIRCUIT] * 20_001}},
    ],
)
def test_a_policy_that_is_none_is_refused(document):
    with pytest.raises(WireError):
        policy_of(document)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": NaN}', b"9" * 10_000, b'"\x00"', b"-Infinity"],
)
def test_what_is_no_json_is_refused_without_its_content(body):
    with pytest.raises(WireError) as refused:
        document_of(body)

    assert len(str(refused.value)) < 100


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["data", "revision", "budgets", "circuits", "scope", "state"]), inner,
        max_size=4),
    max_leaves=12,
))  # fmt: skip
def test_whatever_comes_is_a_policy_or_a_wire_error(document):
    for read in (policy_of, lambda what: report_of(json.dumps(what).encode())):
        with contextlib.suppress(WireError):
            assert read(document) is not None


def _policy(budgets=(), circuits=()):
    return {"data": {"revision": "r", "budgets": list(budgets), "circuits": list(circuits)}}

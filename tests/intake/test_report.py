import contextlib
import datetime as dt
import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costmon.domain.spend import (
    GuardReport,
    LeaseNote,
    Notice,
    RefusalCount,
    RefusalNote,
    ScopeGauge,
    SpendRow,
)
from costmon.errors import InputError
from costmon.intake.report import LARGEST_BYTES, decode_report
from tests.api.samples import report_body, report_bytes


def fault(body):
    with pytest.raises(InputError) as raised:
        decode_report(body if isinstance(body, bytes) else json.dumps(body).encode())
    return str(raised.value)


def changed(path, value):
    """Return a good report in which one thing is another."""
    body = report_body()
    node = body
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return body


def test_a_report_is_read_whole():
    report = decode_report(report_bytes())

    hour = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)
    assert report == GuardReport(
        guard="9f3c",
        store="s1",
        sequence=7,
        app="worker",
        host="box",
        pid=12,
        sent_at=hour + dt.timedelta(microseconds=123_456),
        currency="USD",
        rows=(SpendRow(hour, "global", "call", Decimal("0.013"), 1, 0, 0, 0, 0, 1),),
        scopes=(
            ScopeGauge(
                "global",
                "month",
                Decimal(1000),
                Decimal("0.013"),
                Decimal(0),
                dt.datetime(2026, 12, 1, tzinfo=dt.UTC),
            ),
        ),
        leases=(
            LeaseNote("abc", ("global",), "call", Decimal("0.02"), hour + dt.timedelta(minutes=1)),
        ),
        refusals=(RefusalNote(hour, "host:x", "budget", "host:x has no money left"),),
        refused=(RefusalCount("host:x", "budget", 3),),
        notices=(Notice("n1", hour, "warn", "global", "80 % are spent"),),
    )


def test_a_report_without_anything_new_is_one():
    empty: dict[str, list[object]] = {
        name: [] for name in ("rows", "scopes", "leases", "refusals", "refused", "notices")
    }

    assert decode_report(report_bytes(**empty)).rows == ()


def test_fields_that_are_not_known_are_ignored():
    body = changed(["rows", 0, "colour"], "blue")
    body["mood"] = {"deep": [1, 2, {"er": None}]}

    assert decode_report(json.dumps(body).encode()).rows


def test_a_part_of_another_message_is_read_as_it_is():
    assert decode_report(msgspec.Raw(report_bytes())).guard == "9f3c"


def test_scopes_come_to_their_one_spelling():
    report = decode_report(
        json.dumps(changed(["rows", 0, "scope"], "host:https://u:p@EX.example:443/x")).encode()
    )

    assert report.rows[0].scope == "host:ex.example"


def test_times_come_to_utc():
    body = changed(["sent_at"], "2026-11-21T12:00:00+02:00")

    sent_at = decode_report(json.dumps(body).encode()).sent_at
    assert (sent_at.isoformat(), sent_at.tzinfo) == ("2026-11-21T10:00:00+00:00", dt.UTC)


def test_a_refusal_may_name_the_pattern_that_was_open():
    body = changed(["refusals", 0, "scope"], "host:*")

    assert decode_report(json.dumps(body).encode()).refusals[0].scope == "host:*"


@pytest.mark.parametrize("name", sorted(report_body()))
def test_nothing_may_be_missing(name):
    body = report_body()
    del body[name]

    assert name in fault(body)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["guard"], ""),
        (["guard"], None),
        (["guard"], "x" * 101),
        (["guard"], "a b"),
        (["guard"], "a\n"),
        (["guard"], "<b>"),
        (["store"], 7),
        (["store"], "'; drop"),
        (["sequence"], -1),
        (["sequence"], 1 << 63),
        (["sequence"], 1.5),
        (["sequence"], "7"),
        (["sequence"], True),
        (["app"], ""),
        (["app"], "x" * 201),
        (["app"], "a\x1b[31m"),
        (["app"], "a\u202eb"),
        (["host"], "a\nb"),
        (["host"], "x" * 70_000),
        (["pid"], -1),
        (["sent_at"], "2026-11-21T10:00:00"),
        (["sent_at"], "yesterday"),
        (["sent_at"], 1_700_000_000),
        (["sent_at"], "0001-01-01T00:00:00+23:00"),
        (["sent_at"], "9999-12-31T23:59:59-23:00"),
        (["currency"], "usd dollars"),
        (["currency"], "U$D"),
        (["rows"], {}),
        (["rows", 0], []),
        (["rows", 0, "hour"], "2026-11-21T10:30:00Z"),
        (["rows", 0, "hour"], "2026-11-21T10:00:00+05:30"),
        (["rows", 0, "hour"], "1969-01-01T00:00:00Z"),
        (["rows", 0, "scope"], "nothing"),
        (["rows", 0, "scope"], "host:*"),
        (["rows", 0, "scope"], "host:a\u0000b"),
        (["rows", 0, "scope"], "key:" + "x" * 300),
        (["rows", 0, "scope"], "x" * 5_000),
        (["rows", 0, "activity"], ""),
        (["rows", 0, "activity"], "a\tb"),
        (["rows", 0, "spent"], "-0.01"),
        (["rows", 0, "spent"], "NaN"),
        (["rows", 0, "spent"], "sNaN"),
        (["rows", 0, "spent"], "Infinity"),
        (["rows", 0, "spent"], "1e999999"),
        (["rows", 0, "spent"], "1e-999999"),
        (["rows", 0, "spent"], "9000000001"),
        (["rows", 0, "spent"], "0." + "1" * 30),
        (["rows", 0, "spent"], "1" * 100),
        (["rows", 0, "spent"], 0.013),
        (["rows", 0, "spent"], ""),
        (["rows", 0, "spent"], None),
        (["rows", 0, "requests"], -1),
        (["rows", 0, "failed"], 10**30),
        (["rows", 0, "bytes_in"], 1.0e3),
        (["scopes", 0, "scope"], "host:*"),
        (["scopes", 0, "period"], "fortnight"),
        (["scopes", 0, "period"], "rolling:1e9d"),
        (["scopes", 0, "limit"], "-1"),
        (["scopes", 0, "held"], None),
        (["scopes", 0, "resets_at"], "soon"),
        (["leases", 0, "id"], "a b"),
        (["leases", 0, "scopes", 0], "host:*"),
        (["leases", 0, "estimate"], "-1"),
        (["leases", 0, "expires_at"], None),
        (["refusals", 0, "reason"], "Because"),
        (["refusals", 0, "text"], ""),
        (["refusals", 0, "text"], "a\r\nb"),
        (["refusals", 0, "text"], "x" * 2_001),
        (["refused", 0, "refused"], -1),
        (["refused", 0, "reason"], "x" * 31),
        (["notices", 0, "kind"], "party"),
        (["notices", 0, "id"], ""),
        (["notices", 0, "text"], "a\u2028b"),
    ],
)
def test_what_is_not_as_agreed_is_refused_by_its_path(path, value):
    text = fault(changed(path, value))

    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    if len(json.dumps(value)) < LARGEST_BYTES:
        assert f"${where}" in text.replace("[...]", "[0]")
    assert len(text) < 1_000


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("rows", 200),
        ("scopes", 100),
        ("leases", 50),
        ("refusals", 20),
        ("refused", 200),
        ("notices", 20),
    ],
)
def test_every_list_is_bounded(name, most):
    one = report_body()[name][0]

    assert len(getattr(decode_report(report_bytes(**{name: [one] * most})), name)) == most
    assert f"$.{name}" in fault(report_body(**{name: [one] * (most + 1)}))


def test_a_call_may_not_have_a_thousand_scopes():
    assert "$.leases[" in fault(changed(["leases", 0, "scopes"], ["global"] * 33))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"7",
        b"[]",
        b'"report"',
        b"{",
        b"\xff\xfe",
        b'{"app": "\xc3\x28"}',
        b'{"app": "\\ud800"}',
        b'{"guard": NaN}',
        b'{"a":' * 9_000 + b"1" + b"}" * 9_000,
        b'{"a":' + b"[" * 50_000,
        b"x" * LARGEST_BYTES,
        b'{"pid": ' + b"9" * 50_000 + b"}",
    ],
)
def test_nonsense_is_refused_in_a_few_words(body):
    assert len(fault(body)) < 300


def test_a_report_may_not_be_large():
    padding = LARGEST_BYTES - len(report_bytes(padding=""))

    assert decode_report(report_bytes(padding="x" * padding))
    assert str(LARGEST_BYTES) in fault(report_bytes(padding="x" * (padding + 1)))


def test_user_information_of_a_url_is_not_told_again():
    assert "hunter2" not in fault(changed(["rows", 0, "scope"], "host:https://u:hunter2@a b"))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_report_or_refused(body):
    assert fault(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
NAMES = [(name,) for name in report_body()] + [
    (name, 0, field)
    for name in ("rows", "scopes", "leases", "refusals", "refused", "notices")
    for field in report_body()[name][0]
]


@given(st.sampled_from(NAMES), JSON)
def test_any_value_anywhere_is_taken_or_refused(path, value):
    body = json.dumps(changed(list(path), value)).encode()

    report = None
    with contextlib.suppress(InputError):
        report = decode_report(body)

    assert report is None or report.guard


# Round trip: what an encoder that follows the agreement writes is read back as it was.

TEXTS = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=40)
IDS = st.from_regex(r"[0-9A-Za-z][0-9A-Za-z._:/+=-]{0,99}", fullmatch=True)
COUNTS = st.integers(0, (1 << 63) - 1)
AMOUNTS = st.integers(0, 9 * 10**18).map(lambda nano: Decimal(nano).scaleb(-9))
FIRST, LAST = dt.datetime(2000, 1, 1), dt.datetime(2200, 1, 1)
MOMENTS = st.datetimes(FIRST, LAST, timezones=st.just(dt.UTC))
HOURS = MOMENTS.map(lambda moment: moment.replace(minute=0, second=0, microsecond=0))
SCOPES = st.sampled_from(
    ["global", "host:api.example.com", "host:::1", "provider:openai", "tag:a=b c", "key:ü/x"]
)
REASONS = st.sampled_from(["budget", "rate", "tier", "circuit", "health", "retry", "store"])
KINDS = st.sampled_from(
    ["warn", "refused", "store_lost", "store_returned", "quarantined", "expired"]
)
PERIODS = st.sampled_from(["hour", "day", "month", "total", "rolling:24h"])
REPORTS = st.builds(
    GuardReport,
    guard=IDS,
    store=IDS,
    sequence=COUNTS,
    app=TEXTS,
    host=TEXTS,
    pid=COUNTS,
    sent_at=MOMENTS,
    currency=st.sampled_from(["USD", "EUR"]),
    rows=st.lists(
        st.builds(
            SpendRow,
            *(HOURS, SCOPES, TEXTS, AMOUNTS),
            *([COUNTS] * 6),
        ),
        max_size=3,
    ).map(tuple),
    scopes=st.lists(
        st.builds(
            ScopeGauge,
            *(SCOPES, PERIODS, st.none() | AMOUNTS, AMOUNTS, AMOUNTS, st.none() | MOMENTS),
        ),
        max_size=3,
    ).map(tuple),
    leases=st.lists(
        st.builds(LeaseNote, IDS, st.lists(SCOPES, max_size=4).map(tuple), TEXTS, AMOUNTS, MOMENTS),
        max_size=3,
    ).map(tuple),
    refusals=st.lists(st.builds(RefusalNote, MOMENTS, SCOPES, REASONS, TEXTS), max_size=3).map(
        tuple
    ),
    refused=st.lists(st.builds(RefusalCount, SCOPES, REASONS, COUNTS), max_size=3).map(tuple),
    notices=st.lists(st.builds(Notice, IDS, MOMENTS, KINDS, SCOPES, TEXTS), max_size=3).map(tuple),
)


def encoded(value):
    match value:
        case Decimal():
            return format(value, "f")
        case dt.datetime():
            return value.isoformat().replace("+00:00", "Z")
        case tuple() if hasattr(value, "_fields"):
            return {name: encoded(getattr(value, name)) for name in value._fields}
        case tuple():
            return [encoded(item) for item in value]
        case _:
            return value


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(REPORTS)
def test_what_is_written_as_agreed_is_read_back_as_it_was(report):
    assert decode_report(json.dumps(encoded(report)).encode()) == report

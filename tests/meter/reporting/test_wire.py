"""What is written is read back exactly; what somebody else wrote is read with care or refused."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmon.errors import InputError
from costmon.meter.figures import Phase, merged_rows
from costmon.meter.recording_control import Control
from costmon.meter.reporting.wire import (
    PART_BYTES,
    Due,
    RowTexts,
    decode,
    decode_control,
    document_of,
    encode,
    encode_control,
    parts,
)
from tests.meter.reporting.samples import SNAPSHOTS, row, snapshot

_SETTINGS = settings(max_examples=60, deadline=None)


@_SETTINGS
@given(SNAPSHOTS)
def test_a_snapshot_comes_back_exactly(sent):
    assert decode(encode(sent)) == sent


@_SETTINGS
@given(SNAPSHOTS)
def test_a_snapshot_is_written_the_same_row_by_row_and_as_a_document(sent):
    texts = RowTexts()

    assert json.loads(encode(sent, texts)) == json.loads(json.dumps(document_of(sent)))
    assert encode(sent, texts) == encode(sent)


def test_a_row_that_has_changed_is_not_what_it_was():
    texts = RowTexts()
    encode(snapshot(row(requests=1)), texts)

    assert decode(encode(snapshot(row(requests=2)), texts)) == snapshot(row(requests=2))


@_SETTINGS
@given(st.text(max_size=700), st.text(max_size=300))
def test_whatever_an_application_calls_its_routes_can_be_read_again(route, tag):
    sent = snapshot(row(route, tag=tag), row("/a"), service=tag, recording=route)

    came = decode(encode(sent))

    assert sum(it.requests for it in came.routes) == 2
    came.service.encode()
    assert decode(encode(came)) == came


def test_two_names_that_look_the_same_when_cleaned_are_one_row():
    sent = snapshot(row("/a\x1b"), row("/a\x07", requests=2))

    (only,) = decode(encode(sent)).routes

    assert (only.route, only.requests) == ("/a\N{REPLACEMENT CHARACTER}", 3)


def test_a_control_comes_back_exactly():
    control = Control("r2", is_recording=False, issued_at=1_795_000_000.25)

    assert decode_control(encode_control(control)) == control


@_SETTINGS
@given(st.binary(max_size=200))
def test_bytes_that_are_no_snapshot_are_refused(content):
    with pytest.raises(InputError):
        decode(content)


@dataclass(frozen=True)
class Change:
    """One thing that is wrong, and how it is named."""

    path: tuple[str | int, ...]
    value: object
    named: str


@pytest.mark.parametrize(
    "change",
    [
        Change(("v",), 2, "$.v"),
        Change(("v",), True, "$.v"),
        Change(("pid",), -1, "$.pid"),
        Change(("pid",), True, "$.pid"),
        Change(("pid",), 1.0, "$.pid"),
        Change(("seq",), 1 << 200, "$.seq"),
        Change(("service",), "a" * 201, "$.service"),
        Change(("service",), "a\x1b[2J", "$.service"),
        Change(("service",), "a\u202eb", "$.service"),
        Change(("service",), "\ud800", "$.service"),
        Change(("service",), None, "$.service"),
        Change(("is_recording",), 1, "$.is_recording"),
        Change(("started_at",), -1.0, "$.started_at"),
        Change(("taken_at",), 1e300, "$.taken_at"),
        Change(("options", "target_users"), "9", "$.options.target_users"),
        Change(("options", "budget_usd"), "NaN", "$.options.budget_usd"),
        Change(("options", "budget_usd"), "-1", "$.options.budget_usd"),
        Change(("options", "budget_usd"), "1E+999999", "$.options.budget_usd"),
        Change(("options", "budget_usd"), 1.5, "$.options.budget_usd"),
        Change(("options", "budgets"), [["*"]], "$.options.budgets[0]"),
        Change(("options", "tenants"), ["a"] * 51, "$.options.tenants"),
        Change(("whole",), [], "$.whole"),
        Change(("whole", "routes"), {}, "$.whole.routes"),
        Change(("whole", "routes", 0), ["GET"], "$.whole.routes[0]"),
        Change(("whole", "routes", 0, 3), -1, "$.whole.routes[0][3]"),
        Change(("whole", "routes", 0, 13), [1], "$.whole.routes[0][13]"),
        Change(("whole", "routes", 0, 13), [1, 1, 1, 1], "$.whole.routes[0][13]"),
        Change(("whole", "routes", 0, 13), [5_000, 1], "$.whole.routes[0][13]"),
        Change(("whole", "routes", 0, 14), [1, True], "$.whole.routes[0][14]"),
    ],
    ids=lambda change: f"{change.named}={str(change.value)[:12]!a}",
)
def test_what_is_not_as_agreed_is_refused_with_its_place(change):
    document = json.loads(encode(snapshot(row())))
    piece = document
    for step in change.path[:-1]:
        piece = piece[step]
    piece[change.path[-1]] = change.value

    with pytest.raises(InputError) as caught:
        decode(json.dumps(document).encode())

    assert str(caught.value).startswith(f"{change.named}:")


def test_a_document_without_one_of_its_members_is_refused():
    document = json.loads(encode(snapshot()))
    del document["settled"]["gc_cpu_ns"]

    with pytest.raises(InputError, match=r"^\$\.settled\.gc_cpu_ns: missing$"):
        decode(json.dumps(document).encode())


def test_a_deeply_nested_document_is_refused():
    with pytest.raises(InputError, match="RecursionError"):
        decode(b"[" * 100_000)


def test_members_of_a_newer_writer_are_ignored():
    document = json.loads(encode(snapshot(row())))
    document["whole"]["routes"][0].append("news")
    document["news"] = {}

    assert decode(json.dumps(document).encode()) == snapshot(row())


def test_a_large_snapshot_goes_in_parts_that_fit_and_have_every_row_once():
    many = snapshot(*(row(f"/route/{number}", requests=number) for number in range(1_000)))
    due = [Due(is_settled, it) for is_settled in (False, True) for it in many.routes]

    sent = tuple(parts(many, due))

    assert len(sent) > 2
    assert all(len(encode(part)) <= PART_BYTES for part in sent)
    assert merged_rows(it for part in sent for it in part.whole.routes) == many.whole.routes
    assert merged_rows(it for part in sent for it in part.settled.routes) == many.settled.routes
    assert sum(len(part.whole.routes) + len(part.settled.routes) for part in sent) == 2_000
    assert {part.whole.process_cpu_ns for part in sent} == {many.whole.process_cpu_ns}


def test_without_rows_there_is_one_part_for_the_rest():
    (only,) = parts(snapshot(row()), ())

    assert only.whole == snapshot(row()).whole._replace(routes=())
    assert only.settled != Phase()


def test_a_row_too_large_for_any_part_holds_up_no_other():
    huge = row("/huge", cpu=dict.fromkeys(range(2_000), 1 << 120))

    sent = tuple(parts(snapshot(), [Due(False, huge), Due(False, row("/b"))]))

    assert [it.route for part in sent for it in part.whole.routes] == ["/b"]

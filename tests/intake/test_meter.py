"""What metered workers send is read exactly, or refused with its place."""

import json

import msgspec
import pytest
from hypothesis import given, settings

from costmon.errors import InputError
from costmon.intake.meter import decode_part
from costmon.meter.reporting.wire import decode, encode
from tests.meter.reporting.samples import SNAPSHOTS, row, snapshot

SENT = snapshot(row("/users/{id}", requests=3, cpu_squares=1 << 90), row("/b"), pid=7)


def test_what_the_meter_writes_is_what_the_intake_reads():
    assert decode_part(encode(SENT)) == SENT == decode(encode(SENT))
    assert decode_part(msgspec.Raw(encode(SENT))) == SENT


@settings(max_examples=50, deadline=None)
@given(SNAPSHOTS.filter(lambda it: it.service and it.host and it.boot))
def test_any_snapshot_is_read_exactly(sent):
    assert decode_part(encode(sent)) == sent._replace(processes=1)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("v",), 2, "$.v"),
        (("service",), "", "$.service"),
        (("service",), "a" * 201, "$.service"),
        (("service",), "a" * 401, "$.service"),
        (("service",), "a\x1b[2J", "$.service"),
        (("boot",), "a\u202eb", "$.boot"),
        (("pid",), -1, "$.pid"),
        (("pid",), 1 << 200, "$.pid"),
        (("taken_at",), -1.0, "$.taken_at"),
        (("taken_at",), 1e300, "$.taken_at"),
        (("options",), [], "$.options"),
        (("options", "budget_usd"), "NaN", "$.options.budget_usd"),
        (("whole", "routes"), {}, "$.whole.routes"),
        (("whole", "routes", 0), ["GET"], "$.whole.routes[0]"),
        (("whole", "routes", 0, 1), "/a\n", "$.whole.routes[0].route"),
        (("whole", "routes", 0, 3), 1 << 200, "$.whole.routes[0].requests"),
        (("whole", "routes", 0, 13), [1], "$.whole.routes[0].cpu"),
        (("whole", "routes", 0, 13), [1, 1, 1, 1], "$.whole.routes[0].cpu"),
        (("whole", "routes", 0, 14), [5_000, 1], "$.whole.routes[0].wall"),
        (("whole", "routes", 0, 14), [1, 1 << 200], "$.whole.routes[0].wall"),
    ],
)
def test_what_is_not_as_agreed_is_refused_with_its_place(path, value, named):
    document = json.loads(encode(SENT))
    piece = document
    for step in path[:-1]:
        piece = piece[step]
    piece[path[-1]] = value

    with pytest.raises(InputError) as caught:
        decode_part(json.dumps(document).encode())

    assert named.partition("[")[0] in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[" * 50_000, b" " * 60_001], ids=lambda it: repr(it[:5])
)
def test_what_is_no_report_is_refused(content):
    with pytest.raises(InputError):
        decode_part(content)

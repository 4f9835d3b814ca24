"""Read a part of what a metered worker has measured: bytes to a snapshot, or where the fault is.

As with guards, nothing is trusted: every list, text and figure has a bound. Fields that are not
known here are ignored: a worker may be newer than the service.
"""

from typing import Annotated, Any

import msgspec

from costmon.errors import InputError
from costmon.intake.wording import NAME_CHARACTERS, wording
from costmon.meter.figures import Phase, RouteStats, Snapshot
from costmon.meter.reporting.json_reader import Reading
from costmon.meter.reporting.settings import options_of
from costmon.meter.reporting.text import ROUTE_CHARACTERS
from costmon.meter.reporting.wire import PART_BYTES, VERSION

LAST_BUCKET = 2_100
"""Above the bucket of a number of 64 bits."""

_MOST = 1 << 128

_Name = Annotated[str, msgspec.Meta(max_length=2 * NAME_CHARACTERS)]
_Route = Annotated[str, msgspec.Meta(max_length=2 * ROUTE_CHARACTERS)]
_Count = Annotated[int, msgspec.Meta(ge=0)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
_Buckets = Annotated[list[_Count], msgspec.Meta(max_length=2 * LAST_BUCKET)]


class RowBody(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What the requests of one route, method and status took, as a list in this order."""

    method: _Name
    route: _Route
    status: _Count
    requests: _Count
    cpu_ns: _Count
    late_cpu_ns: _Count
    wall_ns: _Count
    bytes_in: _Count
    bytes_out: _Count
    offloaded_cpu_ns: _Count
    in_flight_ns: _Count
    cpu_measured: _Count
    cpu_squares: _Count
    cpu: _Buckets
    wall: _Buckets
    tag: _Name


class PhaseBody(msgspec.Struct, frozen=True, gc=False):
    """What happened in one stretch of a recording."""

    seconds: _Seconds
    process_seconds: _Seconds
    process_cpu_ns: _Count
    gc_cpu_ns: _Count
    routes: list[RowBody]


class ReportBody(msgspec.Struct, frozen=True, gc=False):
    """A snapshot of one process, with some of its rows."""

    v: int
    service: _Name
    host: _Name
    pid: _Count
    boot: _Name
    seq: _Count
    recording: _Name
    is_recording: bool
    started_at: _Seconds
    taken_at: _Seconds
    threads: _Count
    rss_bytes: _Count
    faults: _Count
    is_loop: bool
    options: dict[str, Any]
    whole: PhaseBody
    settled: PhaseBody
    run: _Name = ""
    run_started_at: _Seconds = 0.0
    runs_since: _Seconds = 0.0


_decoder = msgspec.json.Decoder(ReportBody)


def decode_part(content: bytes | msgspec.Raw) -> Snapshot:
    """Return what a worker has measured, with the rows that are in this part.

    Raises:
        InputError: It is not as agreed; the text says where and what would be.
    """
    if len(memoryview(content)) > PART_BYTES:
        raise InputError(f"$: the part is larger than {PART_BYTES} bytes")
    try:
        sent = _decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(f"the report is not valid: {error}") from None
    except RecursionError:
        raise InputError("$: the report is nested too deeply") from None
    if sent.v != VERSION:
        raise InputError(
            f"$.v: version {sent.v} is not supported: this service accepts version {VERSION}"
        )
    return Snapshot(
        service=_name("$.service", sent.service),
        host=_name("$.host", sent.host),
        pid=_bounded("$.pid", sent.pid),
        boot=_name("$.boot", sent.boot),
        seq=_bounded("$.seq", sent.seq),
        recording=_text("$.recording", sent.recording),
        is_recording=sent.is_recording,
        started_at=sent.started_at,
        taken_at=sent.taken_at,
        processes=1,
        threads=_bounded("$.threads", sent.threads),
        rss_bytes=_bounded("$.rss_bytes", sent.rss_bytes),
        faults=_bounded("$.faults", sent.faults),
        is_loop=sent.is_loop,
        options=options_of(Reading(sent.options, "$.options")),
        whole=_phase("$.whole", sent.whole),
        settled=_phase("$.settled", sent.settled),
        run=_text("$.run", sent.run),
        run_started_at=sent.run_started_at,
        runs_since=sent.runs_since,
    )


def _phase(path: str, phase: PhaseBody) -> Phase:
    return Phase(
        seconds=phase.seconds,
        process_seconds=phase.process_seconds,
        process_cpu_ns=_bounded(f"{path}.process_cpu_ns", phase.process_cpu_ns),
        gc_cpu_ns=_bounded(f"{path}.gc_cpu_ns", phase.gc_cpu_ns),
        routes=tuple(_row(f"{path}.routes[{at}]", row) for at, row in enumerate(phase.routes)),
    )


def _row(path: str, row: RowBody) -> RouteStats:
    fields = msgspec.structs.asdict(row)
    for name in RouteStats._fields[2:13]:
        _bounded(f"{path}.{name}", fields[name])
    return RouteStats(
        **fields
        | {
            "method": _text(f"{path}.method", row.method),
            "route": _text(f"{path}.route", row.route, ROUTE_CHARACTERS),
            "tag": _text(f"{path}.tag", row.tag),
            "cpu": _buckets(f"{path}.cpu", row.cpu),
            "wall": _buckets(f"{path}.wall", row.wall),
        }
    )


def _buckets(path: str, numbers: list[int]) -> dict[int, int]:
    if len(numbers) % 2:
        raise InputError(f"{path}: the list must alternate buckets and counts")
    buckets = dict(zip(numbers[::2], numbers[1::2], strict=True))
    if len(buckets) * 2 != len(numbers) or max(buckets, default=0) > LAST_BUCKET:
        raise InputError(f"{path}: buckets must be unique and at most {LAST_BUCKET}")
    if max(buckets.values(), default=0) > _MOST:
        raise InputError(f"{path}: a count has more than 128 bits")
    return buckets


def _bounded(path: str, count: int) -> int:
    # msgspec's own bounds end at 64 bits, which sums of squares outgrow.
    if count > _MOST:
        raise InputError(f"{path}: the figure has more than 128 bits")
    return count


def _name(path: str, text: str) -> str:
    if not text:
        raise InputError(f"{path}: must not be empty")
    return _text(path, text)


def _text(path: str, text: str, longest: int = NAME_CHARACTERS) -> str:
    try:
        return wording(text, longest, empty=True)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None

"""Turn snapshots into JSON and back: exact, compact, and strict with what comes.

A row is a list, since there may be thousands: what stands where is in `ROW`. Histograms are flat
lists of bucket and count by turns. Amounts are text. A snapshot too large for one message goes in
parts, each a whole snapshot with fewer rows: rows are cumulative and have a key, so who receives
them keeps the last one of each key, and need not put parts together.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from costmon.meter.control import Control
from costmon.meter.figures import Phase, RouteStats, Snapshot, merged_rows
from costmon.meter.histogram import Buckets
from costmon.meter.reporting.reading import Reading
from costmon.meter.reporting.settings import options_document, options_of
from costmon.meter.reporting.text import NAME_CHARACTERS, ROUTE_CHARACTERS, readable

VERSION = 1
PART_BYTES = 60_000
"""The largest part; the service refuses messages of more than 64 KiB."""

_FRAME_BYTES = 200
"""What surrounds a part in its message, and the header's growth by a digit here and there."""


class Due(NamedTuple):
    """A row that is to be sent.

    Attributes:
        is_settled: Whether it is of the settled phase; else of the whole.
        row: As it is now.
    """

    is_settled: bool
    row: RouteStats


def encode(snapshot: Snapshot) -> bytes:
    """Return a snapshot as compact JSON in UTF-8.

    Names are cut and cleaned of what nobody can read, so that what we write we can always read.
    """
    return _dumped(document_of(snapshot))


def decode(content: bytes) -> Snapshot:
    """Return the snapshot that a JSON text is.

    Raises:
        InputError: It is none, or one of another version; the text says where.
    """
    return snapshot_of(Reading.parsed(content))


def parts(snapshot: Snapshot, due: Iterable[Due], limit: int = PART_BYTES) -> Iterator[Snapshot]:
    """Yield a snapshot with these rows, as many times as it takes; at least once, for the rest.

    Args:
        snapshot: Whose figures other than rows are in every part.
        due: The rows that are to be in one of them.
        limit: Bytes that an encoded part may have; a row that alone is larger is left out.
    """
    bare = snapshot._replace(
        whole=snapshot.whole._replace(routes=()), settled=snapshot.settled._replace(routes=())
    )
    room = limit - _FRAME_BYTES - len(encode(bare))
    chosen: tuple[list[RouteStats], list[RouteStats]] = ([], [])
    used = count = 0
    for is_settled, row in due:
        size = len(_dumped(_row_list(row))) + 1
        if size > room:
            continue
        if used + size > room:
            yield _with_rows(bare, chosen)
            chosen, used, count = ([], []), 0, count + 1
        chosen[is_settled].append(row)
        used += size
    if used or not count:
        yield _with_rows(bare, chosen)


def document_of(snapshot: Snapshot) -> dict[str, object]:
    """Return a snapshot as what JSON can say."""
    return {
        "v": VERSION,
        "service": readable(snapshot.service, NAME_CHARACTERS),
        "host": readable(snapshot.host, NAME_CHARACTERS),
        "pid": snapshot.pid,
        "boot": readable(snapshot.boot, NAME_CHARACTERS),
        "seq": snapshot.seq,
        "recording": readable(snapshot.recording, NAME_CHARACTERS),
        "is_recording": snapshot.is_recording,
        "started_at": snapshot.started_at,
        "taken_at": snapshot.taken_at,
        "processes": snapshot.processes,
        "threads": snapshot.threads,
        "rss_bytes": snapshot.rss_bytes,
        "faults": snapshot.faults,
        "options": options_document(snapshot.options),
        "whole": _phase_document(snapshot.whole),
        "settled": _phase_document(snapshot.settled),
    }


def snapshot_of(reading: Reading) -> Snapshot:
    """Return the snapshot that a parsed document is.

    Raises:
        InputError: It is none, or one of another version; the text says where.
    """
    reading.member("v").exactly(VERSION)
    return Snapshot(
        service=reading.member("service").text(),
        host=reading.member("host").text(),
        pid=reading.member("pid").count(),
        boot=reading.member("boot").text(),
        seq=reading.member("seq").count(),
        recording=reading.member("recording").text(),
        is_recording=reading.member("is_recording").claim(),
        started_at=reading.member("started_at").seconds(),
        taken_at=reading.member("taken_at").seconds(),
        processes=reading.member("processes").count(),
        threads=reading.member("threads").count(),
        rss_bytes=reading.member("rss_bytes").count(),
        faults=reading.member("faults").count(),
        options=options_of(reading.member("options")),
        whole=_phase(reading.member("whole")),
        settled=_phase(reading.member("settled")),
    )


def encode_control(control: Control) -> bytes:
    """Return a control as JSON."""
    return _dumped({"v": VERSION, **control._asdict()})


def decode_control(content: bytes) -> Control:
    """Return the control that a JSON text is.

    Raises:
        InputError: It is none, or one of another version; the text says where.
    """
    reading = Reading.parsed(content)
    reading.member("v").exactly(VERSION)
    return control_of(reading)


def control_of(reading: Reading) -> Control:
    """Return the control that a parsed document is.

    Raises:
        InputError: It is none; the text says where.
    """
    return Control(
        recording=reading.member("recording").text(),
        is_recording=reading.member("is_recording").claim(),
        issued_at=reading.member("issued_at").seconds(),
    )


def _with_rows(bare: Snapshot, rows: tuple[list[RouteStats], list[RouteStats]]) -> Snapshot:
    whole, settled = rows
    return bare._replace(
        whole=bare.whole._replace(routes=tuple(whole)),
        settled=bare.settled._replace(routes=tuple(settled)),
    )


def _phase_document(phase: Phase) -> dict[str, object]:
    rows = phase.routes
    cleaned = tuple(_cleaned(row) for row in rows)
    if cleaned != rows:
        cleaned = merged_rows(cleaned)  # two names may have become one
    return {
        "seconds": phase.seconds,
        "process_seconds": phase.process_seconds,
        "process_cpu_ns": phase.process_cpu_ns,
        "gc_cpu_ns": phase.gc_cpu_ns,
        "routes": [_row_list(row) for row in cleaned],
    }


def _cleaned(row: RouteStats) -> RouteStats:
    method = readable(row.method, NAME_CHARACTERS)
    route = readable(row.route, ROUTE_CHARACTERS)
    tag = readable(row.tag, NAME_CHARACTERS)
    if (method, route, tag) == (row.method, row.route, row.tag):
        return row
    return row._replace(method=method, route=route, tag=tag)


def _row_list(row: RouteStats) -> list[object]:
    """Return a row's fields in their order, histograms as flat lists."""
    return [*row[:13], _flat(row.cpu), _flat(row.wall), row.tag]


def _flat(buckets: Buckets) -> list[int]:
    return [number for pair in sorted(buckets.items()) for number in pair]


def _phase(reading: Reading) -> Phase:
    return Phase(
        seconds=reading.member("seconds").seconds(),
        process_seconds=reading.member("process_seconds").seconds(),
        process_cpu_ns=reading.member("process_cpu_ns").count(),
        gc_cpu_ns=reading.member("gc_cpu_ns").count(),
        routes=tuple(row.row() for row in reading.member("routes").rows()),
    )


def _dumped(document: Mapping[str, object] | list[object]) -> bytes:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode()

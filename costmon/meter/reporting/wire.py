"""Encode snapshots as JSON and decode them: exact, compact, and strict with input.

A row is a list in the order of `RouteStats`, since there may be thousands. Histograms are flat
lists of alternating buckets and counts. Amounts are text. A snapshot too large for one message is
sent in parts, each a complete snapshot with fewer rows: rows are cumulative and have a key, so the
receiver keeps the last row of each key and need not reassemble parts.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from json.encoder import encode_basestring as _quoted
from typing import NamedTuple

from costmon.meter.figures import Phase, RouteStats, RowKey, Snapshot, merged_rows
from costmon.meter.histogram import Buckets
from costmon.meter.recording_control import Control
from costmon.meter.reporting.json_reader import Reading
from costmon.meter.reporting.settings import options_document, options_of
from costmon.meter.reporting.text import NAME_CHARACTERS, ROUTE_CHARACTERS, readable

VERSION = 1
PART_BYTES = 60_000
"""The largest part; the service refuses messages of more than 64 KiB."""

_FRAME_BYTES = 200
"""Room for the message around a part, and for growing numbers in the header."""


class Due(NamedTuple):
    """A row to send.

    Attributes:
        is_settled: Whether it belongs to the settled phase; else to the whole recording.
        row: Its current figures.
    """

    is_settled: bool
    row: RouteStats


class RowTexts:
    """A cache of rows as JSON: of a thousand routes few change within a second.

    Rows are encoded one at a time. Encoding all at once in a C library would hold the GIL and block
    the application's threads.
    """

    def __init__(self) -> None:
        self._texts: dict[tuple[bool, RowKey], tuple[int, str]] = {}

    def of(self, row: RouteStats, *, is_settled: bool) -> str:
        """Return a row as JSON."""
        key, figures = (is_settled, row.key), hash(row.counts)
        known = self._texts.get(key)
        if known is not None and known[0] == figures:
            return known[1]
        text = _row_text(row)
        self._texts[key] = figures, text
        return text

    def forget(self) -> None:
        """Clear the cache, after a reset."""
        self._texts.clear()


def encode(snapshot: Snapshot, texts: RowTexts | None = None) -> bytes:
    """Return a snapshot as compact JSON in UTF-8.

    Names are cut and cleaned, so that the result can always be decoded.

    Args:
        snapshot: The snapshot.
        texts: Cache of encoded rows.
    """
    texts = texts or RowTexts()
    head = _dumped(_head_document(snapshot))
    whole = _phase_text(snapshot.whole, texts, is_settled=False)
    settled = _phase_text(snapshot.settled, texts, is_settled=True)
    return f'{head[:-1]},"whole":{whole},"settled":{settled}}}'.encode()


def decode(content: bytes) -> Snapshot:
    """Parse a snapshot from JSON.

    Raises:
        InputError: It is not valid, or has another version; the text says where.
    """
    return snapshot_of(Reading.parsed(content))


def parts(
    snapshot: Snapshot,
    due: Iterable[Due],
    limit: int = PART_BYTES,
    texts: RowTexts | None = None,
) -> Iterator[Snapshot]:
    """Yield the parts of a snapshot that together contain these rows; at least one part.

    Args:
        snapshot: The snapshot; its figures other than rows are in every part.
        due: The rows to send, each in one of the parts.
        limit: The most bytes of an encoded part; a row that is larger alone is left out.
        texts: Cache of encoded rows.
    """
    texts = texts or RowTexts()
    bare = snapshot._replace(
        whole=snapshot.whole._replace(routes=()), settled=snapshot.settled._replace(routes=())
    )
    room = limit - _FRAME_BYTES - len(encode(bare))
    chosen: tuple[list[RouteStats], list[RouteStats]] = ([], [])
    used = count = 0
    for is_settled, row in due:
        size = len(texts.of(row, is_settled=is_settled).encode()) + 1
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
    """Return a snapshot as JSON values."""
    return {
        **_head_document(snapshot),
        "whole": {**_phase_head(snapshot.whole), "routes": _rows(snapshot.whole)},
        "settled": {**_phase_head(snapshot.settled), "routes": _rows(snapshot.settled)},
    }


def snapshot_of(reading: Reading) -> Snapshot:
    """Return the snapshot in a parsed document.

    Raises:
        InputError: It is not valid, or has another version; the text says where.
    """
    reading.member("v").exactly(VERSION)
    run, begun = reading.optional("run"), reading.optional("run_started_at")
    since = reading.optional("runs_since")
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
        is_loop=reading.member("is_loop").claim(),
        run="" if run is None else run.text(),
        run_started_at=0.0 if begun is None else begun.seconds(),
        runs_since=0.0 if since is None else since.seconds(),
    )


def encode_control(control: Control) -> bytes:
    """Return a control message as JSON."""
    return _dumped({"v": VERSION, **control._asdict()}).encode()


def decode_control(content: bytes) -> Control:
    """Parse a control message from JSON.

    Raises:
        InputError: It is not valid, or has another version; the text says where.
    """
    reading = Reading.parsed(content)
    reading.member("v").exactly(VERSION)
    return control_of(reading)


def control_of(reading: Reading) -> Control:
    """Return the control message in a parsed document.

    Raises:
        InputError: It is not valid; the text says where.
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


def _head_document(snapshot: Snapshot) -> dict[str, object]:
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
        "is_loop": snapshot.is_loop,
        "run": readable(snapshot.run, NAME_CHARACTERS),
        "run_started_at": snapshot.run_started_at,
        "runs_since": snapshot.runs_since,
        "options": options_document(snapshot.options),
    }


def _phase_head(phase: Phase) -> dict[str, object]:
    return {
        "seconds": phase.seconds,
        "process_seconds": phase.process_seconds,
        "process_cpu_ns": phase.process_cpu_ns,
        "gc_cpu_ns": phase.gc_cpu_ns,
    }


def _rows(phase: Phase) -> list[list[object]]:
    return [
        [row.method, row.route, row.status, *row.counts, _flat(row.cpu), _flat(row.wall), row.tag]
        for row in merged_rows(map(_cleaned, phase.routes))
    ]


def _phase_text(phase: Phase, texts: RowTexts, *, is_settled: bool) -> str:
    # Two names that become equal when cleaned are two rows here; the reader adds them up.
    rows = ",".join(texts.of(row, is_settled=is_settled) for row in phase.routes)
    return f'{_dumped(_phase_head(phase))[:-1]},"routes":[{rows}]}}'


def _row_text(row: RouteStats) -> str:
    """Return a row's fields in their order, histograms as flat lists."""
    row = _cleaned(row)
    return (
        f"[{_quoted(row.method)},{_quoted(row.route)},{_listed(row[2:13])},"
        f"[{_listed(_flat(row.cpu))}],[{_listed(_flat(row.wall))}],{_quoted(row.tag)}]"
    )


def _listed(numbers: Iterable[object]) -> str:
    return ",".join(map(str, numbers))


def _cleaned(row: RouteStats) -> RouteStats:
    method = readable(row.method, NAME_CHARACTERS)
    route = readable(row.route, ROUTE_CHARACTERS)
    tag = readable(row.tag, NAME_CHARACTERS)
    if (method, route, tag) == (row.method, row.route, row.tag):
        return row
    return row._replace(method=method, route=route, tag=tag)


def _flat(buckets: Buckets) -> list[int]:
    return [number for pair in sorted(buckets.items()) for number in pair]


def _phase(reading: Reading) -> Phase:
    return Phase(
        seconds=reading.member("seconds").seconds(),
        process_seconds=reading.member("process_seconds").seconds(),
        process_cpu_ns=reading.member("process_cpu_ns").count(),
        gc_cpu_ns=reading.member("gc_cpu_ns").count(),
        routes=_as_read(tuple(row.row() for row in reading.member("routes").rows())),
    )


def _as_read(rows: tuple[RouteStats, ...]) -> tuple[RouteStats, ...]:
    return rows if len({row.key for row in rows}) == len(rows) else merged_rows(rows)


def _dumped(document: Mapping[str, object]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

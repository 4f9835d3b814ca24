"""Turn snapshots into JSON and back: exact, compact, and strict with what comes.

A row is a list, since there may be thousands: in the order of `RouteStats`. Histograms are flat
lists of bucket and count by turns. Amounts are text. A snapshot too large for one message goes in
parts, each a whole snapshot with fewer rows: rows are cumulative and have a key, so who receives
them keeps the last one of each key, and need not put parts together.
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
"""What surrounds a part in its message, and the header's growth by a digit here and there."""


class Due(NamedTuple):
    """A row that is to be sent.

    Attributes:
        is_settled: Whether it is of the settled phase; else of the whole.
        row: As it is now.
    """

    is_settled: bool
    row: RouteStats


class RowTexts:
    """Rows as JSON, remembered: of a thousand routes few have changed since a second ago.

    One row at a time is made into text. A library that did it with all of them at once would keep
    the application's threads from running for as long.
    """

    def __init__(self) -> None:
        self._texts: dict[tuple[bool, RowKey], tuple[int, str]] = {}

    def of(self, row: RouteStats, *, is_settled: bool) -> str:
        """Return a row's text."""
        key, figures = (is_settled, row.key), hash(row.counts)
        known = self._texts.get(key)
        if known is not None and known[0] == figures:
            return known[1]
        text = _row_text(row)
        self._texts[key] = figures, text
        return text

    def forget(self) -> None:
        """Remember nothing: a recording has begun anew."""
        self._texts.clear()


def encode(snapshot: Snapshot, texts: RowTexts | None = None) -> bytes:
    """Return a snapshot as compact JSON in UTF-8.

    Names are cut and cleaned of what nobody can read, so that what we write we can always read.

    Args:
        snapshot: It.
        texts: Of rows that were encoded before.
    """
    texts = texts or RowTexts()
    head = _dumped(_head_document(snapshot))
    whole = _phase_text(snapshot.whole, texts, is_settled=False)
    settled = _phase_text(snapshot.settled, texts, is_settled=True)
    return f'{head[:-1]},"whole":{whole},"settled":{settled}}}'.encode()


def decode(content: bytes) -> Snapshot:
    """Return the snapshot that a JSON text is.

    Raises:
        InputError: It is none, or one of another version; the text says where.
    """
    return snapshot_of(Reading.parsed(content))


def parts(
    snapshot: Snapshot,
    due: Iterable[Due],
    limit: int = PART_BYTES,
    texts: RowTexts | None = None,
) -> Iterator[Snapshot]:
    """Yield a snapshot with these rows, as many times as it takes; at least once, for the rest.

    Args:
        snapshot: Whose figures other than rows are in every part.
        due: The rows that are to be in one of them.
        limit: Bytes that an encoded part may have; a row that alone is larger is left out.
        texts: Of rows that were encoded before.
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
    """Return a snapshot as what JSON can say."""
    return {
        **_head_document(snapshot),
        "whole": {**_phase_head(snapshot.whole), "routes": _rows(snapshot.whole)},
        "settled": {**_phase_head(snapshot.settled), "routes": _rows(snapshot.settled)},
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
        is_loop=reading.member("is_loop").claim(),
    )


def encode_control(control: Control) -> bytes:
    """Return a control as JSON."""
    return _dumped({"v": VERSION, **control._asdict()}).encode()


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
    # Two names that are one when cleaned are two rows here; who reads them adds them up.
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

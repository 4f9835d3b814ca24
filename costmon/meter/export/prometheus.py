"""Export metrics in Prometheus's text format, version 0.0.4, without its client library.

Counters are reset with each recording, which Prometheus handles. Tenants are summed, and so are
statuses in the histograms. Buckets end at powers of two of nanoseconds, where they are exact.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from costmon.meter.export.rates import Rates
from costmon.meter.figures import RouteStats, Snapshot, merged_rows
from costmon.meter.histogram import Buckets, bucket_of

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_NS = 10**9
# 65.5 µs to 68.7 s in steps of a factor of 4: the range of web requests.
_BUCKET_ENDS_NS = tuple(1 << power for power in range(16, 37, 2))
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})

Labels = tuple[tuple[str, str], ...]


class Family(NamedTuple):
    """A metric with its samples.

    Attributes:
        name: Name, including the unit.
        kind: Type of the metric.
        text: Help text.
        samples: Suffix, labels and value of each sample.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    text: str
    samples: tuple[tuple[str, Labels, str], ...]


def text_of(snapshots: Iterable[Snapshot], rates: Mapping[str, Rates]) -> str:
    """Return the metrics of applications in the text format.

    Args:
        snapshots: One for each application.
        rates: Rates by application; without rates, costs are left out rather than 0.
    """
    lines: list[str] = []
    for family in families(tuple(snapshots), rates):
        if not family.samples:
            continue
        lines.append(f"# HELP {family.name} {_help(family.text)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        for suffix, labels, value in family.samples:
            shown = ",".join(f'{name}="{text.translate(_ESCAPES)}"' for name, text in labels)
            lines.append(f"{family.name}{suffix}{{{shown}}} {value}")
    return "".join(f"{line}\n" for line in lines)


def families(snapshots: Sequence[Snapshot], rates: Mapping[str, Rates]) -> Iterator[Family]:
    """Yield the metrics in order; some may have no samples."""
    rows = tuple((snapshot, row) for snapshot in snapshots for row in by_status(snapshot))
    yield _counter(
        "requests_total", "Requests that have ended.", rows, lambda row: str(row.requests)
    )
    yield _counter(
        "cpu_seconds_total",
        "CPU spent on requests by any thread or task, including work after they ended.",
        rows,
        lambda row: _seconds(row.cpu_estimate_ns),
    )
    yield _counter(
        "late_cpu_seconds_total",
        "CPU spent for requests after they ended, as far as it was measured; part of cpu_seconds.",
        rows,
        lambda row: _seconds(row.late_cpu_ns),
    )
    yield _counter(
        "request_bytes_total",
        "Bytes of request bodies that were read.",
        rows,
        lambda row: str(row.bytes_in),
    )
    yield _counter(
        "response_bytes_total",
        "Bytes of response bodies that were sent.",
        rows,
        lambda row: str(row.bytes_out),
    )
    yield Family(
        "costmon_endpoint_cost_usd_total",
        "counter",
        "Cost of CPU at the target utilisation and of traffic, at list prices; free allowances are "
        "not deducted.",
        tuple(
            ("", _labels(snapshot, row), _exact(cost_usd))
            for snapshot, row in rows
            if snapshot.service in rates
            and (cost_usd := rates[snapshot.service].cost_usd(row)) is not None
        ),
    )
    yield from histograms(snapshots)
    yield from processes(snapshots)


def by_status(snapshot: Snapshot) -> tuple[RouteStats, ...]:
    """Return a row for each method, route and status, with tenants summed."""
    return merged_rows(row._replace(tag="") for row in snapshot.routes)


def by_endpoint(snapshot: Snapshot) -> tuple[RouteStats, ...]:
    """Return a row for each method and route."""
    return merged_rows(row._replace(tag="", status=0) for row in snapshot.routes)


def _counter(
    name: str,
    text: str,
    rows: tuple[tuple[Snapshot, RouteStats], ...],
    value: Callable[[RouteStats], str],
) -> Family:
    samples = tuple(("", _labels(snapshot, row), value(row)) for snapshot, row in rows)
    return Family(f"costmon_endpoint_{name}", "counter", text, samples)


def histograms(snapshots: Sequence[Snapshot]) -> Iterator[Family]:
    """Yield the histograms, by endpoint."""
    rows = tuple((snapshot, row) for snapshot in snapshots for row in by_endpoint(snapshot))
    yield Family(
        "costmon_endpoint_request_cpu_seconds",
        "histogram",
        "CPU per request, without late work, of the requests whose CPU was measured.",
        tuple(
            sample
            for snapshot, row in rows
            for sample in _buckets(_endpoint(snapshot, row), row.cpu, row.cpu_ns)
        ),
    )
    yield Family(
        "costmon_endpoint_request_duration_seconds",
        "histogram",
        "Time from the start of a request to the last byte of its response.",
        tuple(
            sample
            for snapshot, row in rows
            for sample in _buckets(_endpoint(snapshot, row), row.wall, row.wall_ns)
        ),
    )


def _buckets(labels: Labels, counts: Buckets, sum_ns: int) -> Iterator[tuple[str, Labels, str]]:
    total = sum(counts.values())
    if not total:
        return
    waiting = sorted(counts, reverse=True)
    within = 0
    for end in _BUCKET_ENDS_NS:
        above = bucket_of(end)
        while waiting and waiting[-1] < above:
            within += counts[waiting.pop()]
        yield "_bucket", (*labels, ("le", _seconds(end))), str(within)
    yield "_bucket", (*labels, ("le", "+Inf")), str(total)
    yield "_sum", labels, _seconds(sum_ns)
    yield "_count", labels, str(total)


def processes(snapshots: Sequence[Snapshot]) -> Iterator[Family]:
    """Yield the metrics of whole applications."""

    def of_app(
        name: str, kind: Literal["counter", "gauge"], text: str, values: Iterable[str | None]
    ) -> Family:
        return Family(
            f"costmon_endpoint_{name}",
            kind,
            text,
            tuple(
                ("", (("app", snapshot.service),), value)
                for snapshot, value in zip(snapshots, values, strict=True)
                if value is not None
            ),
        )

    yield of_app(
        "process_cpu_seconds_total",
        "counter",
        "CPU of the application's processes, attributed to endpoints or not.",
        (_seconds(snapshot.process_cpu_ns) for snapshot in snapshots),
    )
    yield of_app(
        "attributed_ratio",
        "gauge",
        "Share of the processes' CPU that was attributed to endpoints.",
        (
            None if snapshot.attributed_ratio is None else f"{snapshot.attributed_ratio:.6f}"
            for snapshot in snapshots
        ),
    )
    yield of_app(
        "processes",
        "gauge",
        "Processes of the application that are measured.",
        (str(snapshot.processes) for snapshot in snapshots),
    )
    yield of_app(
        "recording",
        "gauge",
        "Whether requests are being counted.",
        (str(int(snapshot.is_recording)) for snapshot in snapshots),
    )
    yield of_app(
        "meter_faults_total",
        "counter",
        "Failures of the meter itself that were kept from the application.",
        (str(snapshot.faults) for snapshot in snapshots),
    )


def _endpoint(snapshot: Snapshot, row: RouteStats) -> Labels:
    return (("app", snapshot.service), ("endpoint", row.route), ("method", row.method))


def _labels(snapshot: Snapshot, row: RouteStats) -> Labels:
    return (*_endpoint(snapshot, row), ("status", str(row.status)))


def _seconds(nanoseconds: int) -> str:
    return _exact(Decimal(nanoseconds) / _NS)


def _exact(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")

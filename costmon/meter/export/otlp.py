"""Export metrics to OpenTelemetry, as OTLP JSON.

All metrics are cumulative since the recording began. 64-bit integers are text, as in protobuf's
JSON mapping.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from costmon import __version__
from costmon.meter.export.exponential import exponential_of
from costmon.meter.export.prometheus import by_endpoint, by_status
from costmon.meter.export.rates import Rates
from costmon.meter.figures import RouteStats, Snapshot
from costmon.meter.histogram import Buckets

MOST_POINTS = 2_000
"""The most data points in one request: about 1 MB; collectors accept 4 MB by default."""

_NS = 10**9
_CUMULATIVE = 2

JSON = dict[str, Any]


class _Point(NamedTuple):
    """A data point and its metric: name, unit and OTLP type."""

    name: str
    unit: str
    kind: str
    content: JSON


def requests_of(snapshots: Iterable[Snapshot], rates: Mapping[str, Rates]) -> Iterator[JSON]:
    """Yield the request bodies, each for one application and with at most `MOST_POINTS` points.

    Args:
        snapshots: One for each application.
        rates: Rates by application; without rates, costs are left out.
    """
    for snapshot in snapshots:
        points = _points(snapshot, rates.get(snapshot.service))
        while part := list(islice(points, MOST_POINTS)):
            yield _request(snapshot, part)


def _points(snapshot: Snapshot, rates: Rates | None) -> Iterator[_Point]:
    span = {
        "startTimeUnixNano": str(round(snapshot.started_at * _NS)),
        "timeUnixNano": str(round(snapshot.taken_at * _NS)),
    }
    yield _Point(
        "costmon.process.cpu.time",
        "s",
        "sum",
        {**span, "asDouble": snapshot.process_cpu_ns / _NS},
    )
    if snapshot.attributed_ratio is not None:
        content = {**span, "asDouble": snapshot.attributed_ratio}
        yield _Point("costmon.endpoint.attributed_ratio", "1", "gauge", content)
    for row in by_status(snapshot):
        labelled = {**span, "attributes": [*_route(row), _integer_attribute(row)]}
        for name, unit, value in _SUMS:
            yield _Point(f"costmon.endpoint.{name}", unit, "sum", {**labelled, **value(row)})
        cost_usd = None if rates is None else rates.cost_usd(row)
        if cost_usd is not None:
            cost = {"asDouble": float(cost_usd)}
            yield _Point("costmon.endpoint.cost", "{USD}", "sum", {**labelled, **cost})
    for row in by_endpoint(snapshot):
        labelled = {**span, "attributes": _route(row)}
        for name, buckets, sum_ns in (
            ("cpu", row.cpu, row.cpu_ns),
            ("duration", row.wall, row.wall_ns),
        ):
            if buckets:
                content = {**labelled, **_histogram(buckets, sum_ns)}
                name = f"costmon.endpoint.request.{name}"  # noqa: PLW2901 - the short name is not needed any more
                yield _Point(name, "s", "exponentialHistogram", content)


_SUMS: tuple[tuple[str, str, Callable[[RouteStats], JSON]], ...] = (
    ("requests", "{request}", lambda row: {"asInt": str(row.requests)}),
    ("cpu.time", "s", lambda row: {"asDouble": row.cpu_estimate_ns / _NS}),
    ("late_cpu.time", "s", lambda row: {"asDouble": row.late_cpu_ns / _NS}),
    ("request.io", "By", lambda row: {"asInt": str(row.bytes_in)}),
    ("response.io", "By", lambda row: {"asInt": str(row.bytes_out)}),
)


def _histogram(buckets: Buckets, sum_ns: int) -> JSON:
    made = exponential_of(buckets)
    return {
        "count": str(sum(buckets.values())),
        "sum": sum_ns / _NS,
        "scale": made.scale,
        "zeroCount": str(made.zeros),
        "positive": {"offset": made.offset, "bucketCounts": [str(count) for count in made.counts]},
    }


def _route(row: RouteStats) -> list[JSON]:
    return [_attribute("http.request.method", row.method), _attribute("http.route", row.route)]


def _attribute(key: str, text: str) -> JSON:
    return {"key": key, "value": {"stringValue": text}}


def _integer_attribute(row: RouteStats) -> JSON:
    return {"key": "http.response.status_code", "value": {"intValue": str(row.status)}}


def _request(snapshot: Snapshot, points: list[_Point]) -> JSON:
    metrics: dict[str, JSON] = {}
    for point in points:
        if point.name not in metrics:
            metrics[point.name] = _metric(point)
        metrics[point.name][point.kind]["dataPoints"].append(point.content)
    scope = {"name": "costmon.meter", "version": __version__}
    return {
        "resourceMetrics": [
            {
                "resource": {"attributes": _resource(snapshot)},
                "scopeMetrics": [{"scope": scope, "metrics": list(metrics.values())}],
            }
        ]
    }


def _metric(point: _Point) -> JSON:
    content: JSON = {"dataPoints": []}
    if point.kind != "gauge":
        content["aggregationTemporality"] = _CUMULATIVE
    if point.kind == "sum":
        content["isMonotonic"] = True
    return {"name": point.name, "unit": point.unit, point.kind: content}


def _resource(snapshot: Snapshot) -> list[JSON]:
    # Processes with the same instance id would overwrite each other at the receiver.
    one = f"{snapshot.host}-{snapshot.pid}-{snapshot.boot}" if snapshot.pid else snapshot.recording
    resource = [
        _attribute("service.name", snapshot.service),
        _attribute("service.instance.id", one),
    ]
    if snapshot.host:
        resource.append(_attribute("host.name", snapshot.host))
    return resource

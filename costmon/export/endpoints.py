"""Show what the endpoints of metered applications cost, to Prometheus.

Of each application the endpoints that use most CPU have series of their own, as many as fit into
`MOST_SERIES` over all applications; all others are the endpoint `other`. When a recording is reset,
its counters restart at 0, which Prometheus handles.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from costmon.export.scopes import Bounded, Series, most_expensive
from costmon.meter.export.prometheus import (
    Family,
    by_endpoint,
    by_status,
    histograms,
    processes,
)
from costmon.meter.export.rates import Rates
from costmon.meter.figures import RouteStats, Snapshot
from costmon.meter.options import Options
from costmon.state.metered_spend import listed_rates

_LABELS = ("app", "endpoint", "method", "status")
_NS = Decimal(10**9)
# Between what makes an endpoint one: no name of an application, method or route has it.
_BETWEEN = "\0"

MOST_SERIES = 500
"""Of one family, without those of others; an application may have at least `LEAST_SERIES`."""
LEAST_SERIES = 5

Amount = Callable[[Snapshot, RouteStats], Decimal | None]


class EndpointCollector(Collector):
    """Read what applications reported at every scrape."""

    def __init__(
        self,
        *,
        services: Callable[[], Sequence[Snapshot]],
        rates: Callable[[Options], Rates | None] | None = None,
    ) -> None:
        """Prepare.

        Args:
            services: Returns one snapshot for each application.
            rates: Returns what an application's work costs, `None` where nobody knows.
        """
        self._services = services
        self._rates = listed_rates if rates is None else rates
        self._counters: tuple[tuple[str, str, Amount, Bounded], ...] = (
            _counter("requests", "Completed requests.", _requests),
            _counter(
                "cpu_seconds",
                "CPU time of requests and of work that continues after the response.",
                _cpu,
            ),
            _counter("late_cpu_seconds", "CPU time of work after the response.", _late),
            _counter("request_bytes", "Bytes of request bodies read.", _bytes_in),
            _counter("response_bytes", "Bytes of response bodies sent.", _bytes_out),
            _counter(
                "cost_usd",
                "Cost of CPU at the target utilisation and of traffic, at list prices; free "
                "allowances are not taken off.",
                self._cost,
            ),
        )

    def collect(self) -> Iterator[Metric]:
        """Yield every family that has something to say."""
        services = tuple(self._services())
        each = max(LEAST_SERIES, MOST_SERIES // max(1, len(services)))
        shown = frozenset(name for snapshot in services for name in _most_expensive(snapshot, each))
        for name, text, amount, bounded in self._counters:
            family = CounterMetricFamily(f"costmon_endpoint_{name}", text, labels=_LABELS)
            for labels, value in bounded.series(_values(services, amount), shown):
                family.add_metric(_shown(labels), float(value))
            if family.samples:
                yield family
        chosen = tuple(_of_shown(snapshot, shown) for snapshot in services)
        for plain in (*histograms(chosen), *processes(services)):
            if plain.samples:
                yield _metric(plain)

    def _cost(self, snapshot: Snapshot, row: RouteStats) -> Decimal | None:
        rates = self._rates(snapshot.options)
        return None if rates is None else rates.cost_usd(row)


def _counter(name: str, text: str, amount: Amount) -> tuple[str, str, Amount, Bounded]:
    return name, text, amount, Bounded()


def _requests(_: Snapshot, row: RouteStats) -> Decimal:
    return Decimal(row.requests)


def _cpu(_: Snapshot, row: RouteStats) -> Decimal:
    return row.cpu_estimate_ns / _NS


def _late(_: Snapshot, row: RouteStats) -> Decimal:
    return row.late_cpu_ns / _NS


def _bytes_in(_: Snapshot, row: RouteStats) -> Decimal:
    return Decimal(row.bytes_in)


def _bytes_out(_: Snapshot, row: RouteStats) -> Decimal:
    return Decimal(row.bytes_out)


def _name(snapshot: Snapshot, row: RouteStats) -> str:
    return _BETWEEN.join((snapshot.service, row.method, row.route))


def _most_expensive(snapshot: Snapshot, most_series: int) -> frozenset[str]:
    """Return the endpoints of an application that are told apart, by the series that they need."""
    needed = Counter(_name(snapshot, row) for row in by_status(snapshot))
    cpu = {_name(snapshot, row): Decimal(row.cpu_estimate_ns) for row in by_endpoint(snapshot)}
    left = most_series
    shown = set()
    for name in sorted(most_expensive(cpu.items()), key=lambda name: (-cpu[name], name)):
        if needed[name] <= left:
            shown.add(name)
            left -= needed[name]
    return frozenset(shown)


def _values(services: Sequence[Snapshot], amount: Amount) -> dict[Series, Decimal]:
    values: dict[Series, Decimal] = {}
    for snapshot in services:
        for row in by_status(snapshot):
            value = amount(snapshot, row)
            if value is not None:
                name = _name(snapshot, row)
                values[snapshot.service, row.method, str(row.status), name] = value
    return values


def _shown(labels: Series) -> Series:
    """Return the values of `_LABELS`."""
    app, method, status, name = labels
    return app, name.rpartition(_BETWEEN)[2], method, status


def _of_shown(snapshot: Snapshot, shown: frozenset[str]) -> Snapshot:
    rows = tuple(row for row in snapshot.routes if _name(snapshot, row) in shown)
    return snapshot._replace(whole=snapshot.whole._replace(routes=rows))


def _metric(family: Family) -> Metric:
    if family.kind == "histogram":
        return _histogram(family)
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name.removesuffix("_total"), family.text, labels=("app",))
    for _, labels, value in family.samples:
        metric.add_metric([text for _, text in labels], float(value))
    return metric


def _histogram(family: Family) -> Metric:
    metric = HistogramMetricFamily(family.name, family.text)
    for suffix, labels, value in family.samples:
        metric.add_sample(f"{family.name}{suffix}", dict(labels), float(value))
    return metric

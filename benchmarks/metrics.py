"""The scrape with 5,000 series beside prometheus_client's own text of as many.

Run: `python -m benchmarks metrics`. Both are made in this process, in turns; costmon's is the whole
request to the application that serves the scrape port, with ten budgets. What depends on charges
alone is rendered when they are published: that is a row of its own.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import count

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from benchmarks.http import api_context
from benchmarks.report import Row
from benchmarks.turns import Loop, in_turns, ratio
from costmon.api import ApiContext, create_metrics_app
from costmon.clock import SystemClock
from costmon.domain.budget import Budget
from costmon.domain.cap import DEFAULT_LEVELS, Cap
from costmon.domain.charge_report import ChargeTotal
from costmon.domain.resource import Basis
from costmon.state import fold
from costmon.state.charges import ChargeState, nothing_known
from costmon.state.published import Published, PublishedSnapshot
from costmon.testing.samples import inventory, report, resource

SERIES = 5_000
ACCOUNTS = 230
POLLED = 170
SERVICES = 30
ROUNDS = 9
COUNT = 5
_OPENMETRICS = "application/openmetrics-text; version=1.0.0"
_CURRENCIES = ("USD", "EUR", "GBP")
_CAPS = tuple(
    Cap(Budget(scope, "100", "month", "USD"), DEFAULT_LEVELS, enforce=False)
    for scope in ("global", "provider:vercel", *(f"account:account-{n}" for n in range(8)))
)
_BASES: tuple[Basis, ...] = ("billed", "metered", "plan")


def main() -> list[Row]:
    """Measure and return the rows."""
    accounts = replace(api_context(), snapshot=_polled_accounts())
    rows: list[Row] = []
    for form, accept in (("text", ""), ("OpenMetrics", _OPENMETRICS)):
        charges = Published(_charges(0))
        later = (_charges(number) for number in count(1))
        context = replace(
            api_context(), charges=charges.read, published_charges=charges, caps=_CAPS
        )
        rows += _rows(f"series of charges, {form}", context, accept, publish=later)
        rows += _rows(f"series of {POLLED} accounts, {form}", accounts, accept)
    return rows


def _rows(
    name: str, context: ApiContext, accept: str, publish: Iterator[ChargeState] | None = None
) -> Iterator[Row]:
    client = create_metrics_app(context).test_client()

    def scrape() -> bytes:
        body: bytes = client.get("/metrics", headers={"Accept": accept}).data
        return body

    series = sum(not line.startswith(b"#") for line in scrape().splitlines())
    registry = _registry(series)
    encode = generate_openmetrics if accept else generate_latest
    loops: dict[str, Loop] = {"theirs": _repeated(lambda: encode(registry))}
    loops["ours"] = _repeated(scrape)
    if publish is not None:
        ready = [next(publish) for _ in range(2 * ROUNDS * COUNT)]
        loops["publish"] = _repeated(lambda: context.published_charges.publish(ready.pop()))
    taken = in_turns(loops, rounds=ROUNDS, count=COUNT)
    milliseconds = {loop: min(times) * 1000 for loop, times in taken.items()}
    times = ratio(taken["ours"], taken["theirs"])
    yield Row(
        name=f"scrape of {series:,} {name}",
        measured=f"{times:.2f}x",
        goal="<= 1x of prometheus_client",
        met=times <= 1,
        note=f"{milliseconds['ours']:.1f} ms against {milliseconds['theirs']:.1f} ms",
    )
    if publish is not None:
        yield Row(
            name="publishing their charges",
            measured=f"{ratio(taken['publish'], taken['theirs']):.2f}x",
            goal="stated",
            met=True,
            note=f"{milliseconds['publish']:.1f} ms, once for each window read, in the persister",
        )


def _repeated(once: Callable[[], object]) -> Loop:
    def loop(times: int) -> None:
        for _ in range(times):
            once()

    return loop


def _registry(series: int) -> CollectorRegistry:
    """Return the client library's own gauges with the labels of costmon's largest metric."""
    registry = CollectorRegistry()
    gauge = Gauge(
        "costmon_service_month_to_date_cost_usd",
        "Cost since the month began of the most expensive services.",
        ("provider", "account", "service"),
        registry=registry,
    )
    for number in range(series):
        account, service = divmod(number, SERVICES)
        gauge.labels("vercel", f"account-{account}", f"Service {service}").set(number / 7)
    return registry


def _polled_accounts() -> PublishedSnapshot:
    now = SystemClock().now()
    names = [f"account-{number}" for number in range(POLLED)]
    snapshot = fold.first([(name, "digitalocean") for name in names], {}, now=now, demo=False)
    for name in names:
        polled = replace(report(name, started_at=now), account=name)
        seen = replace(inventory([resource(created_at=now)], observed_at=now), account=name)
        snapshot = fold.fetched(snapshot, polled, seen, now)
    cell = PublishedSnapshot()
    cell.publish(snapshot)
    return cell


def _charges(number: int) -> ChargeState:
    now = SystemClock().now() + dt.timedelta(microseconds=number)
    services = tuple(
        _total(f"Service {service}", account, number)
        for account in range(ACCOUNTS)
        for service in range(SERVICES)
    )
    return replace(
        nothing_known(now, now.date()),
        is_loaded=True,
        by_service=services,
        by_month=tuple(
            _total(f"{now.year}-{month:02}-01", account, number)
            for account in range(ACCOUNTS)
            for month in range(1, 13)
        ),
    )


def _total(group: str, account: int, number: int) -> ChargeTotal:
    amount = Decimal(account * 100 + len(group) + number) / 7
    return ChargeTotal(
        group,
        f"account-{account}",
        "vercel",
        _CURRENCIES[account % 3],
        _BASES[account % 3],
        group,
        amount,
        amount,
        1,
    )

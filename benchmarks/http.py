"""Current costs over HTTP beside a bare Flask route of the same size, on the same server.

Run: `python -m benchmarks.http`. Rounds are interleaved and short, and a ratio is the median of
the ratios within each round, so that a busy machine slows all alike.
Uses wrk when it is installed, else threads of another process, which slow the server less
evenly: trust the ratio less.
"""

import concurrent.futures
import contextlib
import http.client
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import flask

from benchmarks.report import Row, print_table
from costmon.api import ApiContext, ApiSettings, HttpServer, create_app
from costmon.api.blank import blank_context
from costmon.api.representation import Representations
from costmon.clock import SystemClock
from costmon.config import Secret
from costmon.domain.totals import Threshold
from costmon.pricing import fx
from costmon.state import fold
from costmon.state.published import PublishedSnapshot
from costmon.testing.samples import inventory, report, resource

DROPLETS = 1_000
CONNECTIONS = 32
ROUNDS = 9
ROUND_S = 1
GOAL = 0.8
CURRENT = "/api/v1/costs/current"

_UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Load:
    """What a round of requests measured.

    Attributes:
        requests_s: Requests a second.
        p99_ms: The 99th percentile of their latency.
    """

    requests_s: float
    p99_ms: float


def main() -> list[Row]:
    """Measure the three kinds of request, round by round, and return the rows of the table."""
    with serving(_application()) as port:
        etag, size = _answered(port)
        with serving(_bare(size)) as bare_port:
            loads: dict[str, list[Load]] = {"bare": [], "current": [], "unchanged": []}
            for _ in range(ROUNDS):
                loads["bare"].append(load(bare_port, "/", {}))
                loads["current"].append(load(port, CURRENT, {}))
                loads["unchanged"].append(load(port, CURRENT, {"If-None-Match": etag}))
    bare, current, unchanged = (_median(loads[kind]) for kind in loads)
    ratio = _ratio(loads["current"], loads["bare"])
    faster = _ratio(loads["unchanged"], loads["current"])
    return [
        Row(
            f"GET {CURRENT}, {DROPLETS:,} droplets",
            f"{ratio:.2f}x",
            f">= {GOAL}x of bare Flask",
            ratio >= GOAL,
            f"{current.requests_s:,.0f} against {bare.requests_s:,.0f} requests/s"
            f" of {size:,} bytes, {CONNECTIONS} connections",
        ),
        Row(
            "its p99",
            f"{current.p99_ms:.1f} ms",
            "stated",
            met=True,
            note=f"bare Flask: {bare.p99_ms:.1f} ms",
        ),
        Row(
            "304 Not Modified",
            f"{faster:.2f}x",
            "> 1x of a whole answer",
            faster > 1,
            f"{unchanged.requests_s:,.0f} requests/s, p99 {unchanged.p99_ms:.1f} ms",
        ),
    ]


@contextlib.contextmanager
def serving(app: flask.Flask) -> Iterator[int]:
    """Serve an application on a free port, which is given."""
    server = HttpServer(app, "127.0.0.1", 0, "benchmark")
    server.prepare()
    server.start()
    try:
        yield server.port
    finally:
        server.stop(5.0)


def load(port: int, path: str, headers: Mapping[str, str]) -> Load:
    """Ask again and again over `CONNECTIONS` connections for `ROUND_S` seconds."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return _threaded_load(port, path, headers)
    asked = [argument for name, value in headers.items() for argument in ("-H", f"{name}: {value}")]
    command = [wrk, "-t2", f"-c{CONNECTIONS}", f"-d{ROUND_S}s", "--latency", *asked]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True
    )
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    if rate is None or p99 is None or "Non-2xx" in done.stdout:
        msg = f"wrk was not answered well: {done.stdout}"
        raise RuntimeError(msg)
    return Load(float(rate[1]), float(p99[1]) * _UNITS_MS[p99[2]])


def _threaded_load(port: int, path: str, headers: Mapping[str, str]) -> Load:
    asked = [f"{name}: {value}" for name, value in headers.items()]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.http", "--client", str(port), path, *asked],
        capture_output=True,
        text=True,
        check=True,
    )
    requests_s, p99_ms = done.stdout.split()
    return Load(float(requests_s), float(p99_ms))


def _client(port: int, path: str, headers: Mapping[str, str]) -> None:
    """Be the threaded client: print requests a second and the p99 in ms."""
    until = time.perf_counter() + ROUND_S

    def ask() -> list[float]:
        took = []
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        while (began := time.perf_counter()) < until:
            connection.request("GET", path, headers=dict(headers))
            connection.getresponse().read()
            took.append(time.perf_counter() - began)
        connection.close()
        return took

    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        futures = [pool.submit(ask) for _ in range(CONNECTIONS)]
        took = [seconds for future in futures for seconds in future.result()]
    print(len(took) / ROUND_S, statistics.quantiles(took, n=100)[-1] * 1000)


def _median(loads: list[Load]) -> Load:
    return Load(
        statistics.median(one.requests_s for one in loads),
        statistics.median(one.p99_ms for one in loads),
    )


def _ratio(loads: list[Load], others: list[Load]) -> float:
    pairs = zip(loads, others, strict=True)
    return statistics.median(one.requests_s / other.requests_s for one, other in pairs)


def _bare(size: int) -> flask.Flask:
    app = flask.Flask("bare", static_folder=None)
    body = b"x" * size

    @app.get("/")
    def whole() -> flask.Response:
        return flask.Response(body, content_type="application/json")

    return app


def _application() -> flask.Flask:
    return create_app(api_context())


def api_context() -> ApiContext:
    """Return what the API serves: an account with many droplets."""
    clock = SystemClock()
    now = clock.now()
    cell = PublishedSnapshot()
    account = ("digitalocean", "digitalocean")
    blank = fold.first((account,), {}, now=now, demo=False)
    droplets = [resource(str(500_000_000 + n), created_at=now) for n in range(DROPLETS)]
    seen = inventory(droplets, observed_at=now)
    cell.publish(fold.fetched(blank, report(started_at=now), seen, now))
    settings = ApiSettings(
        host="127.0.0.1",
        port=0,
        api_token=Secret("0123456789abcdef"),
        operator="bench",
        reading_needs_token=False,
        allowed_hosts=(),
        demo=False,
        threshold=Threshold(provider="digitalocean", limit=Decimal(100)),
    )
    return replace(
        blank_context(settings, clock, fx.rates()),
        snapshot=cell,
        representations=Representations(cell, clock),
        currency="USD",
    )


def _answered(port: int) -> tuple[str, int]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", CURRENT)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.headers["ETag"], len(body)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--client"]:
        given = (header.partition(": ") for header in sys.argv[4:])
        _client(int(sys.argv[2]), sys.argv[3], {name: value for name, _, value in given})
    else:
        print_table(main())

"""Vercel's charges of a busy month, read and mapped, against decoding the lines alone.

Run: `python -m benchmarks.vercel`. Server, baseline and product are processes of their own, so that
processor time and peak memory are each one's own; they take turns in one run. Both are processor
time: the baseline ends within one time slice of a busy machine, which the product cannot.
"""

import datetime as dt
import gc
import gzip
import json
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.report import Row, print_table
from costmon.bootstrap.provider_connection import ProviderConnection
from costmon.clock import SystemClock
from costmon.config import AccountSettings, Secret
from costmon.providers.vercel.rows import Row as Line

BYTES = 15_000_000
ROUNDS = 5
GOAL = 0.15
PROJECTS = 120
NOW = dt.datetime(2026, 12, 1, 20, tzinfo=dt.UTC)
_FIRST = dt.datetime(2026, 11, 1, 7, tzinfo=dt.UTC)
_TOKEN = "benchmark-token"
_SERVICES = (
    ("Function Invocations", "Compute", "Invocations"),
    ("Fluid Active CPU", "Compute", "Hours"),
    ("Fluid Provisioned Memory", "Compute", "GB-Hours"),
    ("Fast Data Transfer", "Networking", "GB"),
    ("Fast Origin Transfer", "Networking", "GB"),
    ("Edge Requests", "Networking", "Requests"),
    ("ISR Reads", "Web", "Reads"),
)


def month() -> bytes:
    """Return 15 MB of lines: services of projects in regions, day after day."""
    rng = random.Random(1)
    lines: list[bytes] = []
    size = number = 0
    while size < BYTES:
        number += 1
        service, category, unit = _SERVICES[number % len(_SERVICES)]
        project = number // len(_SERVICES) % PROJECTS
        # The first day begins an hour earlier: on it summer time ends.
        day = _FIRST + dt.timedelta(days=number % 29 + 1, hours=1)
        line = json.dumps(
            {
                "BilledCost": round(rng.random() / 1000, 12),
                "BillingCurrency": "USD",
                "ChargeCategory": "Usage",
                "ChargePeriodStart": day.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "ChargePeriodEnd": (day + dt.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "ConsumedQuantity": round(rng.random() * 1e6, 6),
                "ConsumedUnit": unit,
                "EffectiveCost": round(rng.random() / 10, 12),
                "RegionId": "fra1",
                "RegionName": "Frankfurt, Germany",
                "ServiceName": service,
                "ServiceCategory": category,
                "ServiceProviderName": "Vercel",
                "Tags": {"ProjectId": f"prj_{project:022d}", "ProjectName": f"shop-{project}"},
                "PricingCategory": "Standard",
                "PricingCurrency": "USD",
                "PricingQuantity": round(rng.random() * 1e3, 6),
                "PricingUnit": unit,
            }
        ).encode()
        size += len(line) + 1
        lines.append(line)
    return b"\n".join(lines) + b"\n"


def baseline(place: str) -> tuple[int, float]:
    """Decode the lines, which are in memory, into the product's own structs; keep nothing."""
    lines = Path(place).read_bytes().splitlines()
    decode = msgspec.json.Decoder(Line).decode
    began_s = time.process_time()
    for line in lines:
        decode(line)
    return len(lines), time.process_time() - began_s


def product(base_url: str) -> tuple[int, float]:
    """Read the month over HTTP with the production provider, as one window of charges."""
    connection = ProviderConnection(
        AccountSettings(
            name="busy",
            provider="vercel",
            credentials={"token": Secret(_TOKEN)},
            options={"team_id": "team_busy"},
            api_url=base_url,
        ),
        {},
        clock=SystemClock(),
        rng=random.Random(1),
        pause=lambda _seconds: True,
        beat=lambda: None,
        state_dir=Path(),
    )
    gc.freeze()  # as `costmon run` does
    began_s = time.process_time()
    window = next(connection.provider.charges("busy", NOW, NOW))
    seconds = time.process_time() - began_s
    connection.close()
    return len(window.charges), seconds


_ROLES: dict[str, Callable[[str], tuple[int, float]]] = {"baseline": baseline, "product": product}


def _child(role: str, source: str) -> None:
    before_mb = _peak_mb()
    rows, seconds = _ROLES[role](source)
    figures = {"seconds": seconds, "rows": rows}
    print(json.dumps({**figures, "peak_mb": _peak_mb(), "before_mb": before_mb}))


def _peak_mb() -> float:
    """Return this process's own peak; that of `getrusage` begins with the one of its parent."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


def _serve(place: str) -> None:
    from costmon.testing import Reply, StubServer  # noqa: PLC0415 - only the server needs it

    body = gzip.compress(Path(place).read_bytes())
    headers = {"content-type": "application/jsonl", "content-encoding": "gzip"}
    with StubServer() as server:
        server.answer("/v1/billing/charges", Reply(body=body, headers=headers))
        print(server.url, flush=True)
        sys.stdin.read()


@contextmanager
def _server(place: str) -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.vercel", "serve", place],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def _measured(role: str, source: str) -> dict[str, float]:
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.vercel", role, source],
        check=True,
        capture_output=True,
        text=True,
    )
    figures: dict[str, float] = json.loads(run.stdout)
    return figures


def main() -> list[Row]:
    """Measure in turns and return the rows."""
    ratios: list[float] = []
    products: list[dict[str, float]] = []
    with TemporaryDirectory() as folder:
        place = str(Path(folder) / "month.jsonl")
        Path(place).write_bytes(month())
        with _server(place) as base_url:
            for _ in range(ROUNDS):
                base, ours = _measured("baseline", place), _measured("product", base_url)
                assert base["rows"] == ours["rows"], (base, ours)
                ratios.append(base["seconds"] / ours["seconds"])
                products.append(ours)
    ratio = statistics.median(ratios)
    seconds = statistics.median(figures["seconds"] for figures in products)
    peak_mb = statistics.median(figures["peak_mb"] for figures in products)
    grown_mb = peak_mb - statistics.median(figures["before_mb"] for figures in products)
    return [
        Row(
            name="Vercel month, 15 MB of JSONL -> charges, rows/s / decoding the lines alone",
            measured=f"{ratio:.2f}x",
            goal=f">= {GOAL}x",
            met=ratio >= GOAL,
            note=f"{seconds:.2f} s of processor time for {products[0]['rows']:,.0f} rows over HTTP "
            f"with gzip, median of {ROUNDS} pairs {min(ratios):.2f}-{max(ratios):.2f}",
        ),
        Row(
            name="Vercel month, peak memory",
            measured=f"{peak_mb:.0f} MB",
            goal="-",
            met=True,
            note=f"{grown_mb:.0f} MB more than before the read",
        ),
    ]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", place]:
            _serve(place)
        case [role, source]:
            _child(role, source)
        case _:
            print_table(main())

"""Poll -> snapshot for a very large account, against fetching, decoding and keeping its pages.

Run: `python -m benchmarks.poll`. Server, baseline and product are processes of their own, so that
time and peak memory are each one's own; they take turns in one run.
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import requests

from benchmarks.report import Row, print_table
from costmon.api.representation import Representations
from costmon.bootstrap.provider_connection import ProviderConnection
from costmon.clock import SystemClock
from costmon.config import AccountSettings, Secret
from costmon.demo.bulk import PageServer
from costmon.domain.poll import PollReport
from costmon.providers.digitalocean.answers import Droplet, DropletPage
from costmon.state import fold
from costmon.state.published import PublishedSnapshot

DROPLETS = 100_000
ROUNDS = 5
_ROWS = 200
_TOKEN = "benchmark-token"


def baseline(base_url: str) -> int:
    """Fetch the pages, decode them into the product's own structs, keep them."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {_TOKEN}"
    decode = msgspec.json.Decoder(DropletPage).decode
    kept: list[Droplet] = []
    page = 1
    while True:
        answer = session.get(
            f"{base_url}/v2/droplets", params={"per_page": _ROWS, "page": page}, timeout=30
        )
        decoded = decode(answer.content)
        kept.extend(decoded.items)
        assert decoded.meta is not None
        assert decoded.meta.total is not None
        if len(kept) >= decoded.meta.total:
            return len(kept)
        page += 1


def product(base_url: str) -> int:
    """Poll with the production provider, fold, encode and publish."""
    import random  # noqa: PLC0415 - only the product needs it

    clock = SystemClock()
    line = ProviderConnection(
        AccountSettings(
            name="bulk",
            provider="digitalocean",
            credentials={"token": Secret(_TOKEN)},
            api_url=base_url,
        ),
        {},
        clock=clock,
        rng=random.Random(1),
        pause=lambda _seconds: True,
        beat=lambda: None,
        state_dir=Path(),
    )
    cell = PublishedSnapshot()
    now = clock.now()
    first = fold.first((("bulk", "digitalocean"),), {}, now=now, demo=False)
    inventory = line.provider.inventory("bulk", now)
    requests_sent, failures = line.take_counts()
    report = PollReport(
        cycle_id="bulk@1",
        account="bulk",
        provider="digitalocean",
        started_at=now,
        duration_s=1.0,
        requests=requests_sent,
        failures=failures,
        breaker="closed",
        next_poll_at=now,
    )
    snapshot = fold.fetched(first, report, inventory, clock.now())
    Representations(cell, clock).prepare(snapshot)
    cell.publish(snapshot)
    published = cell.read()
    assert published is not None
    assert published.totals is not None
    return published.totals.resource_count


_ROLES: dict[str, Callable[[str], int]] = {"baseline": baseline, "product": product}


def _child(role: str, base_url: str) -> None:
    began_s = time.perf_counter()
    kept = _ROLES[role](base_url)
    seconds = time.perf_counter() - began_s
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "peak_mb": peak_kb / 1024, "kept": kept}))


def _serve(count: int) -> None:
    server = PageServer(count, per_page=_ROWS, token=_TOKEN)
    server.start()
    print(server.base_url, flush=True)
    sys.stdin.read()
    server.stop()


@contextmanager
def _server(count: int) -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.poll", "serve", str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def _measured(role: str, base_url: str) -> dict[str, float]:
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.poll", role, base_url],
        check=True,
        capture_output=True,
        text=True,
    )
    figures: dict[str, float] = json.loads(run.stdout)
    assert figures["kept"] == DROPLETS, figures
    return figures


def main() -> list[Row]:
    """Measure in turns and return the rows."""
    times: list[float] = []
    peaks: list[float] = []
    products: list[dict[str, float]] = []
    with _server(DROPLETS) as base_url:
        _measured("baseline", base_url)
        for _ in range(ROUNDS):
            base, ours = _measured("baseline", base_url), _measured("product", base_url)
            times.append(ours["seconds"] / base["seconds"])
            peaks.append(ours["peak_mb"] / base["peak_mb"])
            products.append(ours)
    time_ratio, peak_ratio = statistics.median(times), statistics.median(peaks)
    seconds = statistics.median(figures["seconds"] for figures in products)
    peak_mb = statistics.median(figures["peak_mb"] for figures in products)
    return [
        Row(
            name="poll -> snapshot, 100,000 droplets, time / fetch+decode+keep",
            measured=f"{time_ratio:.2f}x",
            goal="<= 1.5x",
            met=time_ratio <= 1.5,
            note=f"{seconds:.2f} s, median of {ROUNDS} pairs {min(times):.2f}-{max(times):.2f}",
        ),
        Row(
            name="poll -> snapshot, 100,000 droplets, peak memory / the same",
            measured=f"{peak_ratio:.2f}x",
            goal="<= 1.2x",
            met=peak_ratio <= 1.2,
            note=f"{peak_mb:.0f} MB, median of {ROUNDS} pairs {min(peaks):.2f}-{max(peaks):.2f}",
        ),
    ]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", count]:
            _serve(int(count))
        case [role, base_url]:
            _child(role, base_url)
        case _:
            print_table(main())

"""What the idle service costs, against a bare process that imports the same libraries.

Run: `python -m benchmarks.footprint`. CPU and memory are read from /proc (Linux).
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.report import Row, print_table
from costmon.clock import SystemClock
from costmon.demo.server import DEMO_TOKEN, DemoServer
from tests.journeys.vendors import CREDENTIALS, Vendors

IDLE_S = 20.0
ALL_IDLE_S = 180.0
SCRAPE_EVERY_S = 15.0
SETTLE_S = 5.0
ROUNDS = 5
_LIBRARIES = (
    "alembic.command, cheroot.wsgi, flask, msgspec, prometheus_client, pykka, dotenv, requests, "
    "spectree, sqlalchemy, structlog, code, sqlite3, concurrent.futures, email.utils"
)
_BARE = f"import {_LIBRARIES}\nimport sys\nprint('ready', flush=True)\nsys.stdin.read()"
_PATIENCE_S = 60.0


def _rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError(pid)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _bare() -> tuple[float, float]:
    """Return the seconds that the imports take, process start included, and the RSS in MB."""
    began_s = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", _BARE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        seconds = time.perf_counter() - began_s
        rss_mb = _rss_mb(process.pid)
        process.stdin.close()
    return seconds, rss_mb


class Running(NamedTuple):
    """A service that runs.

    Attributes:
        pid: Its process.
        port: Where it listens.
        start_s: Seconds from its start to the first 200.
    """

    pid: int
    port: int
    start_s: float


@contextmanager
def _service(*arguments: str, **environment: str) -> Iterator[Running]:
    """Run the service in a directory of its own."""
    port = _free_port()
    with tempfile.TemporaryDirectory() as directory:
        began_s = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-m", "costmon", "run", *arguments],
            cwd=directory,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(Path(__file__).parents[1]),
                "COSTMON_PORT": str(port),
                "COSTMON_STATE_DIR": f"{directory}/data",
                "COSTMON_LOG_LEVEL": "warning",
                **environment,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            _first_200(f"http://127.0.0.1:{port}/api/v1/costs/current", process)
            yield Running(process.pid, port, time.perf_counter() - began_s)
            process.terminate()
            process.wait(_PATIENCE_S)


def _first_200(url: str, process: subprocess.Popen[bytes] | None = None) -> None:
    until_s = time.perf_counter() + _PATIENCE_S
    while time.perf_counter() < until_s:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - loopback, made above
                return
        except (urllib.error.URLError, ConnectionError):
            assert process is None or process.poll() is None, "the service ended"
            time.sleep(0.01)
    raise TimeoutError(url)


def _idle_share(service: Running, seconds: float, scrape_every_s: float | None = None) -> float:
    """Return the share of a core that the service takes while nobody but a scrape asks."""
    before_s = _cpu_s(service.pid)
    began_s = time.perf_counter()
    until_s = began_s + seconds
    while (left_s := until_s - time.perf_counter()) > 0:
        if scrape_every_s is not None:
            _first_200(f"http://127.0.0.1:{service.port}/metrics")
        time.sleep(min(left_s, scrape_every_s or left_s))
    return (_cpu_s(service.pid) - before_s) / (time.perf_counter() - began_s)


def main() -> list[Row]:
    """Measure in turns and return the rows."""
    starts: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        bare_s, _ = _bare()
        with _service("--demo") as service:
            starts.append((service.start_s, bare_s))
    _, bare_mb = _bare()
    vendor = DemoServer(SystemClock())
    url = vendor.start()
    try:
        with _service(
            DO_API_TOKEN=DEMO_TOKEN, DO_API_URL=url, COSTMON_POLL_INTERVAL="1h"
        ) as service:
            time.sleep(SETTLE_S)
            share = _idle_share(service, IDLE_S)
            rss_mb = _rss_mb(service.pid)
    finally:
        vendor.stop()
    with Vendors() as vendors, _service(**vendors.environment) as service:
        _first_200(f"http://127.0.0.1:{service.port}/readyz")
        time.sleep(SETTLE_S)
        all_share = _idle_share(service, ALL_IDLE_S, scrape_every_s=SCRAPE_EVERY_S)
        all_mb = _rss_mb(service.pid)
    start_ratio = statistics.median(ours / bare for ours, bare in starts)
    start_s = statistics.median(ours for ours, _ in starts)
    return [
        Row(
            name="start to first 200 in --demo / bare imports",
            measured=f"{start_ratio:.2f}x",
            goal="<= 3x",
            met=start_ratio <= 3,
            note=f"{start_s:.2f} s, median of {ROUNDS} pairs",
        ),
        Row(
            name="idle service, one account, share of a core",
            measured=f"{share:.2%}",
            goal="<= 1%",
            met=share <= 0.01,
            note=f"over {IDLE_S:.0f} s between polls",
        ),
        Row(
            name="idle service, RSS / bare imports",
            measured=f"{rss_mb / bare_mb:.2f}x",
            goal="<= 1.3x",
            met=rss_mb / bare_mb <= 1.3,
            note=f"{rss_mb:.0f} MB, goal 90 MB",
        ),
        Row(
            name=f"idle service, all {len(CREDENTIALS)} vendors, share of a core",
            measured=f"{all_share:.2%}",
            goal="<= 1%",
            met=all_share <= 0.01,
            note=f"over {ALL_IDLE_S:.0f} s with a scrape every {SCRAPE_EVERY_S:.0f} s",
        ),
        Row(
            name=f"idle service, all {len(CREDENTIALS)} vendors, RSS",
            measured=f"{all_mb:.0f} MB",
            goal="<= 110 MB",
            met=all_mb <= 110,
            note="after that",
        ),
    ]


if __name__ == "__main__":
    print_table(main())

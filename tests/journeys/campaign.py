"""Break everything around a real process, again and again, and count what was lost.

`python -m tests.journeys.campaign --minutes 10` prints the figures; it exits with 1 when
an acknowledged observation was lost or doubled, stale data was shown as fresh, an answer was
an undocumented 5xx, a secret was found, or threads, descriptors or memory grew.

The disk is filled only when a small file system can be mounted for it (as root).
"""

import argparse
import contextlib
import datetime as dt
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from http.client import HTTPException
from pathlib import Path

from costmon.clock import SystemClock
from costmon.demo.server import DemoServer
from costmon.domain.spend import SpendRow
from costmon.guard.link.wire import encode_report
from costmon.testing.spend import guard_report
from tests.journeys.campaign_figures import Figures, Usage, judge, must_be_stale
from tests.journeys.service import CURRENT, TOKEN, Service, run

_PATIENCE_S = 60.0
_CALM_S = 1.0
_DAY = 86_400
_CONNECTIONS = 300
_DRIPPING = 90
_WARM = 4
"""Calm moments of a process before its use of threads, descriptors and memory is compared."""
_PATHS = (
    CURRENT,
    "/healthz",
    "/readyz",
    "/metrics",
    "/",
    "/history",
    "/api/v1/summary",
    "/api/v1/costs/history",
    "/api/v1/charges",
    "/api/v1/providers",
    "/api/v1/circuits",
)


class Campaign:
    """One campaign in one directory.

    Args:
        directory: Where the process has its state.
        seed: The same seed gives the same order of faults.
        may_fill: Whether the directory's disk may be filled.
    """

    def __init__(self, directory: Path, *, seed: int, may_fill: bool) -> None:
        self.figures = Figures()
        self._rng = random.Random(seed)
        self._directory = directory
        self._offset = directory / "offset"
        self._offset.write_text("0", encoding="ascii")
        self._vendor = DemoServer(SystemClock(), token=TOKEN, hourly_limit=10**9)
        self._may_fill = may_fill
        self._service: Service
        self._first: Usage | None = None
        self._calm_moments = 0
        self._over = threading.Event()
        self._paused = threading.Event()
        self._documented: dict[str, set[int]] = {}

    def run(self, seconds: float, faults: Sequence[str] = ()) -> Figures:
        """Break things for so long, or what is named once, and return the figures."""
        self._vendor.start()
        began_s = time.monotonic()
        try:
            self._start()
            document = json.loads(self._service.get("/openapi.json").body)
            for path, methods in document["paths"].items():
                for it in methods.values():
                    known = {int(code) for code in it["responses"] if code.isdigit()}
                    self._documented.setdefault(path, set()).update(known)
            readers = [
                threading.Thread(target=self._sample),
                threading.Thread(target=self._flood),
            ]
            for thread in readers:
                thread.start()
            try:
                self._break(began_s + seconds, faults)
            finally:
                self._over.set()
                for thread in readers:
                    thread.join(_PATIENCE_S)
            self._until(self._is_calm)  # nothing waits any more
            self._stop()
            judge(self.figures, self._service, time.monotonic() - began_s)
        finally:
            self._over.set()
            self._vendor.stop()
        return self.figures

    # --- the process -------------------------------------------------------------------------

    def _start(self) -> None:
        self._service = run(
            self._directory,
            self._vendor,
            module="tests.journeys.stepped_clock",
            WALL_CLOCK_OFFSET=str(self._offset),
        )
        self._first, self._calm_moments = None, 0
        self._service.when("/healthz", 200)
        self._paused.clear()

    def _stop(self, number: int = signal.SIGTERM) -> None:
        self._paused.set()
        service = self._service
        if service.process.poll() is None:
            service.process.send_signal(number)
        service.process.wait(_PATIENCE_S)
        service.end()
        service.__exit__()
        self._take_stock(service)

    def _take_stock(self, service: Service) -> None:
        for event in ("persister.cycle_written", "persister.cycle_queued"):
            self.figures.acknowledged |= {it["cycle_id"] for it in service.heard(event)}
        self.figures.crashes += len(service.heard("actor.crashed"))
        if any(TOKEN in line for line in service.raw):
            self.figures.secrets.append("log")

    def _is_calm(self) -> bool:
        with contextlib.suppress(OSError, HTTPException):
            answer = self._service.get("/readyz").json()
            failed = {it["name"] for it in answer["checks"] if not it["ok"]}
            return failed <= {"clock_steady"}
        return False

    def _calm_down(self) -> None:
        self._until(self._is_calm)
        self._over.wait(_CALM_S)
        pid = self._service.process.pid
        status = dict(
            line.split(":", 1)
            for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        )
        usage = Usage(
            int(status["Threads"]),
            len(list(Path(f"/proc/{pid}/fd").iterdir())),
            int(status["VmRSS"].split()[0]),
        )
        self._calm_moments += 1
        if self._calm_moments < _WARM:
            return
        if self._first is None:
            self._first = usage
        else:
            pairs = zip(usage, self._first, strict=True)
            self.figures.growth.append(Usage(*(now - first for now, first in pairs)))

    def _until(self, claim: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not claim():
            if time.monotonic() > deadline:
                msg = f"{claim} never held:\n{''.join(self._service.raw)[-4000:]}"
                raise AssertionError(msg)
            time.sleep(0.05)

    # --- faults ------------------------------------------------------------------------------

    def _break(self, until_s: float, named: Sequence[str]) -> None:
        gentle = [self.lock, self.clock_ahead, self.clock_back, self.vendor_faults]
        gentle += [self.vendor_away, self.connections]
        if self._may_fill:
            gentle.append(self.full_disk)
        hard = [self.kill, self.terminate, self.damaged_journal, self.damaged_database]
        if named:
            for name in named:
                self._one(getattr(self, name))
            return
        while time.monotonic() < until_s:
            for fault in (*self._rng.sample(gentle, len(gentle)) * 2, self._rng.choice(hard)):
                if time.monotonic() < until_s:
                    self._one(fault)

    def _one(self, fault: Callable[[], None]) -> None:
        self.figures.faults[fault.__name__] += 1
        fault()
        self._calm_down()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with closing(sqlite3.connect(self._service.state / "costmon.db", timeout=30)) as database:
            database.isolation_level = None
            database.execute("BEGIN IMMEDIATE")
            yield
            database.execute("ROLLBACK")

    def _wait_queued(self, count: int = 1) -> None:
        before = len(self._service.heard("persister.cycle_queued"))
        self._until(lambda: len(self._service.heard("persister.cycle_queued")) >= before + count)

    def lock(self) -> None:
        """Keep the database locked until observations wait in the journal."""
        with self._locked():
            self._wait_queued(3)

    def clock_ahead(self) -> None:
        """Set the clock three days ahead for three seconds."""
        self._step(3 * _DAY)

    def clock_back(self) -> None:
        """Set the clock two hours back for three seconds."""
        self._step(-7200)

    def _step(self, seconds: float) -> None:
        self._offset.write_text(str(seconds), encoding="ascii")
        time.sleep(3)
        self._offset.write_text("0", encoding="ascii")
        self._over.wait(1)

    def vendor_faults(self) -> None:
        """Let the vendor answer nonsense in several ways."""
        faults = self._vendor.faults
        faults.html_next(3)
        faults.truncate_next(3)
        for status in (500, 503, 403, 404):
            faults.fail_next(2, status=status)
        self._over.wait(3)

    def vendor_away(self) -> None:
        """Let the vendor hang up, then answer slowly."""
        self._vendor.faults.die()
        self._over.wait(3)
        self._vendor.faults.revive()
        self._vendor.faults.slow(1.0)
        self._over.wait(2)
        self._vendor.faults.slow(0.0)

    def connections(self) -> None:
        """Open many idle connections, and some that drip."""
        address = ("127.0.0.1", self._service.port)
        many: list[socket.socket] = []
        with contextlib.suppress(OSError):
            many.extend(socket.create_connection(address, 5) for _ in range(_CONNECTIONS))
        for connection in many[:_DRIPPING]:
            with contextlib.suppress(OSError):
                connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        for _ in range(10):
            for connection in many[:_DRIPPING]:
                with contextlib.suppress(OSError):
                    connection.sendall(b"a")
            self._over.wait(0.3)
        for connection in many:
            connection.close()

    def full_disk(self) -> None:
        """Fill the disk until observations wait, then free it."""
        filler = self._directory / "filler"
        with contextlib.suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(bytes(64 * 1024))
                file.flush()
        self._wait_queued(2)
        filler.unlink()

    def kill(self) -> None:
        """Kill the process while observations wait in its journal."""
        with self._locked():
            self._wait_queued(2)
            self._stop(signal.SIGKILL)
        self._start()

    def terminate(self) -> None:
        """Stop the process as systemd does, in the middle of its work."""
        self._stop()
        self._start()

    def damaged_journal(self) -> None:
        """Flip one byte of a waiting observation while the process is down."""
        with self._locked():
            self._wait_queued(4)
            self._stop(signal.SIGKILL)
        journal = self._service.state / "observations.journal"
        content = bytearray(journal.read_bytes())
        last = list(self._service.heard("persister.cycle_queued"))[-2]["cycle_id"]
        place = content.find(last.encode())
        content[place + len(last) + 40] ^= 0x55
        journal.write_bytes(content)
        self._start()

    def damaged_database(self) -> None:
        """Start on noise in place of the database, then put the database back."""
        self._stop()
        database = self._service.state / "costmon.db"
        kept = database.with_name("kept.db")
        for suffix in ("-wal", "-shm"):
            assert not database.with_name(database.name + suffix).exists()
        database.rename(kept)
        database.write_bytes(self._rng.randbytes(50_000))
        self._start()
        self._wait_queued(2)
        self._stop()
        kept.rename(database)
        self._start()

    # --- readers -----------------------------------------------------------------------------

    def _sample(self) -> None:
        while not self._over.wait(0.02):
            service = self._service
            if self._paused.is_set():
                continue
            seen = len(service.lines)
            path = self._rng_path()
            began_s = time.monotonic()
            try:
                answer = service.get(path)
            except (OSError, HTTPException):  # it was stopped meanwhile
                self.figures.refused += 1
                continue
            self._note(path, answer.status, answer.body)
            if path == "/healthz" and not self._paused.is_set():
                taken_s = time.monotonic() - began_s
                self.figures.health_max_s = max(self.figures.health_max_s, taken_s)
            if path == CURRENT and answer.status == 200:
                self._over.wait(0.1)
                if not answer.json()["meta"]["stale"] and must_be_stale(service, seen):
                    self.figures.stale_as_fresh += 1

    def _rng_path(self) -> str:
        return random.choice((*_PATHS, CURRENT, CURRENT, "/healthz"))

    def _note(self, path: str, status: int, body: bytes) -> None:
        self.figures.requests += 1
        self.figures.statuses[status] += 1
        if status >= 500 and status not in self._documented.get(path, set()):
            self.figures.undocumented[f"{path} {status}"] += 1
        if TOKEN.encode() in body:
            self.figures.secrets.append(path)

    def _flood(self) -> None:
        number = 0
        while not self._over.wait(0.02):
            if self._paused.is_set():
                continue
            number += 1
            now = dt.datetime.now(dt.UTC)
            rows = [
                SpendRow(
                    now.replace(minute=0, second=0, microsecond=0),
                    f"tag:run={number % 50}-{row}",
                    "http_request",
                    Decimal("0.01"),
                    1,
                    *(0,) * 4,
                    number,
                )
                for row in range(20)
            ]
            report = guard_report(number, rows, guard=f"guard-{number % 20}", sent_at=now)
            path = "/api/v1/guard/reports"
            request = urllib.request.Request(
                f"http://127.0.0.1:{self._service.port}{path}",
                encode_report(report),
                {"Content-Type": "application/json"},
            )
            try:
                with urllib.request.urlopen(request, timeout=10) as response:
                    self._note(path, response.status, response.read())
            except urllib.error.HTTPError as error:
                with error:
                    self._note(path, error.code, error.read())
            except (OSError, HTTPException):
                self.figures.refused += 1


@contextmanager
def small_disk(megabytes: int) -> Iterator[tuple[Path, bool]]:
    """Give a directory on a file system of that size, or a common one where that is not allowed."""
    folder = Path(tempfile.mkdtemp(prefix="campaign-"))
    mount = shutil.which("mount")
    mounted = (
        mount is not None
        and os.geteuid() == 0
        and (
            subprocess.run(
                [mount, "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)], check=False
            ).returncode
            == 0
        )
    )
    try:
        yield folder, mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Run a campaign, print its figures and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with small_disk(160) as (directory, may_fill):
        campaign = Campaign(directory, seed=arguments.seed, may_fill=may_fill)
        figures = campaign.run(arguments.minutes * 60)
    print(figures.text())
    violations = figures.violations()
    print("\n".join(violations) or "nothing that must not be")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())

"""What a campaign of faults counts, and how it is judged."""

import base64
import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.journeys.service import TOKEN, Service, cycles


class Usage(NamedTuple):
    """What a process used at a calm moment."""

    threads: int
    descriptors: int
    resident_kb: int


@dataclass(slots=True, kw_only=True)
class Figures:
    """What the campaign found."""

    faults: Counter[str] = field(default_factory=Counter)
    acknowledged: set[str] = field(default_factory=set)
    lost: int = 0
    set_aside: int = 0
    doubled: int = 0
    requests: int = 0
    refused: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    undocumented: Counter[str] = field(default_factory=Counter)
    stale_as_fresh: int = 0
    secrets: list[str] = field(default_factory=list)
    observed_s: float = 0.0
    elapsed_s: float = 0.0
    crashes: int = 0
    growth: list[Usage] = field(default_factory=list)
    health_max_s: float = 0.0

    def violations(self) -> list[str]:
        """Return in words what must not be."""
        counts = {
            "acknowledged observations lost": self.lost,
            "observations doubled": self.doubled,
            "stale shown as fresh": self.stale_as_fresh,
            "undocumented 5xx": sum(self.undocumented.values()),
            "secrets found": len(self.secrets),
            "actors crashed": self.crashes,
            "seconds observed that never passed": int(max(0, self.observed_s - self.elapsed_s)),
            "threads grown": max(0, *(it.threads - 3 for it in self.growth), 0),
            "descriptors grown": max(0, *(it.descriptors - 10 for it in self.growth), 0),
            "memory grown (kB)": max(0, *(it.resident_kb - 20_000 for it in self.growth), 0),
        }
        return [f"{name}: {count}" for name, count in counts.items() if count]

    def text(self) -> str:
        """Return all figures."""
        compared = self.growth or [Usage(0, 0, 0)]
        worst = Usage(*(max(kind) for kind in zip(*compared, strict=True)))
        return "\n".join(
            (
                f"faults: {sum(self.faults.values())} {dict(self.faults)}",
                (
                    f"acknowledged observations: {len(self.acknowledged)}, lost {self.lost},"
                    f" doubled {self.doubled}, set aside with damaged records {self.set_aside}"
                ),
                (
                    f"requests: {self.requests}, connections refused or cut {self.refused},"
                    f" statuses {dict(self.statuses)}, undocumented 5xx {dict(self.undocumented)}"
                ),
                f"stale shown as fresh: {self.stale_as_fresh}",
                f"secrets found: {self.secrets}",
                f"observed: {self.observed_s:.1f} s of the {self.elapsed_s:.1f} s that passed",
                f"actors crashed: {self.crashes}",
                (
                    f"largest growth within one process: {worst.threads} threads,"
                    f" {worst.descriptors} descriptors, {worst.resident_kb} kB"
                ),
                f"memory beyond the first calm moments, kB: {[it.resident_kb for it in compared]}",
                f"slowest /healthz: {self.health_max_s:.2f} s",
            )
        )


def judge(figures: Figures, service: Service, elapsed_s: float) -> None:
    """Compare what was acknowledged with what a stopped service has left behind."""
    state = service.state
    rows = cycles(service)
    figures.doubled = len(rows) - len(set(rows))
    aside = state / "observations.journal.set-aside"
    lines = aside.read_bytes().splitlines() if aside.exists() else []
    figures.set_aside = sum(json.loads(line)["records"] for line in lines)
    missing = figures.acknowledged - set(rows)
    figures.lost = max(0, len(missing) - figures.set_aside)
    with closing(sqlite3.connect(state / "costmon.db")) as database:
        (observed_us,) = database.execute(
            "SELECT max(total) FROM (SELECT sum(observed_us) AS total FROM daily_coverage"
            " GROUP BY account)"
        ).fetchone()
    figures.observed_s, figures.elapsed_s = (observed_us or 0) / 1e6, elapsed_s
    for file in state.rglob("*"):
        if file.is_file() and TOKEN.encode() in file.read_bytes():
            figures.secrets.append(str(file))
    for line in lines:
        if TOKEN.encode() in base64.b64decode(json.loads(line)["base64"]):
            figures.secrets.append(str(aside))


def must_be_stale(service: Service, seen: int) -> bool:
    """Tell whether the newest publication before a request was of a failed poll, and still is."""
    lines = service.lines[:]
    published = [
        (number, line["cycle_id"])
        for number, line in enumerate(lines)
        if line.get("event") == "calculator.costs_published" and line["reading"] == "inventory"
    ]
    if not published:
        return True
    number, cycle_id = published[-1]
    failed = {line["cycle_id"] for line in lines if line.get("event") == "poller.poll_failed"}
    return number < seen and cycle_id in failed

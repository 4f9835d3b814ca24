"""What a request costs with a meter on it, over what it costs without, beside what others add.

Run: `python -m benchmarks.meter_overhead`. Each contender is a process of its own; they take turns,
so that a busy machine slows all alike. Figures are CPU of the process, medians over all rounds of
the difference to the bare application in the same round.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from benchmarks import meter_contenders as contenders
from benchmarks.report import Row, is_installed, not_installed, print_table

ROUNDS = 25
REQUESTS = 600
WARM_UP = 200
LIMIT = 1.5
"""Times cloudmeter's overhead that ours may take on Flask, measuring CPU; 1.0 is what we want."""

_OURS = (contenders.OURS, contenders.SAMPLED)
_FRAMEWORKS = {
    "flask": ("Flask", contenders.PROMETHEUS_FLASK),
    "async": ("FastAPI async", contenders.PROMETHEUS_FASTAPI),
    "def": ("FastAPI def", contenders.PROMETHEUS_FASTAPI),
}


class _Worker:
    def __init__(self, framework: str, contender: str, folder: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.meter_worker", framework, contender],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Where ours hands over what it has measured, each second as it does everywhere.
            env={**os.environ, "XDG_RUNTIME_DIR": folder},
        )
        self.taken_ns: list[float] = []

    def ask(self, count: int) -> float:
        """Return the CPU ns a request took."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            message = f"a contender failed with {self._process.wait()}: {self._process.args!r}"
            raise RuntimeError(message)
        return float(line)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def _peers(framework: str) -> tuple[str, ...]:
    return (contenders.CLOUDMETER, _FRAMEWORKS[framework][1], contenders.OTEL)


def measured(framework: str, *, rounds: int, requests: int) -> dict[str, list[float]]:
    """Return, by contender, the ns of CPU it took over the bare application, round by round.

    The bare application's own entry is what a request takes there.
    """
    names = [contenders.NONE, *_OURS]
    names += [name for name in _peers(framework) if is_installed(contenders.MODULES[name])]
    with tempfile.TemporaryDirectory() as folder:
        workers = {name: _Worker(framework, name, folder) for name in names}
        taken = _in_turns(workers, rounds, requests)
    base = taken[contenders.NONE]
    over = {
        name: [one - bare for one, bare in zip(each, base, strict=True)]
        for name, each in taken.items()
    }
    return {**over, contenders.NONE: base}


def _in_turns(workers: dict[str, _Worker], rounds: int, requests: int) -> dict[str, list[float]]:
    for worker in workers.values():
        worker.ask(WARM_UP)
    for number in range(rounds):
        order = list(workers.values())
        for worker in order if number % 2 == 0 else reversed(order):
            worker.taken_ns.append(worker.ask(requests))
    for worker in workers.values():
        worker.close()
    return {name: worker.taken_ns for name, worker in workers.items()}


def rows_of(framework: str, taken: dict[str, list[float]]) -> list[Row]:
    """Return the table's rows of one framework."""
    title = _FRAMEWORKS[framework][0]
    medians = {name: statistics.median(each) for name, each in taken.items()}
    ours = medians[contenders.OURS]
    rows = [
        Row(
            name=f"{title}, a request with {name} on it",
            measured=f"{medians[name] / 1e3:,.1f} us" if name == contenders.NONE else _over(each),
            goal="-",
            met=True,
            note=_note(each),
        )
        for name, each in taken.items()
    ]
    for peer in _peers(framework):
        if peer not in medians:
            name = f"{title}, a request with {peer} on it"
            rows.append(not_installed(name, [contenders.MODULES[peer]]))
            continue
        limit = 1.0
        if peer == contenders.CLOUDMETER:
            limit = LIMIT if framework == "flask" else float("inf")
        times = ours / medians[peer]
        rows.append(
            Row(
                name=f"{title}, costmon.meter / {peer}",
                measured=f"{times:.2f}x",
                goal="-" if limit == float("inf") else f"<= {limit:.1f}x",
                met=times <= limit,
                note="both over the bare application",
            )
        )
    return rows


def _over(each: Sequence[float]) -> str:
    return f"+{statistics.median(each) / 1e3:,.1f} us"


def _note(each: Sequence[float]) -> str:
    low, _, high = statistics.quantiles(each, n=4)
    return (
        f"half of {len(each)} rounds of {REQUESTS} requests within"
        f" {low / 1e3:,.1f} to {high / 1e3:,.1f} us of CPU"
    )


def main() -> list[Row]:
    """Measure all frameworks and return the rows."""
    rows = []
    for framework in _FRAMEWORKS:
        rows += rows_of(framework, measured(framework, rounds=ROUNDS, requests=REQUESTS))
    return rows


if __name__ == "__main__":
    print_table(main())

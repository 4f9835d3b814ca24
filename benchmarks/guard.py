"""What the guard costs in front of a call, beside what others put there, and what they let through.

Run: `python -m benchmarks.guard`. Everything is timed in turns within one run; a ratio is the
median of the ratios within each round. Stores, clients and the import have their own modules.
"""

import importlib
import statistics
import threading
import time
from collections.abc import Callable

from benchmarks import guard_clients, guard_llm, guard_stores, library_import
from benchmarks import guard_loop as event_loop
from benchmarks.guard_rivals import CENT, GUARD, OTHERS, PYBREAKER, Allowed, Contender, guard_loop
from benchmarks.report import Row, is_installed, not_installed, part, print_table
from benchmarks.turns import Loop, in_turns, ratio
from costmon.guard import Budget, BudgetRefused, Guard

ROUNDS = 15
CALLS = 20_000
THREADS = 8
CALLERS = 64
CALL_S = 0.005
CAP_CENTS = 10
THREE = ("global", "host:api.example.com", "key:batch")
_AGAIN = "pybreaker call, again"


class _PlainRefusal(Exception):  # noqa: N818 - what a refusal is compared with
    """An exception with as many fields, as anybody would write it."""

    def __init__(
        self,
        *,
        scope: str,
        period: str,
        limit: int,
        spent: int,
        held: int,
        estimate: int,
        currency: str,
        resets_at: float | None,
        retry_after_s: float | None,
    ) -> None:
        super().__init__(scope)
        self.scope = scope
        self.period = period
        self.limit = limit
        self.spent = spent
        self.held = held
        self.estimate = estimate
        self.currency = currency
        self.resets_at = resets_at
        self.retry_after_s = retry_after_s


def _decision_rows(found: list[Contender]) -> list[Row]:
    loops = {one.name: one.open() for one in (PYBREAKER, GUARD, *found)}
    loops[_AGAIN] = PYBREAKER.open()
    named = {"3 scopes": guard_loop(THREE), "3 scopes, in a list": guard_loop(list(THREE))}
    rows = []
    for threads, goal in ((1, 2.0), (THREADS, 5.0)):
        taken = in_turns({**loops, **named}, rounds=ROUNDS, count=CALLS, threads=threads)
        where = "1 thread" if threads == 1 else f"{threads} threads"
        base = taken[PYBREAKER.name]
        noise = [one / other for one, other in zip(taken[_AGAIN], base, strict=True)]
        rows.append(
            Row(
                name=f"noise: pybreaker / itself, {where}",
                measured=f"{statistics.median(noise):.2f}x",
                goal="-",
                met=True,
                note=f"{min(noise):.2f}-{max(noise):.2f} over {ROUNDS} rounds of {CALLS:,} calls",
            )
        )
        for name in (GUARD.name, *named, *(one.name for one in found)):
            times = ratio(taken[name], base)
            ours = name == GUARD.name
            rows.append(
                Row(
                    name=f"{name} / pybreaker, {where}",
                    measured=f"{times:.2f}x",
                    goal=f"<= {goal:.0f}x" if ours else "-",
                    met=times <= goal or not ours,
                    note=f"{statistics.median(taken[name]) * 1e9:,.0f} ns a call; pybreaker"
                    f" {statistics.median(base) * 1e9:,.0f} ns",
                )
            )
    return rows


def _refused(count: int, guard: Guard) -> None:
    for _ in range(count):
        try:  # noqa: SIM105 - suppress() would cost both sides half of what is measured
            guard.reserve("global", CENT)
        except BudgetRefused:
            pass


def _raised(count: int) -> None:
    for _ in range(count):
        try:
            raise _PlainRefusal(  # noqa: TRY301 - what is measured
                scope="global",
                period="month",
                limit=0,
                spent=0,
                held=0,
                estimate=10_000_000,
                currency="USD",
                resets_at=None,
                retry_after_s=None,
            )
        except _PlainRefusal:
            pass


def _refusal_rows() -> list[Row]:
    guard = Guard(budgets=[Budget("global", "0", "month")])
    guard.subscribe(lambda _: None)
    loops: dict[str, Loop] = {"refusal": lambda count: _refused(count, guard), "raise": _raised}
    taken = in_turns(loops, rounds=ROUNDS, count=CALLS)
    times = ratio(taken["refusal"], taken["raise"])
    return [
        Row(
            name="a refusal / raising an exception of 9 fields",
            measured=f"{times:.2f}x",
            goal="<= 1.5x",
            met=times <= 1.5,
            note=f"{statistics.median(taken['refusal']) * 1e9:,.0f} ns /"
            f" {statistics.median(taken['raise']) * 1e9:,.0f} ns",
        )
    ]


def overspend(ask: Allowed) -> int:
    """Return how many calls of 5 ms pass when 64 threads make them until they are refused."""
    ready = threading.Barrier(CALLERS)
    passed = [0] * CALLERS

    def caller(number: int) -> None:
        ready.wait()
        while (then := ask()) is not None:
            time.sleep(CALL_S)
            passed[number] += 1
            then()

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(passed)


def _naive() -> Allowed:
    spent = 0
    lock = threading.Lock()

    def record() -> None:
        nonlocal spent
        with lock:
            spent += 1

    def ask() -> Callable[[], None] | None:
        with lock:
            return record if spent < CAP_CENTS else None

    return ask


def _overspend_rows(found: list[Contender]) -> list[Row]:
    rows = []
    for name, capped in [
        (GUARD.name, GUARD.capped),
        ("check, call, record", _naive),
        *((one.name, one.capped) for one in found),
    ]:
        if capped is None:
            continue
        spent = [overspend(capped()) for _ in range(5)]
        worst = max(spent)
        ours = name == GUARD.name
        rows.append(
            Row(
                name=f"spent of $0.10 by {CALLERS} threads: {name}",
                measured=f"${worst / 100:.2f}",
                goal="<= $0.10" if ours else "-",
                met=worst <= CAP_CENTS or not ours,
                note=f"{worst / CAP_CENTS:.1f}x the cap, worst of {len(spent)} runs;"
                f" calls of {CALL_S * 1e3:.0f} ms at $0.01",
            )
        )
    return rows


def _quiet() -> None:
    logging = importlib.import_module("logging")
    logging.disable(logging.CRITICAL)


def main() -> list[Row]:
    """Measure everything; takes about two and a half minutes."""
    _quiet()
    found = [one for one in OTHERS if is_installed(one.module)]
    rows = [not_installed(one.name, [one.module]) for one in OTHERS if one not in found]
    compared = "costmon.guard / pybreaker"
    return [
        *rows,
        *part(compared, lambda: _decision_rows(found), modules=(PYBREAKER.module,)),
        *part("a refusal", _refusal_rows),
        *part("overspend", lambda: _overspend_rows(found)),
        *part("the guard's stores", guard_stores.main),
        *part("an event loop", event_loop.main),
        *part("guarded clients", guard_clients.main),
        *part("calls to language models", guard_llm.main),
        *library_import.rows("costmon.guard", "decimal, datetime, threading, typing"),
    ]


if __name__ == "__main__":
    print_table(main())

"""What a plan is counted in, as rows of the SQLite store: looked up once for each plan."""

import json
import sqlite3
from collections.abc import Iterable

from costmon.guard.stores.base import NOTHING, Line, Outcome, Plan
from costmon.guard.stores.plan_text import plan_text
from costmon.guard.stores.seeding import seed_bucket

_LOW = 0xFFFFFFFF
_KEPT_S = (300, 86_400)
"""How long a counter stays after its window at least and at most, for late truths and for a wall
clock that is set back."""


class Bound:
    """The rows of one plan, and the statements on them.

    Attributes:
        identity: Of the file that the rows are in.
        plan_id: The plan's own row.
        query: Reads the revision and what the lines with a limit or a warning stand at.
        values: Its parameters.
    """

    __slots__ = (
        "_charge",
        "_correct",
        "_fixed",
        "_money",
        "_seen",
        "_usage",
        "identity",
        "plan_id",
        "query",
        "values",
    )

    def __init__(
        self,
        identity: str,
        plan_id: int,
        lines: Iterable[tuple[Line, int]],
        usage: tuple[int, ...],
    ) -> None:
        self.identity = identity
        self.plan_id = plan_id
        found = tuple(lines)
        self._money = tuple(number for line, number in found if line.fixed is None)
        self._fixed = tuple((number, line.fixed) for line, number in found if line.fixed)
        self._usage = usage
        here = _marks(self._money)
        self._charge = (
            f"UPDATE guard_cell SET held = held + ?, spent = spent + ? WHERE id IN ({here})"  # noqa: S608 - question marks
        )
        self._correct = (
            f"UPDATE guard_cell SET spent = spent + ? WHERE id IN ({here}) AND reset <= ?"  # noqa: S608 - question marks
        )
        self._seen = tuple(
            line for line, _ in found if line.limit is not None or line.warn is not None
        )
        columns, values = [], []
        for line, number in found:
            if line.limit is None and line.warn is None:
                continue
            if line.first == line.last:
                where, given = "id = ?", (number,)
                columns += [
                    f"(SELECT {name} FROM guard_cell WHERE {where})" for name in ("spent", "held")
                ]
                values += [*given, *given]
            else:
                where = "scope = ? AND period = ? AND bucket BETWEEN ? AND ?"
                window = (line.scope, line.period, line.first, line.last)
                columns += [f"(SELECT {name} FROM guard_cell WHERE {where})" for name in _SUMS]
                values += window * len(_SUMS)
        self.query = f"SELECT {', '.join(['revision', *columns])} FROM guard_state"  # noqa: S608 - made above
        self.values = tuple(values)

    def read(self, row: tuple[int | None, ...]) -> list[tuple[Line, int, int]]:
        """Return the lines with a limit or a warning, with what they have spent and hold."""
        found, place = [], 1
        for line in self._seen:
            if line.first == line.last:
                found.append((line, row[place] or 0, row[place + 1] or 0))
                place += 2
            else:
                spent, held = _whole(row[place : place + 4])
                found.append((line, spent, held))
                place += 4
        return found

    def add(  # noqa: PLR0913 - two figures for money, two for counts
        self,
        db: sqlite3.Connection,
        missing: type[Exception] | None,
        held: int,
        spent: int,
        *,
        fixed_held: int = 0,
        fixed_spent: int = 0,
    ) -> None:
        """Change every counter; `fixed_...` say how often a fixed figure is counted.

        Raises:
            Exception: `missing`, when a counter is not there any more.
        """
        changed = 0
        if self._money:
            changed = db.execute(self._charge, (held, spent, *self._money)).rowcount
        for number, count in self._fixed:
            changed += db.execute(
                "UPDATE guard_cell SET held = held + ?, spent = spent + ? WHERE id = ?",
                (fixed_held * count, fixed_spent * count, number),
            ).rowcount
        if missing is not None and changed != len(self._money) + len(self._fixed):
            raise missing

    def correct(self, db: sqlite3.Connection, spent: int, given_back: int, resets: int) -> None:
        """Change what was charged for an expired lease, but not where that was reset since."""
        db.execute(self._correct, (spent, *self._money, resets))
        for number, count in self._fixed:
            db.execute(
                "UPDATE guard_cell SET spent = spent + ? WHERE id = ? AND reset <= ?",
                (given_back * count, number, resets),
            )

    def count(  # noqa: PLR0913 - one for each column
        self, db: sqlite3.Connection, spent: int, requests: int, expired: int, outcome: Outcome
    ) -> None:
        """Change the usage rows."""
        here = _marks(self._usage)
        if outcome is NOTHING:
            db.execute(
                "UPDATE guard_usage SET changes = changes + 1, spent = spent + ?,"
                f" requests = requests + ?, expired = expired + ? WHERE id IN ({here})",  # noqa: S608 - question marks
                (spent, requests, expired, *self._usage),
            )
            return
        db.execute(
            "UPDATE guard_usage SET changes = changes + 1, spent = spent + ?,"
            " requests = requests + ?, expired = expired + ?, failed = failed + ?,"
            f" bytes_in = bytes_in + ?, bytes_out = bytes_out + ? WHERE id IN ({here})",  # noqa: S608 - question marks
            (
                spent,
                requests,
                expired,
                int(outcome.failed),
                outcome.bytes_in,
                outcome.bytes_out,
                *self._usage,
            ),
        )


_SUMS = (
    # SUM of amounts near 2**63 would fail; SUM of halves does not.
    "sum(spent >> 32)",
    f"sum(spent & {_LOW})",
    "sum(held >> 32)",
    f"sum(held & {_LOW})",
)


def bind(db: sqlite3.Connection, plan: Plan, identity: str, now: int) -> Bound:
    """Return the rows of a plan, made where they are missing."""
    found = [(line, ensure_cell(db, line, now)) for line in plan.lines]
    usage = tuple(_usage_row(db, plan, scope) for scope in plan.scopes)
    made = db.execute(
        "INSERT INTO guard_plan (made_s, plan, cells) VALUES (?, ?, ?)",
        (
            now,
            plan_text(plan),
            json.dumps({"cells": [[n, line.fixed] for line, n in found], "usage": usage}),
        ),
    )
    return Bound(identity, made.lastrowid or 0, found, usage)


def bound_of(db: sqlite3.Connection, plan_id: int, identity: str) -> Bound:
    """Return the rows that a lease of that plan is counted in: enough to end it."""
    (text,) = db.execute("SELECT cells FROM guard_plan WHERE id = ?", (plan_id,)).fetchone()
    read = json.loads(text)
    lines = [(_NO_LINE._replace(fixed=fixed), number) for number, fixed in read["cells"]]
    return Bound(identity, plan_id, lines, tuple(read["usage"]))


def ensure_cell(db: sqlite3.Connection, line: Line, now: int, *, seed_only: bool = False) -> int:
    """Return the row that the line counts in now; on first use it knows what was spent before.

    Args:
        db: In a transaction.
        line: The counter.
        now: Seconds since 1970.
        seed_only: Make no row where there is nothing to know; the answer is then 0.
    """
    named = (line.scope, line.period)
    if line.fixed is None:
        used = db.execute(
            "SELECT 1 FROM guard_cell WHERE scope = ? AND period = ? AND bucket BETWEEN ? AND ?"
            " LIMIT 1",
            (*named, line.first, line.last),
        ).fetchone()
        if used is None:
            _seed(db, line)
    row = db.execute(
        "SELECT id FROM guard_cell WHERE scope = ? AND period = ? AND bucket = ?",
        (*named, line.bucket),
    ).fetchone()
    if row is not None:
        return int(row[0])
    if seed_only:
        return 0
    _add_cell(db, line, line.bucket, 0)
    return ensure_cell(db, line, now)


def window_sums(db: sqlite3.Connection, line: Line) -> tuple[int, int]:
    """Return what the line's window has spent and holds."""
    row = db.execute(
        f"SELECT {', '.join(_SUMS)} FROM guard_cell"  # noqa: S608 - our columns
        " WHERE scope = ? AND period = ? AND bucket BETWEEN ? AND ?",
        (line.scope, line.period, line.first, line.last),
    ).fetchone()
    return _whole(row)


def _seed(db: sqlite3.Connection, line: Line) -> None:
    known: dict[int, int] = {}
    for hour, spent in db.execute(
        "SELECT hour, spent FROM guard_usage WHERE scope = ? AND spent <> 0", (line.scope,)
    ):
        bucket = seed_bucket(line, hour)
        if bucket is not None:
            known[bucket] = known.get(bucket, 0) + spent
    for bucket, spent in known.items():
        _add_cell(db, line, bucket, spent)


def _add_cell(db: sqlite3.Connection, line: Line, bucket: int, spent: int) -> None:
    over_s = None
    if line.resets_at is not None:
        shortest, longest = _KEPT_S
        length = int(line.resets_at) - line.bucket
        over_s = bucket + length + min(longest, max(shortest, length)) + 1
    db.execute(
        "INSERT INTO guard_cell (scope, period, bucket, spent, held, reset, over_s)"
        " VALUES (?, ?, ?, ?, 0, 0, ?)",
        (line.scope, line.period, bucket, spent, over_s),
    )


def _usage_row(db: sqlite3.Connection, plan: Plan, scope: str) -> int:
    named = (plan.hour, scope, plan.activity)
    db.execute("INSERT OR IGNORE INTO guard_usage (hour, scope, activity) VALUES (?, ?, ?)", named)
    (number,) = db.execute(
        "SELECT id FROM guard_usage WHERE hour = ? AND scope = ? AND activity = ?", named
    ).fetchone()
    return int(number)


def _whole(halves: Iterable[int | None]) -> tuple[int, int]:
    spent_high, spent_low, held_high, held_low = (half or 0 for half in halves)
    return (spent_high << 32) + spent_low, (held_high << 32) + held_low


def _marks(values: tuple[object, ...]) -> str:
    return ",".join("?" * len(values))


_NO_LINE = Line("", "", 0, 0, 0, None, None, None, None)

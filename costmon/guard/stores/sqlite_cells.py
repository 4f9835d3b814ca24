"""The counters and usage rows of a plan in the SQLite store, looked up once for each plan."""

import json
import sqlite3
from collections.abc import Iterable

from costmon.guard.stores.base import NOTHING, Line, Outcome, Plan
from costmon.guard.stores.plan_text import plan_text
from costmon.guard.stores.sql_counters import SUMS, WINDOW, Rows, SQLCounters, whole


class Bound:
    """The rows of one plan, and the statements on them.

    Attributes:
        identity: Of the file that has the rows.
        plan_id: The row of the plan.
    """

    __slots__ = (
        "_charge",
        "_correct",
        "_fixed",
        "_forgive",
        "_money",
        "_query",
        "_seen",
        "_usage",
        "_values",
        "identity",
        "plan_id",
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
            f"UPDATE guard_cell SET held = held + ?, spent = spent + ? WHERE id IN ({here})"
        )
        self._correct = (
            f"UPDATE guard_cell SET spent = spent + ? WHERE id IN ({here}) AND reset <= ?"
        )
        self._forgive = (
            "UPDATE guard_forgiven SET spent = spent + ? WHERE reset > ? AND (scope, hour) IN"
            f" (SELECT scope, hour FROM guard_usage WHERE id IN ({_marks(usage)}))"
        )
        self._seen = tuple(
            line for line, _ in found if line.limit is not None or line.warn is not None
        )
        columns: list[str] = []
        values: list[str | int] = []
        for line, number in found:
            if line.limit is None and line.warn is None:
                continue
            if line.first == line.last:
                columns += (f"(SELECT {name} FROM guard_cell WHERE id = ?)" for name in _FIGURES)
                values += (number, number)
            else:
                window = (line.scope, line.period, line.first, line.last)
                columns += (f"(SELECT {name} FROM guard_cell WHERE {WINDOW})" for name in SUMS)
                values += window * len(SUMS)
        self._query = f"SELECT {', '.join(['revision', *columns])} FROM guard_state"
        self._values = tuple(values)

    def look(self, db: sqlite3.Connection) -> tuple[int, list[tuple[Line, int, int]]]:
        """Return the revision, and what the lines with a limit or a warning have spent and hold."""
        row = db.execute(self._query, self._values).fetchone()
        found, place = [], 1
        for line in self._seen:
            if line.first == line.last:
                found.append((line, row[place] or 0, row[place + 1] or 0))
                place += 2
            else:
                found.append((line, *whole(row[place : place + 4])))
                place += 4
        return row[0], found

    def add(
        self,
        db: sqlite3.Connection,
        held: int,
        spent: int,
        *,
        calls_held: int = 0,
        calls_spent: int = 0,
    ) -> bool:
        """Change every counter; return whether all of them still exist.

        Args:
            db: In a transaction.
            held: For counters of money.
            spent: For counters of money.
            calls_held: How often the fixed number is held.
            calls_spent: How often it is spent.
        """
        changed = 0
        if self._money:
            changed = db.execute(self._charge, (held, spent, *self._money)).rowcount
        for number, count in self._fixed:
            changed += db.execute(
                "UPDATE guard_cell SET held = held + ?, spent = spent + ? WHERE id = ?",
                (calls_held * count, calls_spent * count, number),
            ).rowcount
        return changed == len(self._money) + len(self._fixed)

    def correct(self, db: sqlite3.Connection, spent: int, given_back: int, resets: int) -> None:
        """Correct the charge of an expired lease, but not in counters that were reset since."""
        if self._money:
            db.execute(self._correct, (spent, *self._money, resets))
        db.execute(self._forgive, (spent, resets, *self._usage))
        for number, count in self._fixed:
            db.execute(
                "UPDATE guard_cell SET spent = spent + ? WHERE id = ? AND reset <= ?",
                (given_back * count, number, resets),
            )

    def count(
        self, db: sqlite3.Connection, spent: int, requests: int, expired: int, outcome: Outcome
    ) -> None:
        """Change the usage rows."""
        here = _marks(self._usage)
        if outcome is NOTHING:
            db.execute(
                "UPDATE guard_usage SET changes = changes + 1, spent = spent + ?,"
                f" requests = requests + ?, expired = expired + ? WHERE id IN ({here})",
                (spent, requests, expired, *self._usage),
            )
            return
        db.execute(
            "UPDATE guard_usage SET changes = changes + 1, spent = spent + ?,"
            " requests = requests + ?, expired = expired + ?, failed = failed + ?,"
            f" bytes_in = bytes_in + ?, bytes_out = bytes_out + ? WHERE id IN ({here})",
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


_FIGURES = ("spent", "held")


def bind(db: sqlite3.Connection, plan: Plan, identity: str, now: int) -> Bound:
    """Return the rows of a plan, and create missing ones."""
    counters = counters_in(db)
    found = [(line, counters.cell(line)) for line in plan.lines]
    usage = tuple(_usage_row(db, plan, scope) for scope in plan.scopes)
    made = db.execute(
        "INSERT INTO guard_plan (made_s, plan, cells) VALUES (?, ?, ?)",
        (
            now,
            plan_text(plan),
            json.dumps({"cells": [[n, line.fixed] for line, n in found], "usage": usage}),
        ),
    )
    plan_id = made.lastrowid or 0
    counters.know(plan, plan_id)
    return Bound(identity, plan_id, found, usage)


def counters_in(db: sqlite3.Connection) -> SQLCounters:
    """Return the counters of the file, for the open transaction."""

    def rows(statement: str, values: tuple[object, ...]) -> Rows:
        return db.execute(statement, values).fetchall()

    def copy_plan(plan_id: int, cell: int) -> int:
        (text,) = db.execute("SELECT cells FROM guard_plan WHERE id = ?", (plan_id,)).fetchone()
        read = json.loads(text)
        read["cells"].append([cell, None])
        made = db.execute(
            "INSERT INTO guard_plan (made_s, retired, plan, cells)"
            " SELECT made_s, 1, plan, ? FROM guard_plan WHERE id = ?",
            (json.dumps(read), plan_id),
        )
        return made.lastrowid or 0

    return SQLCounters(rows, copy_plan)


def bound_of(db: sqlite3.Connection, plan_id: int, identity: str) -> Bound:
    """Return the rows that a lease of the plan is counted in, which are needed to end it."""
    (text,) = db.execute("SELECT cells FROM guard_plan WHERE id = ?", (plan_id,)).fetchone()
    read = json.loads(text)
    lines = [(_NO_LINE._replace(fixed=fixed), number) for number, fixed in read["cells"]]
    return Bound(identity, plan_id, lines, tuple(read["usage"]))


def _usage_row(db: sqlite3.Connection, plan: Plan, scope: str) -> int:
    named = (plan.hour, scope, plan.activity)
    db.execute("INSERT OR IGNORE INTO guard_usage (hour, scope, activity) VALUES (?, ?, ?)", named)
    (number,) = db.execute(
        "SELECT id FROM guard_usage WHERE hour = ? AND scope = ? AND activity = ?", named
    ).fetchone()
    return int(number)


def _marks(values: tuple[object, ...]) -> str:
    return ",".join("?" * len(values))


_NO_LINE = Line("", "", 0, 0, 0, None, None, None, None)

"""Counters of money and of calls in SQL tables, for SQLite and PostgreSQL.

Everything here runs inside a transaction that holds the store's lock.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from costmon.guard.stores.base import Line, Plan
from costmon.guard.stores.seeding import newest_hour, oldest_hour, seed_bucket

WINDOW = "scope = ? AND period = ? AND bucket BETWEEN ? AND ?"
SUMS = (
    # SUM of amounts near 2**63 would overflow in SQLite; SUM of halves does not.
    "sum(spent >> 32)",
    f"sum(spent & {0xFFFFFFFF})",
    "sum(held >> 32)",
    f"sum(held & {0xFFFFFFFF})",
)
_KEPT_S = (300, 86_400)
"""The shortest and longest time that a cell is kept after its window, for late settlements and in
case the wall clock is set back."""
_HELD = (
    " FROM guard_lease AS l JOIN guard_plan_scope AS s ON s.plan = l.plan"
    " WHERE l.state = 0 AND s.scope = ? AND s.hour BETWEEN ? AND ?"
)
_PLANS = " FROM guard_plan_scope AS s WHERE s.scope = ? AND s.hour BETWEEN ? AND ?"
_LATE = " AND EXISTS (SELECT 1 FROM guard_lease AS l WHERE l.plan = s.plan AND l.state = 3)"
FORGET = (
    """
    DELETE FROM guard_plan_scope
        WHERE NOT EXISTS (SELECT 1 FROM guard_plan AS p WHERE p.id = guard_plan_scope.plan)
    """,
    # Without usage rows of its scope, a new counter would start from zero, too.
    """
    DELETE FROM guard_counter
        WHERE NOT EXISTS (SELECT 1 FROM guard_usage AS u WHERE u.scope = guard_counter.scope)
        AND NOT EXISTS (
            SELECT 1 FROM guard_cell AS c
            WHERE c.scope = guard_counter.scope AND c.period = guard_counter.period
        )
    """,
)
"""Delete what belongs to deleted plans and usage rows."""

Rows = list[tuple[Any, ...]]


class SQLCounters:
    """The counters of a store.

    Args:
        rows: Runs a statement with values, and returns the selected rows. Tables are called
            `guard_...`, and placeholders are `?`.
        copy_plan: Copies a plan's row, with a further cell, for existing leases; returns its
            number.
    """

    def __init__(
        self,
        rows: Callable[[str, tuple[object, ...]], Rows],
        copy_plan: Callable[[int, int], int],
    ) -> None:
        self._rows = rows
        self._copy_plan = copy_plan

    def cell(self, line: Line) -> int:
        """Return the row that the line counts in now; create the counter if needed."""
        window = (line.scope, line.period, line.first, line.last)
        if line.fixed is None and not self._used(window):
            self._start(line)
        named = (line.scope, line.period, line.bucket)
        if not (number := self._number(named)):
            self._add_cell(line, line.bucket, 0, 0, 0)
            number = self._number(named)
        return number

    def know(self, plan: Plan, plan_id: int) -> None:
        """Record the scopes of a plan's leases."""
        rows = [value for scope in plan.scopes for value in (scope, plan.hour, plan_id)]
        places = ", ".join(["(?, ?, ?)"] * len(plan.scopes))
        self._rows(
            f"INSERT INTO guard_plan_scope (scope, hour, plan) VALUES {places}",
            tuple(rows),
        )

    def totals(self, lines: Sequence[Line]) -> list[tuple[int, int]]:
        """Return what each line's window has spent and holds, with a counter or without."""
        return [self._figures(line) for line in lines]

    def reset(self, line: Line) -> int:
        """Set what the line's window has spent to zero; return what it was."""
        self._rows("UPDATE guard_state SET resets = resets + 1", ())
        ((resets,),) = self._rows("SELECT resets FROM guard_state", ())
        if not self._has_counter(line):
            return self._forgive(line, resets)
        self.cell(line)
        window = (line.scope, line.period, line.first, line.last)
        spent, _ = self._sums(window)
        self._rows(f"UPDATE guard_cell SET spent = 0, reset = ? WHERE {WINDOW}", (resets, *window))
        return spent

    def _figures(self, line: Line) -> tuple[int, int]:
        window = (line.scope, line.period, line.first, line.last)
        if line.fixed is not None or self._used(window):
            return self._sums(window)
        known = self._has_counter(line)
        spent = sum(spent for spent, _ in self._past(line, whole=known).values())
        leases = self._rows(f"SELECT s.hour, l.nano{_HELD}", _hours(line))
        held = (nano for hour, nano in leases if seed_bucket(line, hour, whole=known) is not None)
        return spent, sum(held)

    def _start(self, line: Line) -> None:
        """Create the first cells of a window, with what happened before in it."""
        known = self._has_counter(line)
        if not known:
            self._rows(
                "INSERT INTO guard_counter (scope, period) VALUES (?, ?)", (line.scope, line.period)
            )
        earlier = self._earlier(line, whole=known)
        past = self._past(line, whole=known)
        for bucket in past.keys() | earlier.keys():
            spent, reset = past.get(bucket, (0, 0))
            plans = earlier.get(bucket, {})
            held = sum(nano for leases in plans.values() for _, nano in leases)
            self._add_cell(line, bucket, spent, held, reset)
            cell = self._number((line.scope, line.period, bucket))
            for plan_id, leases in plans.items():
                self._move(plan_id, [number for number, _ in leases], cell)

    def _earlier(self, line: Line, *, whole: bool) -> dict[int, dict[int, list[tuple[int, int]]]]:
        """Return the plans with leases that may still change the line's window.

        They were made before the counter existed. If a clock is set back, a window may start a
        second time: then these are the plans whose cells have been deleted since.

        Returns:
            By bucket: the plans' numbers, and the held leases (number, amount) of each. Their other
            leases have expired, and may be corrected.
        """
        found: dict[int, dict[int, list[tuple[int, int]]]] = {}
        if not self._rows(f"SELECT 1{_PLANS} LIMIT 1", _hours(line)):
            return found
        held = self._rows(f"SELECT s.hour, l.plan, l.id, l.nano{_HELD}", _hours(line))
        late = self._rows(f"SELECT s.hour, s.plan{_PLANS}{_LATE}", _hours(line))
        for hour, plan_id, *lease in (*held, *late):
            bucket = seed_bucket(line, hour, whole=whole)
            if bucket is not None:
                leases = found.setdefault(bucket, {}).setdefault(plan_id, [])
                leases += [(lease[0], lease[1])] if lease else []
        return found

    def _move(self, plan_id: int, held: Iterable[int], cell: int) -> None:
        """Count the current leases of a plan in a further cell when they end."""
        copy = self._copy_plan(plan_id, cell)
        self._rows(
            "INSERT INTO guard_plan_scope (scope, hour, plan)"
            " SELECT scope, hour, ? FROM guard_plan_scope WHERE plan = ?",
            (copy, plan_id),
        )
        for number in held:
            self._rows("UPDATE guard_lease SET plan = ? WHERE id = ?", (copy, number))
        self._rows("UPDATE guard_lease SET plan = ? WHERE plan = ? AND state = 3", (copy, plan_id))

    def _past(self, line: Line, *, whole: bool) -> dict[int, tuple[int, int]]:
        """Return what was spent in the line's window by usage rows and resets; see `seed_bucket`.

        Returns:
            By bucket: what was spent and not reset, and the last reset's number.
        """
        hours = self._spent(line, whole=whole)
        forgiven = self._forgiven(line) if hours else {}
        found: dict[int, tuple[int, int]] = {}
        for hour, spent in hours.items():
            bucket = seed_bucket(line, hour) or 0
            before, reset = found.get(bucket, (0, 0))
            less, later = forgiven.get(hour, (0, 0))
            found[bucket] = (before + spent - less, max(reset, later))
        return found

    def _spent(self, line: Line, *, whole: bool) -> dict[int, int]:
        """Return what was spent in the line's window according to the usage rows, by hour."""
        hours: dict[int, int] = {}
        for hour, spent in self._rows(
            "SELECT hour, spent FROM guard_usage WHERE scope = ? AND hour >= ?",
            (line.scope, oldest_hour(line)),
        ):
            if seed_bucket(line, hour, whole=whole) is not None:
                hours[hour] = hours.get(hour, 0) + spent
        return hours

    def _forgiven(self, line: Line) -> dict[int, tuple[int, int]]:
        """Return the amounts of resets without a counter, and the last reset's number, by hour."""
        return {
            hour: (spent, reset)
            for hour, spent, reset in self._rows(
                "SELECT hour, spent, reset FROM guard_forgiven WHERE scope = ? AND period = ?",
                (line.scope, line.period),
            )
        }

    def _forgive(self, line: Line, resets: int) -> int:
        """Record a reset without a counter; return what was spent."""
        before, total = self._forgiven(line), 0
        for hour, spent in self._spent(line, whole=False).items():
            total += spent - before.get(hour, (0, 0))[0]
            self._rows(
                "INSERT INTO guard_forgiven (scope, hour, period, spent, reset)"
                " VALUES (?, ?, ?, ?, ?) ON CONFLICT (scope, hour, period)"
                " DO UPDATE SET spent = excluded.spent, reset = excluded.reset",
                (line.scope, hour, line.period, spent, resets),
            )
        return total

    def _used(self, window: tuple[object, ...]) -> bool:
        return bool(self._rows(f"SELECT 1 FROM guard_cell WHERE {WINDOW} LIMIT 1", window))

    def _has_counter(self, line: Line) -> bool:
        named = (line.scope, line.period)
        return bool(self._rows("SELECT 1 FROM guard_counter WHERE scope = ? AND period = ?", named))

    def _sums(self, window: tuple[object, ...]) -> tuple[int, int]:
        (halves,) = self._rows(f"SELECT {', '.join(SUMS)} FROM guard_cell WHERE {WINDOW}", window)
        return whole(halves)

    def _number(self, named: tuple[object, ...]) -> int:
        found = self._rows(
            "SELECT id FROM guard_cell WHERE scope = ? AND period = ? AND bucket = ?", named
        )
        return int(found[0][0]) if found else 0

    def _add_cell(self, line: Line, bucket: int, spent: int, held: int, reset: int) -> None:
        over_s = None
        if line.resets_at is not None:
            shortest, longest = _KEPT_S
            length = int(line.resets_at) - line.bucket
            over_s = bucket + length + min(longest, max(shortest, length)) + 1
        self._rows(
            "INSERT INTO guard_cell (scope, period, bucket, spent, held, reset, over_s)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (line.scope, line.period, bucket, spent, held, reset, over_s),
        )


def _hours(line: Line) -> tuple[object, ...]:
    """Return the values of `_PLANS` and `_HELD`."""
    return (line.scope, oldest_hour(line), newest_hour(line))


def whole(halves: Iterable[int | None]) -> tuple[int, int]:
    """Return the results of `SUMS`."""
    spent_high, spent_low, held_high, held_low = (int(half or 0) for half in halves)
    return (spent_high << 32) + spent_low, (held_high << 32) + held_low

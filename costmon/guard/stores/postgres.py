"""Counters in a PostgreSQL database, for processes on several machines.

Leases expire by the server's clock. With `synchronous_commit` on (the server's default) no granted
amount is lost; with it off, a call takes less than half the time, but amounts granted in the last
moments before the *server* crashes may be granted again.
"""

import functools
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from costmon.clock import EpochClock
from costmon.guard.errors import LeaseError
from costmon.guard.stores.base import (
    NOTHING,
    REMEMBERED_S,
    Hold,
    LeaseRow,
    LeaseState,
    Line,
    Outcome,
    Outdated,
    Plan,
    RecordKind,
    Refusal,
    Settings,
    UsageRow,
)
from costmon.guard.stores.plan_text import HELD, RELEASED, SETTLED, STATES, plan_of, plan_text
from costmon.guard.stores.postgres_pool import Connection, PostgresPool, Unbound
from costmon.guard.stores.sql_counters import FORGET, Rows, SQLCounters

_TIDY_S = 60.0
_RETIRE_S = 3600.0
_USAGE_KEPT_S = 400 * 86_400
_LOCK = "SELECT revision FROM costmon_guard_state FOR UPDATE"
_NOW = "costmon_guard_now()"


class PostgresStore:
    """A store in the tables `costmon_guard_*` of a database."""

    shared = True

    def __init__(self, url: str, *, clock: EpochClock, rng: random.Random) -> None:
        self._pool = PostgresPool(url)
        self._clock = clock
        # Spread over time, so that guards do not sweep at once.
        self._tidied_s = clock.monotonic_s() - rng.uniform(0, _TIDY_S)
        self._retired_s = self._tidied_s

    def __str__(self) -> str:
        return str(self._pool)

    def identity(self) -> str:
        """Return the random name of the tables' content, chosen when they were created."""
        with self._pool.lend("be read"):
            return self._pool.identity

    def reserve(
        self, plan: Plan, nano: int, ttl_s: float, key: str | None = None
    ) -> Hold | Refusal | Outdated:
        """Hold `nano` on every line or on none; see `Store.reserve`."""
        while True:
            cache = plan.cache
            try:
                with self._pool.lend("hold an amount") as db:
                    if not isinstance(cache, tuple) or cache[0] != self._pool.identity:
                        found = self._bound(db, plan)
                        if isinstance(found, Outdated):
                            return found
                        plan.cache = cache = (self._pool.identity, found)
                    answer = self._reserve(db, plan, cache[1], nano, ttl_s, key)
            except Unbound:
                answer = None
            if answer is not None:
                return answer
            plan.cache = None

    def _reserve(
        self, db: Connection, plan: Plan, plan_id: int, nano: int, ttl_s: float, key: str | None
    ) -> Hold | Refusal | Outdated | None:
        what, number, place, spents, helds = _one(
            db,
            "SELECT * FROM costmon_guard_reserve(%s::bigint, %s::bigint, %s::bigint,"
            " %s::double precision, %s::text)",
            (plan_id, plan.revision, nano, ttl_s, key),
        )
        if what == "held":
            hold = Hold(self._name(number), plan, nano, ttl_s, key)
            for line, spent, held in zip(plan.lines, spents or (), helds or (), strict=False):
                if line.warn is not None:
                    asked = nano if line.fixed is None else line.fixed
                    if int(spent) + int(held) + asked >= line.warn:
                        hold.warned += ((line, int(spent), int(held) + asked),)
            return hold
        if what == "refused":
            return Refusal(plan.lines[place - 1], int(spents[-1]), int(helds[-1]))
        if what == "outdated":
            return Outdated(number)
        if what == "known":
            known = self._hold(db, "id", number)
            if known is not None and known.plan.scopes != plan.scopes:
                scopes = ", ".join(known.plan.scopes)
                raise LeaseError(key or "", f"the key belongs to a call of {scopes}")
            return known
        return None

    def _bound(self, db: Connection, plan: Plan) -> int | Outdated:
        """Return the number of the plan's row; create it and its counters if needed."""
        with db.transaction():
            (revision,) = _one(db, _LOCK)
            return int(self._bind(db, plan)) if revision == plan.revision else Outdated(revision)

    @staticmethod
    def _bind(db: Connection, plan: Plan) -> int:
        counters = _counters(db)
        cells = [counters.cell(line) for line in plan.lines]
        usage = [_usage_row(db, plan, scope) for scope in plan.scopes]
        lines = plan.lines
        (number,) = _one(
            db,
            "INSERT INTO costmon_guard_plan (made_s, plan, cells, usage, scopes, periods, firsts,"
            f" lasts, limits, warns, fixed) VALUES ({_NOW}::bigint, %s, %s::bigint[], %s::bigint[],"
            " %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],"
            " %s::bigint[]) RETURNING id",
            (
                plan_text(plan),
                cells,
                usage,
                [line.scope for line in lines],
                [line.period for line in lines],
                [line.first for line in lines],
                [line.last for line in lines],
                [line.limit for line in lines],
                [line.warn for line in lines],
                [line.fixed for line in lines],
            ),
        )
        counters.know(plan, int(number))
        return int(number)

    def settle(self, hold: Hold, nano: int, outcome: Outcome = NOTHING) -> LeaseState | None:
        """Charge what the call cost; see `Store.settle`."""
        return self._end("settle a lease", hold, nano, outcome, SETTLED)

    def release(self, hold: Hold) -> LeaseState | None:
        """Charge nothing; see `Store.release`."""
        return self._end("release a lease", hold, 0, NOTHING, RELEASED)

    def _end(
        self, operation: str, hold: Hold, nano: int, outcome: Outcome, after: int
    ) -> LeaseState | None:
        with self._pool.lend(operation) as db:
            (before,) = _one(
                db,
                "SELECT costmon_guard_end(%s::bigint, %s::bigint, %s::integer, %s::bigint,"
                " %s::bigint, %s::bigint, %s::bigint)",
                (
                    self._number(hold.id),
                    nano,
                    after,
                    outcome.requests,
                    int(outcome.failed),
                    outcome.bytes_in,
                    outcome.bytes_out,
                ),
            )
        if before is None:
            return None
        state = int(before)
        hold.state = STATES[state if state in {SETTLED, RELEASED} else after]
        return STATES[state]

    def renew(self, hold: Hold, ttl_s: float) -> LeaseState | None:
        """Make a held lease expire `ttl_s` seconds from now; see `Store.renew`."""
        with self._pool.lend("renew a lease") as db, db.transaction():
            _one(db, _LOCK)
            row = db.execute(
                "UPDATE costmon_guard_lease SET at_s ="
                f" CASE WHEN state = 0 THEN {_NOW} + %s::double precision ELSE at_s END"
                " WHERE id = %s RETURNING state",
                (ttl_s, self._number(hold.id)),
            ).fetchone()
        if row is None:
            return None
        hold.state = STATES[row[0]]
        if row[0] == HELD:
            hold.expires_in_s = ttl_s
        return hold.state

    def find(self, id: str) -> Hold | None:
        """Return a lease; see `Store.find`."""
        with self._pool.lend("find a lease") as db:
            return self._hold(db, "id", self._number(id))

    def _hold(self, db: Connection, column: str, value: int) -> Hold | None:
        row = db.execute(
            f"SELECT l.id, l.nano, l.state, l.at_s - {_NOW}, l.key, p.plan"
            " FROM costmon_guard_lease AS l JOIN costmon_guard_plan AS p ON p.id = l.plan"
            f" WHERE l.{column} = %s",
            (value,),
        ).fetchone()
        if row is None:
            return None
        number, nano, state, left_s, key, text = row
        hold = Hold(self._name(number), plan_of(text), nano, left_s if state == HELD else 0.0, key)
        hold.state = STATES[state]
        return hold

    def charge(
        self,
        plan: Plan,
        nano: int,
        id: str,
        outcome: Outcome = NOTHING,
    ) -> bool | Outdated:
        """Charge without a lease; see `Store.charge`."""
        with self._pool.lend("charge a call") as db, db.transaction():
            (revision,) = _one(db, _LOCK)
            if _one(db, "SELECT 1 FROM costmon_guard_charge WHERE id = %s", (id,)):
                return False
            if revision != plan.revision:
                return Outdated(revision)
            db.execute(
                f"INSERT INTO costmon_guard_charge VALUES (%s, {_NOW})",
                (id,),
            )
            number = self._bind(db, plan)
            db.execute(
                "SELECT costmon_guard_add(p, 0, %s::bigint, 0, 1),"
                " costmon_guard_count(p, %s::bigint, %s::bigint, 0, %s::bigint, %s::bigint,"
                " %s::bigint)"
                " FROM costmon_guard_plan AS p WHERE id = %s",
                (
                    nano,
                    nano,
                    outcome.requests,
                    int(outcome.failed),
                    outcome.bytes_in,
                    outcome.bytes_out,
                    number,
                ),
            )
        return True

    def totals(self, lines: Sequence[Line]) -> list[tuple[int, int]]:
        """Return what each line's window has spent and holds."""
        with self._pool.lend("be read") as db:
            _expire(db)
            with db.transaction():
                _one(db, _LOCK)
                return _counters(db).totals(lines)

    def reset(self, line: Line) -> int:
        """Set what the line's window has spent to 0; see `Store.reset`."""
        with self._pool.lend("reset a counter") as db:
            _expire(db)
            with db.transaction():
                _one(db, _LOCK)
                return _counters(db).reset(line)

    def sweep(self) -> int:
        """Expire what is due and delete old data; see `Store.sweep`."""
        with self._pool.lend("expire leases") as db:
            expired = _expire(db)
            now_s = self._clock.monotonic_s()
            if now_s - self._tidied_s >= _TIDY_S:
                self._tidied_s = now_s
                _tidy(db)
            if now_s - self._retired_s >= _RETIRE_S:
                self._retired_s = now_s
                _retire(db)
        return expired

    def leases(self, limit: int) -> list[LeaseRow]:
        """Return the held leases, oldest first."""
        with self._pool.lend("be read") as db:
            _expire(db)
            found = db.execute(
                f"SELECT l.id, l.key, l.nano, l.at_s - {_NOW}, p.plan"
                " FROM costmon_guard_lease AS l JOIN costmon_guard_plan AS p ON p.id = l.plan"
                " WHERE l.state = 0 ORDER BY l.id LIMIT %s",
                (limit,),
            ).fetchall()
        rows = []
        for number, key, nano, left_s, text in found:
            plan = plan_of(text)
            rows.append(
                LeaseRow(self._name(number), key, plan.scopes, plan.activity, nano, "held", left_s)
            )
        return rows

    def usage(self, since: int, until: int, scope: str | None = None) -> list[UsageRow]:
        """Return the rows of the hours in [since, until), oldest first."""
        with self._pool.lend("be read") as db:
            _expire(db)
            found = db.execute(
                "SELECT hour, scope, activity, spent, requests, failed, expired, bytes_in,"
                " bytes_out, changes FROM costmon_guard_usage"
                " WHERE hour >= %s AND hour < %s AND changes > 0"
                " AND (%s::text IS NULL OR scope = %s)"
                ' ORDER BY hour, scope COLLATE "C", activity COLLATE "C"',
                (since, until, scope, scope),
            ).fetchall()
        return [UsageRow(*row) for row in found]

    def settings(self) -> Settings:
        """Return the settings."""
        with self._pool.lend("be read") as db, db.transaction():
            # With the lock, so that the revision and the records belong together.
            (revision,) = _one(db, _LOCK)
            found = db.execute(
                "SELECT kind, key, text FROM costmon_guard_record WHERE kind IN ('budget', 'scope')"
            ).fetchall()
        kept: dict[str, dict[str, str]] = {"budget": {}, "scope": {}}
        for kind, key, text in sorted(found):
            kept[kind][key] = text
        return Settings(revision, kept["budget"], kept["scope"])

    def read(self, kind: RecordKind, key: str) -> str | None:
        """Return a record's text."""
        with self._pool.lend("be read") as db:
            return _read(db, kind, key)

    def update(
        self, kind: RecordKind, key: str, change: Callable[[str | None], str | None]
    ) -> str | None:
        """Replace a record by `change` of it; see `Store.update`."""
        with self._pool.lend("keep a record") as db, db.transaction():
            _one(db, _LOCK)
            before = _read(db, kind, key)
            after = change(before)
            if after == before:
                return after
            if after is None:
                db.execute(
                    "DELETE FROM costmon_guard_record WHERE kind = %s AND key = %s", (kind, key)
                )
            else:
                db.execute(
                    "INSERT INTO costmon_guard_record VALUES (%s, %s, %s)"
                    " ON CONFLICT (kind, key) DO UPDATE SET text = excluded.text",
                    (kind, key, after),
                )
            if kind in {"budget", "scope"}:
                db.execute("UPDATE costmon_guard_state SET revision = revision + 1")
            return after

    def records(self, kind: RecordKind) -> Iterable[tuple[str, str]]:
        """Return all records of a kind, by key."""
        with self._pool.lend("be read") as db:
            found = db.execute(
                "SELECT key, text FROM costmon_guard_record WHERE kind = %s", (kind,)
            ).fetchall()
        return sorted((key, text) for key, text in found)

    def close(self) -> None:
        """Close the connections; leases do not change."""
        self._pool.close()

    def _name(self, number: int) -> str:
        """Return a lease's id with the content's name, so that it is not valid elsewhere."""
        return f"{self._pool.identity[:8]}-{number}"

    def _number(self, id: str) -> int:
        name, _, number = id.partition("-")
        known = name == self._pool.identity[:8] and number.isdecimal() and len(number) < 19  # noqa: PLR2004 - the digits of a 64-bit integer
        return int(number) if known else -1


def _one(db: Connection, statement: str, values: tuple[object, ...] = ()) -> tuple[Any, ...]:
    """Return the only row."""
    row = db.execute(statement.encode(), values).fetchone()
    return row if row is not None else ()


def _read(db: Connection, kind: RecordKind, key: str) -> str | None:
    row = db.execute(
        "SELECT text FROM costmon_guard_record WHERE kind = %s AND key = %s", (kind, key)
    ).fetchone()
    return None if row is None else str(row[0])


def _expire(db: Connection) -> int:
    return int(_one(db, "SELECT costmon_guard_expire()")[0])


def _counters(db: Connection) -> SQLCounters:
    """Return the store's counters, for the open transaction, which has the lock."""

    def rows(statement: str, values: tuple[object, ...]) -> Rows:
        cursor = db.execute(_translated(statement), values)
        return cursor.fetchall() if cursor.description else []

    def copy_plan(plan_id: int, cell: int) -> int:
        (number,) = _one(
            db,
            "INSERT INTO costmon_guard_plan (made_s, retired, plan, cells, usage, scopes, periods,"
            " firsts, lasts, limits, warns, fixed)"
            " SELECT made_s, true, plan, cells || %s::bigint, usage, scopes, periods, firsts,"
            " lasts, limits, warns, fixed || NULL::bigint"
            " FROM costmon_guard_plan WHERE id = %s RETURNING id",
            (cell, plan_id),
        )
        return int(number)

    return SQLCounters(rows, copy_plan)


@functools.cache
def _translated(statement: str) -> bytes:
    """Return a statement in the syntax of PostgreSQL."""
    return statement.replace("guard_", "costmon_guard_").replace("?", "%s").encode()


def _usage_row(db: Connection, plan: Plan, scope: str) -> int:
    named = (plan.hour, scope, plan.activity)
    db.execute(
        "INSERT INTO costmon_guard_usage (hour, scope, activity) VALUES (%s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        named,
    )
    (number,) = _one(
        db,
        "SELECT id FROM costmon_guard_usage WHERE hour = %s AND scope = %s AND activity = %s",
        named,
    )
    return int(number)


def _tidy(db: Connection) -> None:
    with db.transaction():
        _one(db, _LOCK)
        for statement in _TIDY:
            db.execute(statement)


def _retire(db: Connection) -> None:
    db.execute(
        "UPDATE costmon_guard_plan SET retired = true"
        " WHERE NOT retired AND made_s < costmon_guard_now() - %s",
        (2 * REMEMBERED_S,),
    )
    # A retired plan gets no new leases, so this needs no lock.
    db.execute(
        "DELETE FROM costmon_guard_plan AS p WHERE retired AND NOT EXISTS"
        " (SELECT 1 FROM costmon_guard_lease AS l WHERE l.plan = p.id)"
    )
    with db.transaction():
        _one(db, _LOCK)
        for statement in FORGET:
            db.execute(_translated(statement))


_TIDY = tuple(
    f"DELETE FROM costmon_guard_{rest}".encode()
    for rest in (
        f"lease WHERE state <> 0 AND at_s < {_NOW} - {REMEMBERED_S}",
        f"charge WHERE at_s < {_NOW} - {REMEMBERED_S}",
        f"cell WHERE over_s < {_NOW} AND held = 0",
        f"usage WHERE hour < {_NOW} - {_USAGE_KEPT_S}",
        f"forgiven WHERE hour < {_NOW} - {_USAGE_KEPT_S}",
    )
)

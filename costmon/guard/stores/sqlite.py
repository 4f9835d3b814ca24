"""Counters in an SQLite file, for processes on one machine.

Leases expire by CLOCK_MONOTONIC, never by the wall clock. All processes since the machine's last
boot share it (including containers, unless they have their own time namespaces); leases from before
the boot expire at once. The file is in WAL mode with synchronous=NORMAL: killed processes lose
nothing, but a power failure may lose the last moments. It must not be on a network file system.
"""

import random
import sqlite3
from collections.abc import Callable, Iterable, Sequence

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
from costmon.guard.stores.plan_text import EXPIRED, HELD, RELEASED, SETTLED, STATES, plan_of
from costmon.guard.stores.sql_counters import FORGET
from costmon.guard.stores.sqlite_cells import Bound, bind, bound_of, counters_in
from costmon.guard.stores.sqlite_file import SQLiteFile

_DUE_AT_ONCE = 500
_FORGOTTEN_AT_ONCE = 2000
_TIDY_S = 60.0
_RETIRE_S = 3600.0
_USAGE_KEPT_S = 400 * 86_400


class _Unbound(Exception):  # noqa: N818 - internal to this module
    """A counter or the plan has been deleted: look them up again."""


class SQLiteStore:
    """A store in a file that several processes share."""

    shared = True

    def __init__(
        self, path: str, *, clock: EpochClock, rng: random.Random, boot: str | None = None
    ) -> None:
        self._file = SQLiteFile(path, clock=clock, rng=rng, boot=boot)
        self._clock = clock
        self._tidied_s = self._retired_s = clock.monotonic_s()
        self._scanned = 0

    def __str__(self) -> str:
        return str(self._file)

    def identity(self) -> str:
        """Return the random name of the file's content, chosen when it was created."""
        return self._file.run("be read", lambda _: self._file.identity)

    def reserve(
        self, plan: Plan, nano: int, ttl_s: float, key: str | None = None
    ) -> Hold | Refusal | Outdated:
        """Hold `nano` on every line or on none; see `Store.reserve`."""
        while True:
            try:
                return self._file.run("hold an amount", self._reserve, plan, nano, ttl_s, key)
            except _Unbound:
                plan.cache = None
            except BaseException:
                # Row numbers from a transaction that was rolled back may be reused for other rows.
                plan.cache = None
                raise

    def _reserve(  # noqa: C901 - sequential steps of one transaction
        self, db: sqlite3.Connection, plan: Plan, nano: int, ttl_s: float, key: str | None
    ) -> Hold | Refusal | Outdated:
        bound = plan.cache
        if not isinstance(bound, Bound) or bound.identity != self._file.identity:
            (revision,) = db.execute("SELECT revision FROM guard_state").fetchone()
            if revision != plan.revision:
                return Outdated(revision)
            bound = None
        if key is not None and (known := self._hold(db, "key", key)) is not None:
            return _same_chain(known, plan, key)
        if bound is None:
            bound = bind(db, plan, self._file.identity, int(self._clock.epoch_s()))
        revision, found = bound.look(db)
        if revision != plan.revision:
            return Outdated(revision)
        for line, spent, held in found:
            asked = nano if line.fixed is None else line.fixed
            if line.limit is not None and spent + held + asked > line.limit:
                # Looked up in this transaction, which will be committed.
                plan.cache = bound
                return Refusal(line, spent, held)
        if not bound.add(db, nano, 0, calls_held=1):
            raise _Unbound
        due_s = self._clock.monotonic_s() + ttl_s
        made = db.execute(
            "INSERT INTO guard_lease (plan, nano, state, at_s, key)"
            " SELECT id, ?, 0, ?, ? FROM guard_plan WHERE id = ? AND retired = 0",
            (nano, due_s, key, bound.plan_id),
        )
        if made.rowcount != 1:
            raise _Unbound
        hold = Hold(self._name(made.lastrowid), plan, nano, ttl_s, key, bound)
        for line, spent, held in found:
            asked = nano if line.fixed is None else line.fixed
            if line.warn is not None and spent + held + asked >= line.warn:
                hold.warned += ((line, spent, held + asked),)
        plan.cache = bound
        return hold

    def settle(self, hold: Hold, nano: int, outcome: Outcome = NOTHING) -> LeaseState | None:
        """Charge what the call cost; see `Store.settle`."""
        return self._ended(hold, "settle a lease", nano, outcome, SETTLED)

    def release(self, hold: Hold) -> LeaseState | None:
        """Charge nothing; see `Store.release`."""
        return self._ended(hold, "release a lease", 0, NOTHING, RELEASED)

    def _ended(
        self, hold: Hold, operation: str, nano: int, outcome: Outcome, after: int
    ) -> LeaseState | None:
        before = self._file.run(operation, self._end, hold, nano, outcome, after)
        # Not before the commit, which fails on a full disk: then the lease has not ended.
        if before is not None:
            hold.state = STATES[before if before in {SETTLED, RELEASED} else after]
            return STATES[before]
        return None

    def _end(
        self, db: sqlite3.Connection, hold: Hold, nano: int, outcome: Outcome, after: int
    ) -> int | None:
        """End a lease in the open transaction; return its state before."""
        number = self._number(hold.id)
        row = db.execute(
            "SELECT state, nano, plan, resets FROM guard_lease WHERE id = ?", (number,)
        ).fetchone()
        if row is None:
            return None
        before: int
        before, estimate, plan_id, resets = row
        if before in {SETTLED, RELEASED}:
            return before
        bound = hold.cells
        if not isinstance(bound, Bound) or bound.plan_id != plan_id:
            bound = hold.cells = bound_of(db, plan_id, self._file.identity)
        settled = after == SETTLED
        if before == HELD:
            bound.add(db, -estimate, nano, calls_held=-1, calls_spent=int(settled))
            if settled:
                bound.count(db, nano, outcome.requests, 0, outcome)
        else:
            bound.correct(db, nano - estimate, 0 if settled else -1, resets)
            requests = outcome.requests - 1 if settled else -1
            bound.count(db, nano - estimate, requests, -1, outcome)
        db.execute(
            "UPDATE guard_lease SET state = ?, at_s = ? WHERE id = ?",
            (after, self._clock.monotonic_s(), number),
        )
        return before

    def renew(self, hold: Hold, ttl_s: float) -> LeaseState | None:
        """Make a held lease expire `ttl_s` seconds from now; see `Store.renew`."""
        state = self._file.run("renew a lease", self._renew, hold, ttl_s)
        if state is None:
            return None
        hold.state = STATES[state]
        if state == HELD:
            hold.expires_in_s = ttl_s
        return hold.state

    def _renew(self, db: sqlite3.Connection, hold: Hold, ttl_s: float) -> int | None:
        number = self._number(hold.id)
        row = db.execute("SELECT state FROM guard_lease WHERE id = ?", (number,)).fetchone()
        if row is None:
            return None
        state: int = row[0]
        if state == HELD:
            due_s = self._clock.monotonic_s() + ttl_s
            db.execute("UPDATE guard_lease SET at_s = ? WHERE id = ?", (due_s, number))
        return state

    def find(self, id: str) -> Hold | None:
        """Return a lease; see `Store.find`."""
        return self._file.run("find a lease", self._find, id)

    def _find(self, db: sqlite3.Connection, id: str) -> Hold | None:
        return self._hold(db, "id", self._number(id))

    def _hold(self, db: sqlite3.Connection, column: str, value: str | int) -> Hold | None:
        row = db.execute(
            "SELECT l.id, l.nano, l.state, l.at_s, l.key, p.plan FROM guard_lease AS l"
            f" JOIN guard_plan AS p ON p.id = l.plan WHERE l.{column} = ?",
            (value,),
        ).fetchone()
        if row is None:
            return None
        number, nano, state, at_s, key, text = row
        left_s = at_s - self._clock.monotonic_s() if state == HELD else 0.0
        hold = Hold(self._name(number), plan_of(text), nano, left_s, key)
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
        return self._file.run("charge a call", self._charge, plan, nano, id, outcome)

    def _charge(
        self,
        db: sqlite3.Connection,
        plan: Plan,
        nano: int,
        id: str,
        outcome: Outcome,
    ) -> bool | Outdated:
        if db.execute("SELECT 1 FROM guard_charge WHERE id = ?", (id,)).fetchone() is not None:
            return False
        (revision,) = db.execute("SELECT revision FROM guard_state").fetchone()
        if revision != plan.revision:
            return Outdated(revision)
        db.execute("INSERT INTO guard_charge VALUES (?, ?)", (id, self._clock.monotonic_s()))
        bound = bind(db, plan, self._file.identity, int(self._clock.epoch_s()))
        bound.add(db, 0, nano, calls_spent=1)
        bound.count(db, nano, outcome.requests, 0, outcome)
        return True

    def totals(self, lines: Sequence[Line]) -> list[tuple[int, int]]:
        """Return what each line's window has spent and holds."""
        self._expire()
        return self._file.run("be read", self._totals, lines)

    def _totals(self, db: sqlite3.Connection, lines: Sequence[Line]) -> list[tuple[int, int]]:
        return counters_in(db).totals(lines)

    def reset(self, line: Line) -> int:
        """Set what the line's window has spent to 0; see `Store.reset`."""
        self._expire()
        return self._file.run("reset a counter", self._reset, line)

    def _reset(self, db: sqlite3.Connection, line: Line) -> int:
        return counters_in(db).reset(line)

    def sweep(self) -> int:
        """Expire what is due and delete old data; see `Store.sweep`."""
        expired = self._expire()
        now_s = self._clock.monotonic_s()
        if now_s - self._tidied_s >= _TIDY_S:
            self._tidied_s = now_s
            while self._file.run("delete old leases", self._forget) == _FORGOTTEN_AT_ONCE:
                pass
            self._file.run("delete old counters", self._tidy)
        if now_s - self._retired_s >= _RETIRE_S:
            self._retired_s = now_s
            self._file.run("delete old plans", self._retire)
        return expired

    def _expire(self) -> int:
        expired = 0
        while True:
            one = self._file.run("expire leases", self._expire_some)
            expired += one
            if one < _DUE_AT_ONCE:
                return expired

    def _expire_some(self, db: sqlite3.Connection) -> int:
        now_s = self._clock.monotonic_s()
        due = db.execute(
            "SELECT id, plan, nano FROM guard_lease WHERE state = 0 AND at_s <= ?"
            " ORDER BY at_s LIMIT ?",
            (now_s, _DUE_AT_ONCE),
        ).fetchall()
        db.execute("UPDATE guard_state SET seen_s = ? WHERE seen_s < ? - 1", (now_s, now_s))
        by_plan: dict[int, list[int]] = {}
        for _, plan_id, nano in due:
            by_plan.setdefault(plan_id, []).append(nano)
        for plan_id, amounts in by_plan.items():
            bound = bound_of(db, plan_id, self._file.identity)
            total, many = sum(amounts), len(amounts)
            bound.add(db, -total, total, calls_held=-many, calls_spent=many)
            bound.count(db, total, many, many, NOTHING)
        db.executemany(
            "UPDATE guard_lease SET state = ?, at_s = ?,"
            " resets = (SELECT resets FROM guard_state) WHERE id = ?",
            [(EXPIRED, now_s, number) for number, _, _ in due],
        )
        return len(due)

    def _forget(self, db: sqlite3.Connection) -> int:
        """Check the next leases, by age, and skip those that are still held."""
        before_s = self._clock.monotonic_s() - REMEMBERED_S
        rows = db.execute(
            "SELECT id, state, at_s FROM guard_lease WHERE id > ? ORDER BY id LIMIT ?",
            (self._scanned, _FORGOTTEN_AT_ONCE),
        ).fetchall()
        old = [(number,) for number, state, at_s in rows if state != HELD and at_s < before_s]
        # The newest stays: SQLite would reuse its number for the next one.
        db.executemany(
            "DELETE FROM guard_lease WHERE id = ? AND id < (SELECT max(id) FROM guard_lease)", old
        )
        if len(rows) < _FORGOTTEN_AT_ONCE or not old:
            self._scanned = 0
            return 0
        self._scanned = rows[-1][0]
        return len(rows)

    def _tidy(self, db: sqlite3.Connection) -> None:
        now = int(self._clock.epoch_s())
        monotonic_s = self._clock.monotonic_s()
        db.execute("DELETE FROM guard_charge WHERE at_s < ?", (monotonic_s - REMEMBERED_S,))
        db.execute("DELETE FROM guard_cell WHERE over_s < ? AND held = 0", (now,))
        db.execute("DELETE FROM guard_usage WHERE hour < ?", (now - _USAGE_KEPT_S,))
        db.execute("DELETE FROM guard_forgiven WHERE hour < ?", (now - _USAGE_KEPT_S,))

    def _retire(self, db: sqlite3.Connection) -> None:
        old = int(self._clock.epoch_s()) - 2 * REMEMBERED_S
        db.execute(
            "DELETE FROM guard_plan WHERE retired = 1"
            " AND id NOT IN (SELECT DISTINCT plan FROM guard_lease)"
        )
        db.execute("UPDATE guard_plan SET retired = 1 WHERE made_s < ?", (old,))
        for statement in FORGET:
            db.execute(statement)

    def leases(self, limit: int) -> list[LeaseRow]:
        """Return the held leases, oldest first."""
        self._expire()
        return self._file.run("be read", self._leases, limit)

    def _leases(self, db: sqlite3.Connection, limit: int) -> list[LeaseRow]:
        now_s = self._clock.monotonic_s()
        rows = []
        for number, nano, at_s, key, text in db.execute(
            "SELECT l.id, l.nano, l.at_s, l.key, p.plan FROM guard_lease AS l"
            " JOIN guard_plan AS p ON p.id = l.plan WHERE l.state = 0 ORDER BY l.id LIMIT ?",
            (limit,),
        ):
            plan = plan_of(text)
            rows.append(
                LeaseRow(
                    id=self._name(number),
                    key=key,
                    scopes=plan.scopes,
                    activity=plan.activity,
                    nano=nano,
                    state="held",
                    expires_in_s=at_s - now_s,
                )
            )
        return rows

    def usage(self, since: int, until: int, scope: str | None = None) -> list[UsageRow]:
        """Return the rows of the hours in [since, until), oldest first."""
        self._expire()
        return self._file.run("be read", self._usage, since, until, scope)

    def _usage(
        self, db: sqlite3.Connection, since: int, until: int, scope: str | None
    ) -> list[UsageRow]:
        found = db.execute(
            "SELECT hour, scope, activity, spent, requests, failed, expired, bytes_in, bytes_out,"
            " changes FROM guard_usage WHERE hour >= ? AND hour < ? AND changes > 0"
            + ("" if scope is None else " AND scope = ?")
            + " ORDER BY hour, scope, activity",
            (since, until) if scope is None else (since, until, scope),
        )
        return [UsageRow(*row) for row in found]

    def settings(self) -> Settings:
        """Return the settings."""
        return self._file.run("be read", self._settings)

    def _settings(self, db: sqlite3.Connection) -> Settings:
        (revision,) = db.execute("SELECT revision FROM guard_state").fetchone()
        kept: dict[str, dict[str, str]] = {"budget": {}, "scope": {}}
        for kind, key, text in db.execute(
            "SELECT kind, key, text FROM guard_record WHERE kind IN ('budget', 'scope')"
            " ORDER BY kind, key"
        ):
            kept[kind][key] = text
        return Settings(revision, kept["budget"], kept["scope"])

    def read(self, kind: RecordKind, key: str) -> str | None:
        """Return a record's text."""
        return self._file.run("be read", _read, kind, key)

    def update(
        self, kind: RecordKind, key: str, change: Callable[[str | None], str | None]
    ) -> str | None:
        """Replace a record by `change` of it; see `Store.update`."""
        return self._file.run("keep a record", _update, kind, key, change)

    def records(self, kind: RecordKind) -> Iterable[tuple[str, str]]:
        """Return all records of a kind, by key."""
        return self._file.run(
            "be read",
            lambda db: db.execute(
                "SELECT key, text FROM guard_record WHERE kind = ? ORDER BY key", (kind,)
            ).fetchall(),
        )

    def close(self) -> None:
        """Close the file; leases do not change."""
        self._file.close()

    def _name(self, number: int | None) -> str:
        """Return a lease's id with the file's random name, so that it is not valid elsewhere."""
        return f"{self._file.identity[:8]}-{number}"

    def _number(self, id: str) -> int:
        name, _, number = id.partition("-")
        known = name == self._file.identity[:8] and number.isdecimal() and len(number) < 19  # noqa: PLR2004 - the digits of a 64-bit integer
        return int(number) if known else -1


def _read(db: sqlite3.Connection, kind: RecordKind, key: str) -> str | None:
    row = db.execute(
        "SELECT text FROM guard_record WHERE kind = ? AND key = ?", (kind, key)
    ).fetchone()
    return None if row is None else row[0]


def _update(
    db: sqlite3.Connection,
    kind: RecordKind,
    key: str,
    change: Callable[[str | None], str | None],
) -> str | None:
    before = _read(db, kind, key)
    after = change(before)
    if after == before:
        return after
    if after is None:
        db.execute("DELETE FROM guard_record WHERE kind = ? AND key = ?", (kind, key))
    else:
        db.execute("INSERT OR REPLACE INTO guard_record VALUES (?, ?, ?)", (kind, key, after))
    if kind in {"budget", "scope"}:
        db.execute("UPDATE guard_state SET revision = revision + 1")
    return after


def _same_chain(known: Hold, plan: Plan, key: str) -> Hold:
    if known.plan.scopes != plan.scopes:
        raise LeaseError(key, f"the key belongs to a call of {', '.join(known.plan.scopes)}")
    return known

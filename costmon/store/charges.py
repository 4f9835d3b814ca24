"""Record a window of a vendor's charges, whole or not at all.

Rows are found again by account, provider and source row key. What a row was before is kept as a
revision, and a day that the vendor had called complete and that costs something else now is a
restatement. A window may have 40,000 rows, so what is stored is read in a stream and never held.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, column, delete, func, insert, select

from costmon import __version__
from costmon.domain.charge import Charge, ChargeWindow
from costmon.domain.charge_report import RecordedCharges, Restatement, StoredWindow
from costmon.domain.money import from_nano
from costmon.store.bulk import write_rows
from costmon.store.charge_rollups import (
    NOTHING,
    STREAMED,
    Owner,
    Sum,
    portions,
    update_rollups,
)
from costmon.store.charge_rows import (
    CONTENT,
    KEY,
    START,
    Content,
    Group,
    content_of,
    day_of,
    group_of,
    old_values,
    project_of,
)
from costmon.store.charge_schema import (
    charge,
    charge_project,
    charge_restatement,
    charge_revision,
)
from costmon.store.charge_windows import read_windows, was_complete, write_window
from costmon.store.columns import to_micros
from costmon.store.text import storable_key

COLLECTOR = f"costmon {__version__}"

_LOOKUP = 400
"""Keys in one query: SQLite's oldest limit is 999 parameters."""
_WRITTEN = 1_000
"""Rows that are made and written at once."""
_DAY = dt.timedelta(days=1)

_CONTENT_SQL = ", ".join(f'"{name}"' for name in CONTENT)
_SET_SQL = ", ".join(f'"{name}" = {{p}}' for name in CONTENT if name != "x_SourceRowKey")
_INSERT = (
    'INSERT INTO charge ("x_Account", "x_Provider", "x_Day", "x_ObservedAt", "x_Revision",'  # noqa: S608 - names of our columns
    f' "x_Collector", {_CONTENT_SQL}) VALUES ({", ".join(["{p}"] * (6 + len(CONTENT)))})'
)
# Days are moved apart: every index over a column that is set would be rewritten.
_UPDATE = (
    'UPDATE charge SET "x_ObservedAt" = {p}, "x_Revision" = {p}, "x_Collector" = {p},'  # noqa: S608 - names of our columns
    f" {_SET_SQL} WHERE id = {{p}}"
)
_MOVE = 'UPDATE charge SET "x_Day" = {p} WHERE id = {p}'
_KEEP = (
    "INSERT INTO charge_revision (account, provider, source_row_key, revision, observed_at,"
    " replaced_at, vanished, old_values) VALUES ({p}, {p}, {p}, {p}, {p}, {p}, {p}, {p})"
)
# Without types: stored values come as the driver has them, to be compared and not understood.
_PLAIN: list[ColumnElement[Any]] = [column(name) for name in CONTENT]


def record_charges(
    connection: Connection, window: ChargeWindow, now: dt.datetime
) -> RecordedCharges:
    """Write a window inside the caller's transaction; writing it twice changes nothing.

    Args:
        connection: Of the one writer.
        window: Whole: the caller has every row of the vendor's answer, or does not call.
        now: Aware UTC.

    Raises:
        StoreError: A day adds up to more than can be stored.
    """
    owner = (storable_key(window.account), storable_key(window.provider))
    known = read_windows(connection, owner)
    newer = [it for it in known if _has_spoken(it, window, now)]
    taken = _taken(window, newer)
    if taken is None:
        return RecordedCharges(
            account=window.account,
            provider=window.provider,
            added=0,
            changed=0,
            vanished=0,
            unchanged=0,
            outdated=len(window.charges),
            restatements=(),
        )
    intake = _Intake(connection, owner, window, taken)
    intake.compare()
    intake.revise()
    intake.add()
    moved = update_rollups(connection, owner, intake.touched)
    restatements = _restatements(window, owner, known, moved)
    _write_restatements(connection, restatements)
    _name_projects(connection, owner, intake.projects)
    covered = [
        it for it in known if window.start <= it.start and it.end <= window.end and it not in newer
    ]
    write_window(connection, owner, window, covered)
    return RecordedCharges(
        account=window.account,
        provider=window.provider,
        added=intake.added,
        changed=len(intake.changed),
        vanished=len(intake.vanished),
        unchanged=intake.unchanged,
        outdated=len(window.charges) - len(taken),
        restatements=restatements,
    )


class _Intake:
    """One window while it is written to `charge`."""

    def __init__(
        self, connection: Connection, owner: Owner, window: ChargeWindow, taken: Sequence[Charge]
    ) -> None:
        self._connection = connection
        self._owner = owner
        self._window = window
        self._pending = {storable_key(row.source_row_key): row for row in taken}
        self.added = 0
        self.unchanged = 0
        self.changed: dict[int, Charge] = {}
        self.vanished: list[int] = []
        self.touched: set[Group] = set()
        self.projects: dict[str, str] = {}

    def compare(self) -> None:
        """Find out what of the window is stored already, and what of it is not in it any more."""
        first, last = (
            it.astimezone(dt.UTC).date() for it in (self._window.start, self._window.end)
        )
        of_owner = (charge.c.x_Account == self._owner[0], charge.c.x_Provider == self._owner[1])
        found = self._connection.execute(select(charge.c.id).where(*of_owner).limit(1))
        if found.first() is None:
            return
        statement = select(charge.c.id, *_PLAIN).where(*of_owner)
        # Whatever zone its day is of, a row of the window lies within a day of it.
        near = charge.c.x_Day.between(first - _DAY, last + _DAY)
        for row in self._connection.execute(statement.where(near), execution_options=STREAMED):
            self._judge(row)
        # What the vendor has moved to other days is found by its key.
        for keys in portions(tuple(self._pending), _LOOKUP):
            moved = statement.where(charge.c.x_SourceRowKey.in_(keys))
            for row in self._connection.execute(moved).all():
                self._judge(row)

    def revise(self) -> None:
        """Overwrite changed rows, and keep their previous content."""
        statement = select(charge.c.id, charge.c.x_Revision, charge.c.x_ObservedAt, charge.c.x_Day)
        for rows in portions((*self.changed, *self.vanished), _LOOKUP):
            self._revise(
                self._connection.execute(
                    statement.add_columns(*_PLAIN).where(charge.c.id.in_(rows))
                ).all()
            )
        for rows in portions(self.vanished, _LOOKUP):
            self._connection.execute(delete(charge).where(charge.c.id.in_(rows)))

    def add(self) -> None:
        """Write new rows."""
        observed = to_micros(self._window.observed_at)
        for keys in portions(tuple(self._pending), _WRITTEN):
            revisions = self._revisions_of_vanished(keys)
            rows = []
            for key in keys:
                content = content_of(self._pending[key], self._window.day_zone)
                day = self._touch(content)
                revision = revisions.get(key, 0) + 1
                rows.append((*self._owner, day, observed, revision, COLLECTOR, *content))
            write_rows(self._connection, _INSERT, rows)
        self.added = len(self._pending)

    def _judge(self, row: Sequence[Any]) -> None:
        number, *rest = row
        stored = tuple(rest)
        given = self._pending.pop(stored[KEY], None)
        if given is not None:
            if content_of(given, self._window.day_zone) == stored:
                self.unchanged += 1
            else:
                self.changed[number] = given
        elif self._window.intake == "replace" and self._starts_inside(stored):
            self.vanished.append(number)

    def _starts_inside(self, stored: Content) -> bool:
        start: int = stored[START]
        return to_micros(self._window.start) <= start < to_micros(self._window.end)

    def _revise(self, rows: Sequence[Sequence[Any]]) -> None:
        observed = to_micros(self._window.observed_at)
        kept: list[tuple[object, ...]] = []
        updates: list[tuple[object, ...]] = []
        moves: list[tuple[object, ...]] = []
        for number, revision, observed_at, day, *rest in rows:
            old = tuple(rest)
            given = self.changed.get(number)
            new = None if given is None else content_of(given, self._window.day_zone)
            self.touched.add(group_of(old, day))
            if new is not None:
                new_day = self._touch(new)
                values = (*new[:KEY], *new[KEY + 1 :])
                updates.append((observed, revision + 1, COLLECTOR, *values, number))
                if new_day != day.isoformat():
                    moves.append((new_day, number))
            kept.append(
                (
                    *self._owner,
                    old[KEY],
                    revision,
                    to_micros(observed_at),
                    observed,
                    new is None,
                    old_values(old, new),
                )
            )
        for statement, values_of_all in ((_KEEP, kept), (_UPDATE, updates), (_MOVE, moves)):
            write_rows(self._connection, statement, values_of_all)

    def _touch(self, content: Content) -> str:
        """Note which group and project a new row is of; return its day as it is stored."""
        day = day_of(content, self._window.day_zone)
        self.touched.add(group_of(content, day))
        project = project_of(content)
        if project is not None:
            self.projects[project[0]] = project[1]
        return day.isoformat()

    def _revisions_of_vanished(self, keys: Sequence[str]) -> Mapping[str, int]:
        """Return the last revision of rows that were there before, vanished and are back."""
        table = charge_revision.c
        of_owner = (table.account == self._owner[0], table.provider == self._owner[1])
        back: dict[str, int] = {}
        for some in portions(keys, _LOOKUP):
            rows = self._connection.execute(
                select(table.source_row_key, func.max(table.revision))
                .where(*of_owner, table.source_row_key.in_(some))
                .group_by(table.source_row_key)
            )
            back |= {key: revision for key, revision in rows}  # noqa: C416 - to mypy, rows are not pairs
        return back


def _has_spoken(known: StoredWindow, window: ChargeWindow, now: dt.datetime) -> bool:
    """Return whether part of the window is as another read has it: a later one, as a rule.

    A read of the future was made before the machine's clock was set back, and is not later.
    """
    overlaps = known.start < window.end and window.start < known.end
    is_later = window.observed_at < known.observed_at <= now
    return overlaps and (is_later or window.only_unread)


def _taken(window: ChargeWindow, newer: Sequence[StoredWindow]) -> Sequence[Charge] | None:
    """Return the rows that no other read covers; `None` when there is nothing to do."""
    if not newer:
        return window.charges
    # Amounts of a window that is replaced depend on the whole of it: a part cannot be taken.
    is_whole = window.intake == "replace" or any(it.intake == "replace" for it in newer)
    if is_whole and not window.only_unread:
        return None
    if any(it.start <= window.start and window.end <= it.end for it in newer):
        return None
    return [
        row
        for row in window.charges
        if not any(it.start <= row.charge_period_start < it.end for it in newer)
    ]


def _restatements(
    window: ChargeWindow, owner: Owner, known: Sequence[StoredWindow], moved: Mapping[Group, Sum]
) -> tuple[Restatement, ...]:
    """Return how complete days have changed, over all categories and bases."""
    complete = {
        day: was_complete(known, day, window.day_zone) for day in {group.day for group in moved}
    }
    deltas: defaultdict[tuple[dt.date, str, str, str], Sum] = defaultdict(lambda: NOTHING)
    for group, change in moved.items():
        if complete[group.day]:
            key = (group.day, group.service, group.project, group.currency)
            deltas[key] = deltas[key].plus(change)
    return tuple(
        Restatement(
            account=owner[0],
            provider=owner[1],
            day=day,
            service=service,
            project=project,
            currency=currency,
            billed_delta=from_nano(delta.billed),
            effective_delta=from_nano(delta.effective),
            observed_at=window.observed_at,
        )
        for (day, service, project, currency), delta in sorted(deltas.items())
        if delta.billed or delta.effective
    )


def _write_restatements(connection: Connection, restatements: Sequence[Restatement]) -> None:
    if restatements:
        names = [name for name in charge_restatement.c.keys() if name != "id"]  # noqa: SIM118 - columns
        connection.execute(
            insert(charge_restatement),
            [{name: getattr(it, name) for name in names} for it in restatements],
        )


def _name_projects(connection: Connection, owner: Owner, names: Mapping[str, str]) -> None:
    """Remember what projects are called now."""
    table = charge_project.c
    known: dict[str, str] = {}
    for some in portions(tuple(names), _LOOKUP):
        rows = connection.execute(
            select(table.project, table.name).where(
                table.account == owner[0], table.provider == owner[1], table.project.in_(some)
            )
        )
        known |= {row.project: row.name for row in rows}
    changed = [project for project, name in names.items() if known.get(project) != name]
    for some in portions(changed, _LOOKUP):
        connection.execute(
            delete(charge_project).where(
                table.account == owner[0], table.provider == owner[1], table.project.in_(some)
            )
        )
        connection.execute(
            insert(charge_project),
            [
                {
                    "account": owner[0],
                    "provider": owner[1],
                    "project": project,
                    "name": names[project],
                }
                for project in some
            ],
        )

"""Which spans of time of each account have been read, when, and which days in them are complete."""

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, delete, insert, select

from costmon.domain.charge import ChargeWindow
from costmon.domain.charge_report import ChargeFreshness, StoredWindow
from costmon.store.charge_rollups import Owner
from costmon.store.charge_schema import charge_window
from costmon.store.packing import pack_gaps, unpack_gaps
from costmon.store.text import storable

_DAY = dt.timedelta(days=1)


def read_windows(connection: Connection, owner: Owner | None = None) -> tuple[StoredWindow, ...]:
    """Return the windows of one account, or of all, by account and start."""
    table = charge_window.c
    statement = select(charge_window).order_by(
        table.account, table.provider, table.start_at, table.end_at
    )
    if owner is not None:
        statement = statement.where(table.account == owner[0], table.provider == owner[1])
    return tuple(
        StoredWindow(
            account=row.account,
            provider=row.provider,
            start=row.start_at,
            end=row.end_at,
            intake=row.intake,
            observed_at=row.observed_at,
            complete_through=row.complete_through,
            day_zone=row.day_zone,
            charge_count=row.charge_count,
            gaps=unpack_gaps(row.gaps),
        )
        for row in connection.execute(statement)
    )


def write_window(
    connection: Connection,
    owner: Owner,
    window: ChargeWindow,
    replaced: Sequence[StoredWindow],
) -> None:
    """Note that `window` has been read, in place of windows that it covers.

    What was complete stays complete: a later change of it is a correction, whatever a later answer
    says about completeness.
    """
    table = charge_window.c
    for old in replaced:
        connection.execute(
            delete(charge_window).where(
                and_(
                    table.account == owner[0],
                    table.provider == owner[1],
                    table.start_at == old.start,
                    table.end_at == old.end,
                )
            )
        )
    said = [window.complete_through, *(old.complete_through for old in replaced)]
    connection.execute(
        insert(charge_window).values(
            account=owner[0],
            provider=owner[1],
            start_at=window.start,
            end_at=window.end,
            intake=window.intake,
            observed_at=window.observed_at,
            complete_through=max((it for it in said if it is not None), default=None),
            day_zone=storable(window.day_zone),
            charge_count=len(window.charges),
            gaps=pack_gaps(window),
        )
    )


def freshness(windows: Sequence[StoredWindow]) -> tuple[ChargeFreshness, ...]:
    """Return what the windows say about each account, in their order."""
    owners: dict[Owner, list[StoredWindow]] = {}
    for window in windows:
        owners.setdefault((window.account, window.provider), []).append(window)
    return tuple(_freshness(of_one) for of_one in owners.values())


def was_complete(windows: Sequence[StoredWindow], day: dt.date, day_zone: str) -> bool:
    """Return whether the vendor had called this day complete, and it had been read as a whole."""
    start, end = _instants(day, day_zone)
    return any(
        known.start <= start
        and (through := _complete_through(known)) is not None
        and end <= through
        for known in windows
    )


def _freshness(windows: Sequence[StoredWindow]) -> ChargeFreshness:
    last = max(windows, key=lambda window: window.observed_at)
    through = max(
        (it for window in windows if (it := _complete_through(window)) is not None), default=None
    )
    return ChargeFreshness(
        account=last.account,
        provider=last.provider,
        observed_at=last.observed_at,
        known_since=min(window.start for window in windows),
        complete_through=through,
        last_complete_day=None
        if through is None
        else through.astimezone(ZoneInfo(last.day_zone)).date() - _DAY,
        day_zone=last.day_zone,
        gaps=last.gaps,
    )


def _complete_through(window: StoredWindow) -> dt.datetime | None:
    """Return up to when the window is complete: nothing is known of what it did not ask for."""
    return None if window.complete_through is None else min(window.complete_through, window.end)


def _instants(day: dt.date, zone: str) -> tuple[dt.datetime, dt.datetime]:
    start, end = (
        dt.datetime.combine(it, dt.time(), ZoneInfo(zone)).astimezone(dt.UTC)
        for it in (day, day + _DAY)
    )
    return start, end

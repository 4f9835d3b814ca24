"""Alerts to deliver: written together with what the alerter remembers, kept until delivered."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, insert, select, update

from costmon.alerts.alert import Alert
from costmon.store.packing import readable
from costmon.store.schema import alert_outbox
from costmon.store.text import storable, storable_key

KEPT = dt.timedelta(days=30)
"""How long a delivery is remembered once it is over."""

_LONGEST = 20_000


class Undelivered(NamedTuple):
    """An alert that a channel has not taken yet.

    Attributes:
        channel: The channel's name.
        alert: What to tell.
    """

    channel: str
    alert: Alert


def enqueue(connection: Connection, alert: Alert, channels: Iterable[str]) -> None:
    """Keep an alert for each channel; one that is there already, delivered or not, stays."""
    key = storable_key(alert.id)
    known = set(
        connection.scalars(select(alert_outbox.c.channel).where(alert_outbox.c.alert_id == key))
    )
    rows = [
        {
            "alert_id": key,
            "channel": storable_key(channel),
            "alert": replace(alert, text=storable(alert.text, _LONGEST)).to_text(),
            "raised_at": alert.raised_at,
            "ended_at": None,
            "error": None,
        }
        for channel in channels
        if storable_key(channel) not in known
    ]
    if rows:
        connection.execute(insert(alert_outbox), rows)


def read_undelivered(connection: Connection) -> tuple[Undelivered, ...]:
    """Return what is to be delivered, oldest first."""
    rows = connection.execute(
        select(alert_outbox.c.channel, alert_outbox.c.alert)
        .where(alert_outbox.c.ended_at.is_(None))
        .order_by(alert_outbox.c.raised_at, alert_outbox.c.alert_id)
    )
    return tuple(readable(rows, "alert_outbox", _undelivered))


def _undelivered(row: Row[Any]) -> Undelivered:
    return Undelivered(row.channel, Alert.from_text(row.alert))


def end_delivery(
    connection: Connection, alert_id: str, channel: str, at: dt.datetime, error: str | None
) -> None:
    """Note that a channel has taken an alert, or that it never will (`error` says why).

    The channel may be quicker than the alerter: then there is no row yet, and this one keeps
    `enqueue` from adding it.
    """
    named = {"alert_id": storable_key(alert_id), "channel": storable_key(channel)}
    end = {"ended_at": at, "error": None if error is None else storable(error, _LONGEST)}
    ended = connection.execute(update(alert_outbox).filter_by(**named).values(**end))
    if ended.rowcount == 0:
        connection.execute(insert(alert_outbox).values(**named, **end, alert="", raised_at=at))
    connection.execute(delete(alert_outbox).where(alert_outbox.c.ended_at < at - KEPT))


def group_deliveries(
    connection: Connection, alert_ids: Iterable[str], channel: str, group: Alert, at: dt.datetime
) -> None:
    """Let one alert take the place of several that a channel has not taken yet."""
    for alert_id in alert_ids:
        end_delivery(connection, alert_id, channel, at, None)
    enqueue(connection, group, (channel,))

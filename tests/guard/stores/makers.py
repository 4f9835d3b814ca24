"""Plans as a guard would make them, without a guard."""

import datetime as dt

from costmon.domain.window import window_at, zone_of
from costmon.guard.stores.base import Line, Plan


def _next_21st(now):
    """Return 10:00 UTC on the next 21st: not long ahead, and far from any month's end."""
    this = now.replace(day=21, hour=10, minute=0, second=0, microsecond=0)
    return this if this > now else (this + dt.timedelta(days=20)).replace(day=21)


# Redis goes by its own server's clock, which nobody can set: what tests count must not be over for
# it, whenever they run.
START = _next_21st(dt.datetime.now(tz=dt.UTC) + dt.timedelta(hours=1))
NOON = int(START.timestamp())
HOUR = NOON
UTC = zone_of("UTC")


def line(scope="global", limit=None, *, period="month", warn=None, fixed=None, at=NOON):
    window = window_at(period.removeprefix("calls/"), at, UTC)
    return Line(
        scope=scope,
        period=period,
        bucket=window.bucket,
        first=window.first,
        last=window.last,
        limit=limit,
        warn=warn,
        fixed=fixed,
        resets_at=window.resets_at,
    )


def plan(*lines, activity="call", hour=HOUR, revision=0, scopes=None):
    named = tuple(dict.fromkeys(one.scope for one in lines)) if scopes is None else scopes
    return Plan(tuple(lines), named, activity, hour, revision)


def limited(limit, **named):
    return plan(line(limit=limit, **named))

"""Plans as a guard would make them, without a guard."""

from costmon.domain.window import window_at, zone_of
from costmon.guard.stores.base import Line, Plan

NOON = 1_795_255_200  # 2026-11-21 10:00 UTC, as the tests' clock says
HOUR = NOON
UTC = zone_of("UTC")


def line(scope="global", limit=None, *, period="month", warn=None, fixed=None, at=NOON):  # noqa: PLR0913 - all that a line has
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

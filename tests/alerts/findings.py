"""A finding for tests to vary."""

import dataclasses
import datetime as dt
from typing import Any

from costmon.domain.finding import Contribution, Series, SpendFinding

AT = dt.datetime(2026, 3, 10, 8, 25, tzinfo=dt.UTC)


def spend_finding(**changes: Any) -> SpendFinding:
    """Return one of the total, which has just been found."""
    one = SpendFinding(
        id="20260310T082500Z-burst-USD-global",
        series=Series("global", "USD"),
        state="opened",
        cause="burst",
        severity="critical",
        quiet=False,
        part_of=None,
        opened_at=AT,
        at=AT,
        since=AT - dt.timedelta(minutes=5),
        observed=50.0,
        expected=0.5,
        low=0.4,
        high=0.6,
        burned=49.5,
        per_hour=594.0,
        projected=307_000.0,
        projected_until=dt.datetime(2026, 4, 1, tzinfo=dt.UTC),
        confidence=0.99,
        why=("100 times the usual",),
        contributors=(Contribution("tag:a", 49.0, 0.25),),
    )
    return dataclasses.replace(one, **changes)

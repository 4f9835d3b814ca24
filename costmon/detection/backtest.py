"""Replay a series that is over: what would have been found, when, and what had burned by then."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from costmon.detection.finding import Finding, WatchConfig
from costmon.detection.watch import SpendWatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A finding from its beginning to its end.

    Attributes:
        opened: As it would have been told first.
        last: Its last state; the same when nothing followed.
    """

    opened: Finding
    last: Finding

    @property
    def burned(self) -> float:
        """Return what was spent above the usual by the newest state of it."""
        return max(self.opened.burned, self.last.burned)


def replay(
    samples: Iterable[tuple[dt.datetime, Decimal]],
    config: WatchConfig | None = None,
    expected: Iterable[tuple[dt.datetime, dt.datetime]] = (),
) -> tuple[Replayed, ...]:
    """Return what is found in samples, in the order in which it was opened.

    Args:
        samples: End of a bucket, aware, and what was spent in it, oldest first.
        config: Of the watch.
        expected: Announced windows.
    """
    watch = SpendWatch(config, expected=expected)
    found: list[Replayed] = []
    open_at: dict[str, int] = {}
    for at, amount in samples:
        finding = watch.update(at, amount)
        if finding is None:
            continue
        known = open_at.get(finding.cause)
        if finding.state == "opened" or known is None:
            open_at[finding.cause] = len(found)
            found.append(Replayed(opened=finding, last=finding))
        else:
            found[known] = Replayed(opened=found[known].opened, last=finding)
        if finding.state == "resolved":
            open_at.pop(finding.cause, None)
    return tuple(found)

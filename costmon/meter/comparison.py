"""Compare two recordings, and tell significant changes from noise.

Mean CPU is compared with Welch's confidence interval: the difference of two means -+ t times its
standard error, with unequal variances. It is valid for recordings on the same, otherwise idle
machine.
"""

import math
from decimal import Decimal
from typing import Literal, NamedTuple

from costmon.meter.figures import Phase, RouteStats, merged_rows
from costmon.meter.projection.interval import thousandths_of_t

_NS_PER_US = 1000
_FEWEST = 2

Verdict = Literal["slower", "faster", "noise", "few", "new", "gone"]
"""`noise`: the interval contains 0. `few`: too few requests were measured."""


class Side(NamedTuple):
    """One route in one recording.

    Attributes:
        requests: Number of completed requests.
        mean_ns: Mean CPU per request, including late work.
        scatter_ns: Variance of the mean, in ns squared; `None` below 2 measured requests.
        measured: Number of requests whose CPU was measured.
        bytes_out_mean: Mean response body size.
    """

    requests: int
    mean_ns: int
    scatter_ns: float | None
    measured: int
    bytes_out_mean: int


class Change(NamedTuple):
    """One route in both recordings.

    Attributes:
        method: HTTP method.
        route: Route template.
        old: In the old recording; `None`: not called.
        new: In the new recording; `None`: not called.
        low_ns: Lower end of the 95 % interval of the difference; `None` if there is none.
        high_ns: Upper end of the interval.
        ratio: New mean / old mean - 1; `None` if one is missing or the old one is 0.
        verdict: What the interval means.
    """

    method: str
    route: str
    old: Side | None
    new: Side | None
    low_ns: int | None
    high_ns: int | None
    ratio: Decimal | None
    verdict: Verdict

    @property
    def name(self) -> str:
        """Method and template."""
        return f"{self.method} {self.route}"


class Comparison(NamedTuple):
    """The comparison of two recordings.

    Attributes:
        changes: One for each route of either recording, largest growth in total CPU first.
        ratio: Change of CPU per request, weighted by the new recording's traffic, over routes in
            both; `None` if there are none.
    """

    changes: tuple[Change, ...]
    ratio: Decimal | None

    def above(self, limit: Decimal) -> tuple[Change, ...]:
        """Return the routes whose CPU grew significantly and by more than `limit` (0.1: 10 %)."""
        return tuple(
            change
            for change in self.changes
            if change.verdict == "slower" and change.ratio is not None and change.ratio > limit
        )


def compared(old: Phase, new: Phase) -> Comparison:
    """Return the changes from one recording to the other."""
    before, after = _sides(old), _sides(new)
    changes = [
        _change(*key, before.get(key), after.get(key)) for key in sorted(before.keys() | after)
    ]
    changes.sort(key=lambda change: (-_growth_ns(change), change.route, change.method))
    both = [(it.old, it.new) for it in changes if it.old is not None and it.new is not None]
    was = sum(one.mean_ns * two.requests for one, two in both)
    is_now = sum(two.mean_ns * two.requests for _, two in both)
    return Comparison(tuple(changes), Decimal(is_now) / Decimal(was) - 1 if was else None)


def _sides(phase: Phase) -> dict[tuple[str, str], Side]:
    rows = merged_rows(row._replace(status=0, tag="") for row in phase.routes if row.requests)
    return {(row.method, row.route): _side(row) for row in rows}


def _side(row: RouteStats) -> Side:
    return Side(
        requests=row.requests,
        mean_ns=row.cpu_estimate_ns // row.requests,
        scatter_ns=_scatter(row),
        measured=row.cpu_measured,
        bytes_out_mean=row.bytes_out // row.requests,
    )


def _scatter(row: RouteStats) -> float | None:
    count = row.cpu_measured
    if count < _FEWEST:
        return None
    # Integers until here: subtracting two nearly equal floats would lose all digits.
    sum_of_squares = row.cpu_squares * _NS_PER_US**2 * count - row.cpu_ns**2
    return max(0, sum_of_squares) / (count * count * (count - 1))


def _change(method: str, route: str, old: Side | None, new: Side | None) -> Change:
    if old is None or new is None:
        verdict: Verdict = "new" if old is None else "gone"
        return Change(method, route, old, new, None, None, None, verdict)
    ratio = Decimal(new.mean_ns) / Decimal(old.mean_ns) - 1 if old.mean_ns else None
    half_ns = _half_width_ns(old, new)
    if half_ns is None:
        return Change(method, route, old, new, None, None, ratio, "few")
    difference_ns = new.mean_ns - old.mean_ns
    low_ns, high_ns = difference_ns - half_ns, difference_ns + half_ns
    verdict = "slower" if low_ns > 0 else "faster" if high_ns < 0 else "noise"
    return Change(method, route, old, new, low_ns, high_ns, ratio, verdict)


def _half_width_ns(old: Side, new: Side) -> int | None:
    if old.scatter_ns is None or new.scatter_ns is None:
        return None
    both = old.scatter_ns + new.scatter_ns
    parts = old.scatter_ns**2 / (old.measured - 1) + new.scatter_ns**2 / (new.measured - 1)
    # Welch-Satterthwaite; without variance the degrees of freedom do not matter.
    degrees = int(both**2 / parts) if parts else old.measured + new.measured - 2
    return math.ceil(math.sqrt(both) * thousandths_of_t(max(1, degrees)) / 1000)


def _growth_ns(change: Change) -> int:
    if change.old is None or change.new is None:
        return 0
    return (change.new.mean_ns - change.old.mean_ns) * change.new.requests

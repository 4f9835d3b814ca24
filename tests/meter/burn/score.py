"""How far what was measured is from what was burned."""

from collections.abc import Mapping
from typing import NamedTuple

ATTRIBUTED, MEAN_ERROR, WRONG_SHARE = 0.85, 0.25, 0.10
"""What a run in the suite has to keep, on a machine that does other work, too."""
RUNS = 3
"""How many runs may miss that before a test fails."""


class Score(NamedTuple):
    """One way to tell a bill's routes, held against the truth.

    Attributes:
        attributed: What it put into routes, as a share of the process's CPU; 1.0 is all of it.
        mean_error: Of the routes that burned anything, the mean share by which they are off.
        max_error: The worst of them.
        wrong_share: Share of its bill that is on another route than the one that burned it.
        around_error: As `mean_error`, if what a request costs beside its handler counts as used by
            it. A framework needs CPU around each handler: 0.4 ms under BaseHTTPMiddleware, and 1 to
            2 ms where other processes take the caches. It is what the bill has beyond what was
            burned, at most what the process used, in equal shares of the routes.
    """

    attributed: float
    mean_error: float
    max_error: float
    wrong_share: float
    around_error: float


def score(measured: Mapping[str, int], truth: Mapping[str, int], process_cpu_ns: int) -> Score:
    """Compare the CPU by route, in ns, with the truth; what is missing on a side is 0."""
    billed, burned = sum(measured.values()), sum(truth.values())
    burning = {route: burned_ns for route, burned_ns in truth.items() if burned_ns}
    errors = [
        abs(measured.get(route, 0) - burned_ns) / burned_ns for route, burned_ns in burning.items()
    ]
    around_ns = max(0, min(billed, process_cpu_ns) - burned) / len({*measured, *truth})
    around = [
        abs(measured.get(route, 0) - burned_ns - around_ns) / (burned_ns + around_ns)
        for route, burned_ns in burning.items()
    ]
    apart = sum(
        abs(measured.get(route, 0) / billed - truth.get(route, 0) / burned)
        for route in {*measured, *truth}
    )
    return Score(
        attributed=billed / process_cpu_ns,
        mean_error=sum(errors) / len(errors),
        max_error=max(errors),
        wrong_share=apart / 2,
        around_error=sum(around) / len(around),
    )

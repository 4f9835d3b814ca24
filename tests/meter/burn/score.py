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
        wrong_share: Share of its bill that is on another route than the one that used it.
        beyond_burned: As `mean_error`, if a request were to cost only what its handler burned.
    """

    attributed: float
    mean_error: float
    max_error: float
    wrong_share: float
    beyond_burned: float


def score(measured: Mapping[str, int], truth: Mapping[str, int], process_cpu_ns: int) -> Score:
    """Compare the CPU by route, in ns, with the truth; what is missing on a side is 0.

    A request costs what its handler burns, and what the framework needs around it: 0.4 ms under
    BaseHTTPMiddleware, and 1 to 2 ms where other processes take the caches between its steps. The
    framework does the same for each request, so its CPU is shared equally by the routes, which get
    the same number of requests. It is what the bill has beyond what was burned, at most what the
    operating system says that the process used.
    """
    routes = {*measured, *truth}
    billed, burned = sum(measured.values()), sum(truth.values())
    around = max(0, min(billed, process_cpu_ns) - burned) / len(routes)
    used = {route: truth.get(route, 0) + around for route in routes}
    burning = {route: burned_ns for route, burned_ns in truth.items() if burned_ns}
    errors = [abs(measured.get(route, 0) - used[route]) / used[route] for route in burning]
    apart = sum(
        abs(measured.get(route, 0) / billed - used_ns / (burned + around * len(routes)))
        for route, used_ns in used.items()
    )
    beyond = [
        abs(measured.get(route, 0) - burned_ns) / burned_ns for route, burned_ns in burning.items()
    ]
    return Score(
        attributed=billed / process_cpu_ns,
        mean_error=sum(errors) / len(errors),
        max_error=max(errors),
        wrong_share=apart / 2,
        beyond_burned=sum(beyond) / len(beyond),
    )

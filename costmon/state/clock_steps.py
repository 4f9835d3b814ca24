"""The steps of the machine's clock that the service has noticed."""

from dataclasses import dataclass

_TOLD_FOR_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSteps:
    """Steps of the wall clock since the service started.

    Attributes:
        count: How many.
        last_step_s: By how much the clock was set the last time; negative: back. 0: never.
        noticed_s: When that was noticed, monotonic seconds.
    """

    count: int
    last_step_s: float
    noticed_s: float


NO_STEPS = ClockSteps(count=0, last_step_s=0.0, noticed_s=0.0)


def recent_step(steps: ClockSteps, now_s: float) -> str | None:
    """Return in words that the clock was set within the last minutes; `None` when it was not."""
    ago_s = now_s - steps.noticed_s
    if not steps.count or ago_s > _TOLD_FOR_S:
        return None
    way = "forward" if steps.last_step_s > 0 else "back"
    return (
        f"the clock was set {way} by {abs(steps.last_step_s):.0f} s, {ago_s:.0f} s ago; the time "
        "that it skipped is not observed, see `not_observed` in the history"
    )

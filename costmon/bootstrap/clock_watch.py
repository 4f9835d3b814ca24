"""Notice that the machine's clock was set: history, freshness and periods depend on it."""

import structlog

from costmon.clock import SMALLEST_STEP_S, Clock, StepDetector
from costmon.state.clock_steps import ClockSteps
from costmon.state.published import Published


class ClockWatch:
    """Compares the wall clock with the monotonic clock; for one thread.

    Args:
        clock: The machine's.
        steps: Where it is published what was noticed.
    """

    def __init__(self, clock: Clock, steps: Published[ClockSteps]) -> None:
        self._log = structlog.get_logger()
        self._clock = clock
        self._steps = steps
        self._detector = StepDetector(clock)

    def look(self) -> None:
        """Log and publish a step since the last look."""
        step_s = self._detector.take_s()
        if abs(step_s) < SMALLEST_STEP_S:
            return
        self._steps.publish(
            ClockSteps(
                count=self._steps.read().count + 1,
                last_step_s=step_s,
                noticed_s=self._clock.monotonic_s(),
            )
        )
        self._log.error(
            "bootstrap.clock_stepped",
            step_s=round(step_s, 1),
            now=self._clock.now().isoformat(),
            hint="the machine was suspended, or its clock was set; check its time service",
        )

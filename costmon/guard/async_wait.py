"""Wait in asyncio until a guard may have room."""

from decimal import Decimal
from typing import Protocol

from costmon.clock import EpochClock
from costmon.guard.errors import BudgetRefused, RateRefused

_FIRST_LOOK_S = 0.02
_LONGEST_LOOK_S = 0.25


class BudgetReader(Protocol):
    """What is asked of the guard."""

    clock: EpochClock

    def remaining(self, scope: str, period: str | None = None) -> Decimal | None:
        """Return what may still be spent; `None` without a limit."""
        ...


async def wait_for_room(
    guard: BudgetReader, refused: BudgetRefused | RateRefused, deadline_s: float
) -> bool:
    """Wait until it looks as if there were room; say whether it does.

    Only looks: a refusal that is asked for again and again would be counted again and again.
    """
    import asyncio

    look_s = _FIRST_LOOK_S
    rate = isinstance(refused, RateRefused)
    while (left_s := deadline_s - guard.clock.monotonic_s()) > 0:
        pause_s = refused.retry_after_s if rate and refused.retry_after_s else look_s
        await asyncio.sleep(min(left_s, pause_s))
        look_s = min(look_s * 1.5, _LONGEST_LOOK_S)
        if isinstance(refused, RateRefused):
            return True
        remaining = guard.remaining(refused.scope, refused.period)
        if remaining is None or remaining >= refused.estimate:
            return True
    return False

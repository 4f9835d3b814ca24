"""Wait in asyncio until a budget may have room for a call."""

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Protocol

from costmon.clock import EpochClock
from costmon.guard.errors import BudgetRefused, RateRefused

if TYPE_CHECKING:
    from costmon.guard.off_loop import OffLoop

_FIRST_LOOK_S = 0.02
_LONGEST_LOOK_S = 0.25


class BudgetReader(Protocol):
    """What waiting needs of the guard."""

    clock: EpochClock

    @property
    def off_loop(self) -> "OffLoop":
        """Return the threads in which the store is used."""
        ...

    def remaining(self, scope: str, period: str | None = None) -> Decimal | None:
        """Return what may still be spent; `None` without a limit."""
        ...


async def wait_for_room(
    guard: BudgetReader, refused: BudgetRefused | RateRefused, deadline_s: float
) -> bool:
    """Wait until there seems to be room; return whether there is.

    It only reads figures: repeated reserves would be counted as repeated refusals.
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
        remaining = await guard.off_loop.run(
            partial(guard.remaining, refused.scope, refused.period)
        )
        if remaining is None or remaining >= refused.estimate:
            return True
    return False

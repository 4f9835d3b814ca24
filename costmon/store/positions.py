"""Keep the vendor's order in a column without rewriting it whenever something comes or goes."""

import operator
from collections.abc import Sequence

_STEP = 2**20


def positions(known: Sequence[int | None]) -> list[int]:
    """Return strictly increasing positions for things in order.

    Args:
        known: The present position of each thing, `None` for a new one.

    Returns:
        The same positions with the new ones fitted in between; all are recalculated only when the
        vendor has changed the order or there is no room left between two.
    """
    settled = [position for position in known if position is not None]
    if len(settled) == len(known) and all(map(operator.lt, settled, settled[1:])):
        return settled
    filled: list[int] = []
    waiting = 0
    for position in known:
        if position is None:
            waiting += 1
            continue
        if not filled:
            filled += (position - _STEP * (waiting - i) for i in range(waiting))
        else:
            left = filled[-1]
            gap = (position - left) // (waiting + 1)
            if gap < 1:
                return [i * _STEP for i in range(len(known))]
            filled += (left + gap * (i + 1) for i in range(waiting))
        filled.append(position)
        waiting = 0
    last = filled[-1] if filled else 0
    return filled + [last + _STEP * (i + 1) for i in range(waiting)]

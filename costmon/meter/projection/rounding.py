"""Divide an amount into whole cents, so that the parts add up to it exactly."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

CENT = Decimal("0.01")


def in_cents(amount: Decimal) -> Decimal:
    """Return the amount in whole cents, half to even."""
    return amount.quantize(CENT, rounding=ROUND_HALF_EVEN)


def apportioned(
    total: Decimal, weights: Sequence[int], *, step: Decimal = CENT
) -> tuple[Decimal, ...]:
    """Divide `total` by weight into multiples of `step`, whose sum is exactly `total`.

    This is the largest remainder method: every part is rounded down, and the remaining steps go to
    the parts with the largest remainders; in case of a tie, to the first. Each part differs by less
    than a step from its exact share.

    Args:
        total: A multiple of `step`; negative for a refund.
        weights: At least one; none is negative. If all are 0 the parts are equal.
        step: The smallest amount.
    """
    steps = int((total / step).to_integral_value(rounding=ROUND_HALF_EVEN))
    sign = -1 if steps < 0 else 1
    weighed = weights if any(weights) else [1] * len(weights)
    whole = sum(weighed)
    quotas = [divmod(abs(steps) * weight, whole) for weight in weighed]
    parts = [quota for quota, _ in quotas]
    left = abs(steps) - sum(parts)
    by_loss = sorted(range(len(quotas)), key=lambda at: (-quotas[at][1], at))
    for at in by_loss[:left]:
        parts[at] += 1
    return tuple(sign * part * step for part in parts)

"""Divide an amount into whole cents so that the parts add up to it again."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

CENT = Decimal("0.01")


def in_cents(amount: Decimal) -> Decimal:
    """Return the amount in whole cents, half to even."""
    return amount.quantize(CENT, rounding=ROUND_HALF_EVEN)


def apportioned(
    total: Decimal, weights: Sequence[int], *, step: Decimal = CENT
) -> tuple[Decimal, ...]:
    """Return a part of `total` for each weight, in whole steps; their sum is `total`, exactly.

    By the largest remainder: every part is rounded down, and the steps that are left go to those
    that lost most; of equals, to the first. No part is a step or more from its exact share.

    Args:
        total: A multiple of `step`; below 0 for a refund.
        weights: At least 0, and at least one of them; where all are 0 the parts are equal.
        step: The least amount there is.
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

"""Exact amounts of money.

Amounts are `Decimal` in major units (dollars, not cents) and are rounded only when shown. Where an
amount is stored it is an integer of nano-units (1e-9), see `to_nano`.
"""

from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation

NANO = 1_000_000_000
EXACT = Context(prec=1_000, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact, InvalidOperation])
"""For sums: the default context keeps 28 digits, which amounts with 20 decimals may exceed."""
_CENT = Decimal("0.01")
_NANO_UNIT = Decimal("1E-9")
_LEAST_CENTS = 0.1


def shown(amount: Decimal) -> Decimal:
    """Round to two decimals, half to even, as every page and answer shows money."""
    return amount.quantize(_CENT, rounding=ROUND_HALF_EVEN)


def brief(amount: float | Decimal) -> str:
    """Return an amount for a sentence: cents, or two digits of what is less."""
    if amount == 0 or amount >= _LEAST_CENTS or amount <= -_LEAST_CENTS:
        return f"{amount:,.2f}"
    return f"{amount:.2g}"


def to_nano(amount: Decimal) -> int:
    """Return whole nano-units, half to even: the only rounding before showing.

    Raises:
        ValueError: The amount is not finite.
    """
    if not amount.is_finite():
        msg = f"{amount} is not a valid amount of money"
        raise ValueError(msg)
    return int(amount.scaleb(9, EXACT).to_integral_value(rounding=ROUND_HALF_EVEN))


def from_nano(nano: int) -> Decimal:
    """Return the exact amount of `nano` nano-units."""
    return Decimal(nano).scaleb(-9)


def plain(nano: int) -> Decimal:
    """Return the exact amount of nano-units as people write it: `0.00`, `0.013`, `1000.00`."""
    return Decimal(shown_exact(from_nano(nano)))


def shown_exact(amount: Decimal) -> str:
    """Return every digit there is, at least two after the point: `0.02`, `0.000013`, `1000.00`."""
    text = f"{amount:f}"
    whole, point, part = text.partition(".")
    return f"{whole}.{part.rstrip('0').ljust(2, '0')}" if point else f"{text}.00"


def share(amount: Decimal, part: int, parts: int) -> Decimal:
    """Return the part number `part` (from 0) of an amount that is spread evenly.

    Parts have at most nine decimals, but for the last one, and add up to the amount exactly.
    """
    return _up_to(amount, part + 1, parts) - _up_to(amount, part, parts)


def _up_to(amount: Decimal, part: int, parts: int) -> Decimal:
    if part == parts:
        return amount
    return (amount * part / parts).quantize(_NANO_UNIT, rounding=ROUND_HALF_EVEN)

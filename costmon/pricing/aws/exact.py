"""Decimal arithmetic that never rounds: it raises `decimal.Inexact` instead.

A byte is 2**-30 of a GB, which has 30 decimals: Python's usual 28 digits would round it.
"""

from collections.abc import Iterable
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

from costmon.errors import AmountError

Quantity = int | Decimal
"""How much of something: whole bytes, requests, milliseconds; a `Decimal` for halves and parts."""

EXACT = Context(prec=200, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])

_MOST = 10**30
_FINEST = -30


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum."""
    whole = Decimal(0)
    for amount in amounts:
        whole = EXACT.add(whole, amount)
    return whole


def quantity_of(name: str, given: object) -> Quantity:
    """Return a quantity of at least 0.

    Raises:
        AmountError: It is negative, not finite, a float, or of absurd size or fineness.
    """
    if isinstance(given, int) and not isinstance(given, bool):
        if 0 <= given <= _MOST:
            return given
    elif isinstance(given, Decimal) and given.is_finite() and 0 <= given <= _MOST:
        exponent = given.as_tuple().exponent
        if isinstance(exponent, int) and exponent >= _FINEST:
            return given
    raise AmountError(f"{name}={given!r}"[:80], "a whole number or a Decimal, from 0 to 10**30")

"""Amounts that users give: text, `Decimal`, whole numbers or floats, in major units (dollars)."""

from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal, InvalidOperation

from costmon.domain.money import NANO
from costmon.errors import AmountError

Amount = str | int | Decimal | float
"""Major units. A float means its shortest decimal form: 0.1 is one tenth, exactly."""

HIGHEST = 9_000_000_000
"""Major units; about what 64 bits hold of nano-units."""
MOST_QUANTITY = 10**30
"""Of anything that is counted. Bytes of a large company in a month have 18 digits."""
_MOST_DECIMALS = 60
_HIGHEST = Decimal(HIGHEST)


def amount_of(given: Amount) -> Decimal:
    """Return an exact amount of at least 0.

    Raises:
        AmountError: It is negative, not finite, too large, or no number.
    """
    if isinstance(given, bool) or not isinstance(given, str | int | Decimal | float):
        raise AmountError(repr(given), "an amount such as '0.02'")
    try:
        amount = Decimal(repr(given) if isinstance(given, float) else given)
    except InvalidOperation:
        raise AmountError(repr(given)[:60], "an amount such as '0.02'") from None
    if not amount.is_finite() or not 0 <= amount <= HIGHEST:
        raise AmountError(repr(given)[:60], f"an amount from 0 to {HIGHEST}")
    return abs(amount)


def is_number(value: Decimal, most: Decimal | int = _HIGHEST) -> bool:
    """Tell whether it is finite, from -`most` to `most`, and every digit of it can be kept.

    `1E+999999999` is finite, and a million pages when it is written out.
    """
    if not value.is_finite():
        return False
    written = str(value)
    # Reading the exponent takes much longer than the text, which proves it in most cases.
    if len(written) > _MOST_DECIMALS or "E" in written:
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -_MOST_DECIMALS:
            return False
    return value.copy_abs() <= most


def nano_up(given: Amount) -> int:
    """Return nano-units, rounded up: what is held must not be less than what may be spent."""
    return int((amount_of(given) * NANO).to_integral_value(ROUND_CEILING))


def nano_even(given: Amount) -> int:
    """Return nano-units, half to even: what was spent."""
    return int((amount_of(given) * NANO).to_integral_value(ROUND_HALF_EVEN))


def currency_of(text: object) -> str:
    """Return an ISO 4217 code in upper case.

    Raises:
        AmountError: It is not three letters.
    """
    if isinstance(text, str) and len(text) == 3 and text.isascii() and text.isalpha():  # noqa: PLR2004 - ISO 4217
        return text.upper()
    raise AmountError(repr(text)[:60], "an ISO 4217 currency code such as 'USD'")

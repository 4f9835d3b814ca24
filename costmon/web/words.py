"""Format amounts, times and names for people."""

import datetime as dt
from decimal import Decimal

from costmon.domain.money import shown

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}
_LONGEST = 80
# Calls cost fractions of a cent, which must not look like nothing.
_PLACES = ((Decimal(10), 2), (Decimal("0.01"), 4))
_MOST_PLACES = 9
_MINUTE_S = 60
_HOUR_S = 3600
_DAY_S = 86_400


def money(amount: Decimal | None, currency: str = "USD", *, sign: bool = False) -> str:
    """Return an amount such as `$1,234.50` or `<$0.01`; "unknown" when it is not known."""
    if amount is None:
        return "unknown"
    rounded = shown(amount)
    before = "\N{MINUS SIGN}" if rounded < 0 else "+" if sign and rounded > 0 else ""
    figure = f"{abs(rounded):,.2f}"
    if amount > 0 and not rounded:
        before, figure = "<", "0.01"  # something is not nothing
    symbol = _SYMBOLS.get(currency)
    return f"{before}{symbol}{figure}" if symbol else f"{before}{figure} {currency}"


def round_money(amount: Decimal | None, currency: str = "USD") -> str:
    """Return an amount in whole units such as `$1,235`, for a chart; one below 1 in cents."""
    if amount is None or abs(amount) < 1:
        return money(amount, currency)
    before = "\N{MINUS SIGN}" if amount < 0 else ""
    figure = f"{abs(amount):,.0f}"
    symbol = _SYMBOLS.get(currency)
    return f"{before}{symbol}{figure}" if symbol else f"{before}{figure} {currency}"


def fine(amount: Decimal | None, currency: str = "USD") -> str:
    """Return an amount, however small, such as `$0.0000131`; "unknown" when it is not known."""
    if amount is None:
        return "unknown"
    places = next((places for least, places in _PLACES if amount >= least), _MOST_PLACES)
    figure = f"{amount:,.{places}f}"
    whole, _, decimals = figure.partition(".")
    figure = f"{whole}.{decimals.rstrip('0'):0<2}"
    symbol = _SYMBOLS.get(currency)
    return f"{symbol}{figure}" if symbol else f"{figure} {currency}"


def spend(amount: float, unit: str) -> str:
    """Return what detection has computed, such as `$12.50`; it is rounded, not exact."""
    before = "\N{MINUS SIGN}" if amount < 0 else ""
    rounded = f"{abs(amount):.2f}" if abs(amount) >= 1 else f"{abs(amount):.2g}"
    return before + fine(Decimal(rounded), unit)


def moment(when: dt.datetime | None) -> str:
    """Return a time such as `2026-11-21 10:00 UTC`."""
    return "never" if when is None else f"{when.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def age(seconds: float | None) -> str:
    """Return a span such as `12 s`, `3 min`, `2 h` or `4 days`."""
    if seconds is None:
        return "never"
    whole = int(seconds)
    if whole < 2 * _MINUTE_S:
        return f"{whole} s"
    if whole < 2 * _HOUR_S:
        return f"{whole // _MINUTE_S} min"
    if whole < 2 * _DAY_S:
        return f"{whole // _HOUR_S} h"
    return f"{whole // _DAY_S} days"


def period_in_words(period: str, start: dt.date) -> str:
    """Return the period of a limit such as `November 2026`, `29 November 2026` or `this hour`."""
    match period:
        case "month":
            return f"{start:%B %Y}"
        case "day":
            return f"{start.day} {start:%B %Y}"
        case "hour":
            return "this hour"
        case "total":
            return "in total"
        case _:
            return period.replace("rolling:", "the last ")


def whole(text: str) -> str:
    """Return a text from outside as it is, unprintable characters made visible."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def short(name: str | None) -> str:
    """Return a vendor's text cut to one line, unprintable characters made visible."""
    line = whole((name or "")[:200])
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"

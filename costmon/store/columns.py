"""Column types that keep money and time exact on every database.

Money is an INTEGER of nano-units (1e-9): SQLAlchemy's `Numeric` goes through a float on SQLite,
silently. Time is an INTEGER of microseconds since 1970-01-01T00:00:00Z: the same number on every
database, ordered, exact to what a `datetime` holds, and no time zone can get in between. Whoever
reads the file by hand uses the view `cost_history`, which shows both as text.
"""

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Dialect, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from costmon.domain.money import from_nano, to_nano

LARGEST_NANO = 2**63 - 1
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def to_micros(moment: dt.datetime) -> int:
    """Return microseconds since 1970 of an aware datetime.

    Raises:
        ValueError: The datetime is naive.
    """
    if moment.tzinfo is None:
        msg = f"{moment} has no time zone: history keeps aware times only"
        raise ValueError(msg)
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> dt.datetime:
    """Return the aware UTC datetime `micros` microseconds after 1970."""
    return _EPOCH + dt.timedelta(microseconds=micros)


def to_text(number: Decimal) -> str:
    """Return every digit as it was written, without an exponent: `0.00000080000`."""
    text = str(number)
    return f"{number:f}" if "E" in text else text


class ExactDecimal(TypeDecorator[Decimal]):
    """A number as text, with the digits it was written with, trailing zeros included."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = Text
    cache_ok: bool | None = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        """Return the digits of `value`."""
        del dialect
        return None if value is None else to_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        """Return the number that was stored."""
        del dialect
        return None if value is None else Decimal(value)


class NanoAmount(TypeDecorator[Decimal]):
    """An exact amount of money as whole nano-units.

    Binding refuses what would change the amount: floats, NaN and infinities, digits below a
    nano-unit (round with `to_nano` first: that is the store's one rounding) and amounts beyond
    9,223,372,036.854775807.
    """

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = BigInteger
    cache_ok: bool | None = True

    def process_bind_param(self, value: object, dialect: Dialect) -> int | None:
        """Return the nano-units of `value`.

        Raises:
            TypeError: It is not a Decimal.
            ValueError: It is not finite, or finer than a nano-unit.
            OverflowError: It does not fit in 64 bits.
        """
        del dialect
        if value is None:
            return None
        if not isinstance(value, Decimal):
            msg = f"money is a Decimal, not {type(value).__name__}"
            raise TypeError(msg)
        nano = to_nano(value)
        if abs(nano) > LARGEST_NANO:
            msg = f"{value} is more than 64 bits of nano-units can hold"
            raise OverflowError(msg)
        if from_nano(nano) != value:
            msg = f"{value} is finer than a nano-unit: round it first"
            raise ValueError(msg)
        return nano

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        """Return the exact amount of stored nano-units."""
        del dialect
        return None if value is None else from_nano(int(value))

    def coerce_compared_value(self, op: object, value: object) -> TypeEngine[Any]:
        """Bind the other side of a comparison by the same rules."""
        del op, value
        return self


class UtcMicros(TypeDecorator[dt.datetime]):
    """An aware moment as microseconds since 1970."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = BigInteger
    cache_ok: bool | None = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> int | None:
        """Return the microseconds of an aware datetime."""
        del dialect
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> dt.datetime | None:
        """Return the aware UTC datetime of stored microseconds."""
        del dialect
        return None if value is None else from_micros(int(value))

    def coerce_compared_value(self, op: object, value: object) -> TypeEngine[Any]:
        """Bind the other side of a comparison by the same rules."""
        del op, value
        return self

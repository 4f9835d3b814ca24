"""Read a parsed JSON document value by value; each value knows its path.

Input is not trusted: numbers, texts and lists have limits. Unknown members are ignored, so that an
older reader accepts a newer writer of the same version.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from math import isfinite
from typing import NoReturn

from costmon.errors import InputError
from costmon.meter.figures import RouteStats
from costmon.meter.reporting.text import NAME_CHARACTERS, ROUTE_CHARACTERS, readable

MOST_ROWS = 20_000
"""The most rows in one phase of a snapshot."""

_LAST_BUCKET = 2_100
"""Above the bucket of any 64-bit number."""

_MOST = 1 << 128
"""The largest number: sums of squares exceed 64 bits."""

_MOST_SECONDS = 1e12
_DIGITS = 40
_FIELDS = len(RouteStats._fields)
_COUNTS = RouteStats._fields[2:13]


class Reading:
    """A value in a document.

    Attributes:
        path: Its path, such as `$.whole.routes[3]`.
    """

    __slots__ = ("_value", "path")

    def __init__(self, value: object, path: str = "$") -> None:
        self._value = value
        self.path = path

    @classmethod
    def parsed(cls, content: bytes) -> "Reading":
        """Parse a JSON text.

        Raises:
            InputError: It is not valid JSON, or nested too deeply.
        """
        try:
            return cls(json.loads(content, parse_constant=_refuse_constant))
        except (ValueError, RecursionError) as error:
            raise InputError(f"$: not valid JSON ({type(error).__name__})") from None

    def member(self, name: str) -> "Reading":
        """Return a member of an object.

        Raises:
            InputError: This is not an object, or has no such member.
        """
        if not isinstance(self._value, dict):
            self.refuse("an object")
        if name not in self._value:
            raise InputError(f"{self.path}.{name}: missing")
        return Reading(self._value[name], f"{self.path}.{name}")

    def optional(self, name: str) -> "Reading | None":
        """Return a member of an object; `None` if it is missing or null.

        Raises:
            InputError: This is not an object.
        """
        if not isinstance(self._value, dict):
            self.refuse("an object")
        value = self._value.get(name)
        return None if value is None else Reading(value, f"{self.path}.{name}")

    def entries(self, most: int) -> Iterator["Reading"]:
        """Yield the entries of a list.

        Raises:
            InputError: This is not a list, or has more than `most` entries.
        """
        if not isinstance(self._value, list) or len(self._value) > most:
            self.refuse(f"a list of at most {most} entries")
        for place, value in enumerate(self._value):
            yield Reading(value, f"{self.path}[{place}]")

    def rows(self) -> Iterator["Reading"]:
        """Yield the rows of a phase.

        Raises:
            InputError: This is not a list, or has too many rows.
        """
        return self.entries(MOST_ROWS)

    def exactly(self, expected: int) -> None:
        """Check that a number has the expected value.

        Raises:
            InputError: It has not.
        """
        if self._value != expected or isinstance(self._value, bool):
            self.refuse(str(expected))

    def claim(self) -> bool:
        """Return a boolean.

        Raises:
            InputError: This is not a boolean.
        """
        if not isinstance(self._value, bool):
            self.refuse("true or false")
        return self._value

    def count(self, most: int = _MOST) -> int:
        """Return a whole number from 0 to `most`.

        Raises:
            InputError: This is not such a number.
        """
        value = self._value
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            self.refuse("a whole number from 0")
        return value

    def seconds(self) -> float:
        """Return a non-negative number of seconds.

        Raises:
            InputError: This is not such a number.
        """
        value = self._value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse("a number of seconds")
        if not 0 <= value <= _MOST_SECONDS or not isfinite(value):
            self.refuse("a non-negative number of seconds")
        return float(value)

    def text(self, longest: int = NAME_CHARACTERS) -> str:
        """Return a printable text.

        Raises:
            InputError: This is not a text, too long, or not printable.
        """
        if not isinstance(self._value, str) or readable(self._value, longest) != self._value:
            self.refuse(f"a text of at most {longest} printable characters")
        return self._value

    def amount(self) -> Decimal:
        """Return a non-negative decimal number, which is written as text.

        Raises:
            InputError: This is not such a number.
        """
        value = self._value
        if not isinstance(value, str) or len(value) > _DIGITS or not value.isascii():
            self.refuse("a decimal number as text")
        try:
            amount = Decimal(value)
        except ArithmeticError:
            self.refuse("a decimal number as text")
        if not amount.is_finite() or amount < 0 or abs(amount.adjusted()) > _DIGITS:
            self.refuse("a non-negative decimal number")
        return amount

    def buckets(self) -> dict[int, int]:
        """Return a histogram, which is written as a flat list.

        Raises:
            InputError: This is not a histogram.
        """
        numbers = self._value
        if not isinstance(numbers, list) or len(numbers) % 2 or len(numbers) > 2 * _LAST_BUCKET:
            self.refuse("alternating buckets and counts")
        for number in numbers:
            if type(number) is not int or not 0 <= number <= _MOST:
                self.refuse("non-negative whole numbers")
        buckets = dict(zip(numbers[::2], numbers[1::2], strict=True))
        if len(buckets) * 2 != len(numbers) or max(buckets, default=0) > _LAST_BUCKET:
            self.refuse(f"distinct buckets up to {_LAST_BUCKET}")
        return buckets

    def row(self) -> RouteStats:
        """Return a row, which is written as a list of its fields.

        Raises:
            InputError: This is not a row.
        """
        if not isinstance(self._value, list) or len(self._value) < _FIELDS:
            self.refuse(f"a list of {_FIELDS} fields")
        fields = [Reading(it, f"{self.path}[{at}]") for at, it in enumerate(self._value[:_FIELDS])]
        counts = [field.count() for field in fields[2:13]]
        return RouteStats(
            method=fields[0].text(),
            route=fields[1].text(ROUTE_CHARACTERS),
            **dict(zip(_COUNTS, counts, strict=True)),
            cpu=fields[13].buckets(),
            wall=fields[14].buckets(),
            tag=fields[15].text(),
        )

    def refuse(self, accepted: str) -> NoReturn:
        """Raise an error that says what is accepted here.

        Raises:
            InputError: Always.
        """
        kind = type(self._value).__name__
        raise InputError(f"{self.path}: expected {accepted}, got {kind}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not valid JSON")

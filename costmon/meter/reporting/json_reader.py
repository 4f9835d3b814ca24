"""Read a parsed JSON document piece by piece: each piece knows where it stands.

Nothing in it is believed: numbers, texts and lists have bounds. Members that are not known here
are ignored, so that an older reader understands a newer writer of the same version.
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
"""In one phase of one snapshot."""

_LAST_BUCKET = 2_100
"""Above the bucket of a number of 64 bits."""

_MOST = 1 << 128
"""Sums of squares outgrow 64 bits."""

_MOST_SECONDS = 1e12
_DIGITS = 40
_FIELDS = len(RouteStats._fields)
_COUNTS = RouteStats._fields[2:13]


class Reading:
    """A piece of a document.

    Attributes:
        path: Where it stands, such as `$.whole.routes[3]`.
    """

    __slots__ = ("_value", "path")

    def __init__(self, value: object, path: str = "$") -> None:
        self._value = value
        self.path = path

    @classmethod
    def parsed(cls, content: bytes) -> "Reading":
        """Return the document that a JSON text is.

        Raises:
            InputError: It is no JSON, or a hostile one.
        """
        try:
            return cls(json.loads(content, parse_constant=_refuse_constant))
        except (ValueError, RecursionError) as error:
            raise InputError(f"$: this is no JSON ({type(error).__name__})") from None

    def member(self, name: str) -> "Reading":
        """Return a member of an object.

        Raises:
            InputError: This is no object, or has no such member.
        """
        if not isinstance(self._value, dict):
            self.refuse("an object")
        if name not in self._value:
            raise InputError(f"{self.path}.{name}: it is missing")
        return Reading(self._value[name], f"{self.path}.{name}")

    def optional(self, name: str) -> "Reading | None":
        """Return a member of an object; `None` when there is none, or it is null.

        Raises:
            InputError: This is no object.
        """
        if not isinstance(self._value, dict):
            self.refuse("an object")
        value = self._value.get(name)
        return None if value is None else Reading(value, f"{self.path}.{name}")

    def entries(self, most: int) -> Iterator["Reading"]:
        """Yield the entries of a list.

        Raises:
            InputError: This is no list, or a longer one.
        """
        if not isinstance(self._value, list) or len(self._value) > most:
            self.refuse(f"a list of at most {most}")
        for place, value in enumerate(self._value):
            yield Reading(value, f"{self.path}[{place}]")

    def rows(self) -> Iterator["Reading"]:
        """Yield the rows of a phase.

        Raises:
            InputError: There are too many, or this is no list.
        """
        return self.entries(MOST_ROWS)

    def exactly(self, expected: int) -> None:
        """Check a number.

        Raises:
            InputError: It is another one.
        """
        if self._value != expected or isinstance(self._value, bool):
            self.refuse(str(expected))

    def claim(self) -> bool:
        """Return true or false.

        Raises:
            InputError: It is neither.
        """
        if not isinstance(self._value, bool):
            self.refuse("true or false")
        return self._value

    def count(self, most: int = _MOST) -> int:
        """Return a whole number from 0 to `most`.

        Raises:
            InputError: It is none.
        """
        value = self._value
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            self.refuse("a whole number that is not negative")
        return value

    def seconds(self) -> float:
        """Return a number of seconds that is not negative.

        Raises:
            InputError: It is none.
        """
        value = self._value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse("a number of seconds")
        if not 0 <= value <= _MOST_SECONDS or not isfinite(value):
            self.refuse("a number of seconds that is not negative")
        return float(value)

    def text(self, longest: int = NAME_CHARACTERS) -> str:
        """Return a text that people can read.

        Raises:
            InputError: It is none, too long, or has characters that are not for reading.
        """
        if not isinstance(self._value, str) or readable(self._value, longest) != self._value:
            self.refuse(f"a text of at most {longest} characters, none of them for control")
        return self._value

    def amount(self) -> Decimal:
        """Return a figure that is written as text and not negative.

        Raises:
            InputError: It is none.
        """
        value = self._value
        if not isinstance(value, str) or len(value) > _DIGITS or not value.isascii():
            self.refuse("a decimal figure as text")
        try:
            amount = Decimal(value)
        except ArithmeticError:
            self.refuse("a decimal figure as text")
        if not amount.is_finite() or amount < 0 or abs(amount.adjusted()) > _DIGITS:
            self.refuse("a decimal figure that is not negative")
        return amount

    def buckets(self) -> dict[int, int]:
        """Return a histogram that is written as a flat list.

        Raises:
            InputError: It is none.
        """
        numbers = self._value
        if not isinstance(numbers, list) or len(numbers) % 2 or len(numbers) > 2 * _LAST_BUCKET:
            self.refuse("buckets and counts by turns")
        for number in numbers:
            if type(number) is not int or not 0 <= number <= _MOST:
                self.refuse("whole numbers that are not negative")
        buckets = dict(zip(numbers[::2], numbers[1::2], strict=True))
        if len(buckets) * 2 != len(numbers) or max(buckets, default=0) > _LAST_BUCKET:
            self.refuse(f"each bucket once, and none above {_LAST_BUCKET}")
        return buckets

    def row(self) -> RouteStats:
        """Return a row that is written as a list of its fields.

        Raises:
            InputError: It is none.
        """
        if not isinstance(self._value, list) or len(self._value) < _FIELDS:
            self.refuse(f"a list of {_FIELDS}")
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
        """Say what would be accepted here.

        Raises:
            InputError: Always.
        """
        kind = type(self._value).__name__
        raise InputError(f"{self.path}: {accepted} is expected here, not this {kind}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")

"""One line of the user's own price file: cells, and refusals that name line and column."""

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import NoReturn

from costmon.errors import InputError

_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,20})?", re.ASCII)


class Line:
    """The cells of one line, by column."""

    __slots__ = ("_cells", "number")

    def __init__(self, cells: Mapping[str, str], number: int) -> None:
        self._cells = cells
        self.number = number

    def text(self, column: str) -> str:
        """Return a cell; an absent column is an empty one."""
        return self._cells.get(column, "")

    def decimal(self, column: str, otherwise: Decimal | None = None) -> Decimal:
        """Return a number of at least 0, or `otherwise` for an empty cell.

        Raises:
            InputError: It is none.
        """
        cell = self.text(column)
        if not cell and otherwise is not None:
            return otherwise
        if not _NUMBER.fullmatch(cell):
            self.refuse(column, "a decimal such as 0.096")
        return Decimal(cell)

    def day(self, column: str) -> dt.date:
        """Return a day.

        Raises:
            InputError: It is none.
        """
        try:
            return dt.date.fromisoformat(self.text(column))
        except ValueError:
            self.refuse(column, "a day such as 2026-11-21")

    def refuse(self, column: str, accepted: str) -> NoReturn:
        """Say what is wrong with a cell.

        Raises:
            InputError: Always.
        """
        given = self.text(column)[:60]
        raise InputError(f"line {self.number}, {column}: {given!r}: give {accepted}")

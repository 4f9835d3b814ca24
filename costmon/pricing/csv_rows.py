"""Read CSV files of prices: rows with cells by column, and errors that name line and column."""

import csv
import datetime as dt
import io
import pkgutil
import re
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import NoReturn

from costmon.errors import InputError

_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,20})?", re.ASCII)


def shipped_text(name: str) -> str:
    """Return a file of `costmon/pricing/data`, from the wheel or the source tree.

    Raises:
        OSError: It cannot be read.
    """
    # importlib.resources does the same, and takes longer to import than the file to read.
    content = pkgutil.get_data("costmon.pricing", f"data/{name}")
    if content is None:
        raise FileNotFoundError(f"costmon's own prices ({name}) cannot be read from this import")
    return content.decode()


def csv_rows(text: str, accepted: Collection[str], required: Collection[str]) -> Iterator["CsvRow"]:
    """Return the rows of a CSV file, whose first line names its columns in any order.

    Args:
        text: The content of the file.
        accepted: The columns that it may have.
        required: Those that it must have.

    Raises:
        InputError: It is not CSV, a column is missing or unknown, or a row has more or fewer cells
            than there are columns.
    """
    # A spreadsheet's byte order mark would be a part of the first column's name.
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    line = 0
    try:
        columns = next(reader, [])
        _check_columns(columns, accepted, required)
        for cells in reader:
            line = reader.line_num
            if not cells:
                continue
            if len(cells) != len(columns):
                raise InputError(
                    f"line {line}: the number of cells must equal the number of columns"
                )
            yield CsvRow(dict(zip(columns, map(str.strip, cells), strict=True)), line)
    except csv.Error as error:
        raise InputError(f"after line {line}: {error}") from None


def _check_columns(given: list[str], accepted: Collection[str], required: Collection[str]) -> None:
    unknown = [name for name in given if name not in accepted]
    missing = [name for name in required if name not in given]
    wrong = None
    if unknown:
        wrong = f"{unknown[0][:40]!r} is unknown"
    elif missing:
        wrong = f"{missing[0]} is missing"
    elif len(set(given)) < len(given):
        wrong = "a column name is duplicated"
    if wrong is not None:
        raise InputError(f"line 1: name the columns {','.join(accepted)}: {wrong}")


class CsvRow:
    """The cells of one row, by column.

    Attributes:
        line: The number of its (last) line in the file.
    """

    __slots__ = ("_cells", "line")

    def __init__(self, cells: Mapping[str, str], line: int) -> None:
        self._cells = cells
        self.line = line

    def text(self, column: str) -> str:
        """Return a cell; empty when the file does not have the column."""
        return self._cells.get(column, "")

    def decimal(self, column: str, default: Decimal | None = None) -> Decimal:
        """Return a number of at least 0, or `default` for an empty cell.

        Raises:
            InputError: The cell is not a number.
        """
        cell = self.text(column)
        if not cell and default is not None:
            return default
        if not _NUMBER.fullmatch(cell):
            self.refuse(column, "a decimal such as 0.096")
        return Decimal(cell)

    def day(self, column: str) -> dt.date:
        """Return a day.

        Raises:
            InputError: The cell is not a day.
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
        raise InputError(f"line {self.line}, {column}: {given!r}: give {accepted}")

"""The user's own price file: one CSV with our columns, such as negotiated prices.

`provider,region,instance_type,vcpu,memory_gib,arch,baseline,hourly_usd,as_of,source`; a type that
we know the size of needs no `vcpu`, `memory_gib`, `arch` and `baseline`, and `source` may be empty.
"""

import csv
import datetime as dt
import io
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NoReturn

from costmon.errors import InputError
from costmon.pricing.instances.formats.imported import MOST_ROWS, Imported, Wanted, bounded
from costmon.pricing.instances.instance import Arch, Instance, fault_of
from costmon.pricing.instances.shape import ALWAYS, Shape
from costmon.pricing.instances.shapes import PROVIDERS, arch_of, shape_of

COLUMNS = (
    "provider",
    "region",
    "instance_type",
    "vcpu",
    "memory_gib",
    "arch",
    "baseline",
    "hourly_usd",
    "as_of",
    "source",
)
SOURCE = "your own prices"

_OPTIONAL = frozenset({"vcpu", "memory_gib", "arch", "baseline", "source"})
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,20})?", re.ASCII)
_ARCHES: Mapping[str, Arch] = {"x86_64": "x86_64", "arm64": "arm64"}
_COLUMN_OF = {"name": "instance_type"}

_Row = Mapping[str, str]


def read(text: str) -> tuple[Instance, ...]:
    """Return the rows of a file, with the basis `manual`, in its order.

    Raises:
        InputError: A line cannot be used; it names line and column, and what would be accepted.
    """
    reader = csv.DictReader(io.StringIO(bounded(text.removeprefix("\ufeff"))), strict=True)
    found: dict[tuple[str, str, str], Instance] = {}
    lines: dict[tuple[str, str, str], int] = {}
    try:
        _check_columns(tuple(reader.fieldnames or ()))
        for cells in reader:
            line = reader.line_num
            if None in cells or None in cells.values():
                raise InputError(f"line {line}: give as many cells as there are columns")
            row = _instance({name: cell.strip() for name, cell in cells.items()}, line)
            key = (row.provider, row.region, row.name)
            if key in lines:
                raise InputError(f"line {line}: {row.name} stands in line {lines[key]} already")
            found[key], lines[key] = row, line
            if len(found) > MOST_ROWS:
                raise InputError(f"a price file has at most {MOST_ROWS} rows")
    except csv.Error as error:
        raise InputError(f"after line {reader.line_num}: {error}") from None
    if not found:
        raise InputError("the price file has no rows")
    return tuple(found.values())


def imported(text: str, wanted: Wanted) -> Imported:
    """Return what is wanted of a file, as the lists of others are read.

    Raises:
        InputError: A line cannot be used, or none is wanted.
    """
    rows = [
        row
        for row in read(text)
        if wanted.provider in {None, row.provider} and wanted.region in {None, row.region}
    ]
    if not rows:
        raise InputError("the price file has no row of that provider and region")
    return Imported(tuple(rows), ())


def rendered(instances: Iterable[Instance]) -> str:
    """Return a file that `read` reads."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in instances:
        numbers = [
            format(number, "f")
            for number in (row.vcpu, row.memory_gib, row.baseline, row.hourly_usd)
        ]
        vcpu, memory, baseline, price = numbers
        what = (row.provider, row.region, row.name, vcpu, memory, row.arch, baseline, price)
        writer.writerow((*what, row.as_of.isoformat(), row.source))
    return text.getvalue()


def _check_columns(given: tuple[str, ...]) -> None:
    unknown = [name for name in given if name not in COLUMNS]
    missing = [name for name in COLUMNS if name not in given and name not in _OPTIONAL]
    if len(set(given)) < len(given) or unknown or missing:
        wrong = f"{missing[0]} is missing" if missing else "one stands there twice"
        if unknown:
            wrong = f"{unknown[0][:40]!r} is none of them"
        raise InputError(f"line 1: name the columns {','.join(COLUMNS)}: {wrong}")


def _instance(cells: _Row, line: int) -> Instance:
    provider = cells["provider"].upper()
    if provider not in PROVIDERS:
        _refuse(cells, line, "provider", ", ".join(PROVIDERS))
    name = cells["instance_type"]
    row = Instance(
        provider,
        cells["region"].lower(),
        name,
        *_shape(cells, line, provider),
        _number(cells, line, "hourly_usd"),
        _day(cells, line),
        cells.get("source") or SOURCE,
        "manual",
    )
    fault = fault_of(row)
    if fault is not None:
        _refuse(cells, line, _COLUMN_OF.get(fault.field, fault.field), fault.accepted)
    return row


def _shape(cells: _Row, line: int, provider: str) -> Shape:
    name = cells["instance_type"]
    known = shape_of(provider, name)
    arch = cells.get("arch") or (known.arch if known else arch_of(provider, name))
    if arch not in _ARCHES:
        _refuse(cells, line, "arch", ", ".join(_ARCHES))
    return Shape(
        _number(cells, line, "vcpu", known.vcpu if known else None),
        _number(cells, line, "memory_gib", known.memory_gib if known else None),
        _ARCHES[arch],
        _number(cells, line, "baseline", known.baseline if known else ALWAYS),
    )


def _number(cells: _Row, line: int, column: str, otherwise: Decimal | None = None) -> Decimal:
    cell = cells.get(column, "")
    if not cell and otherwise is not None:
        return otherwise
    if not _NUMBER.fullmatch(cell):
        _refuse(cells, line, column, "a decimal such as 0.096")
    return Decimal(cell)


def _day(cells: _Row, line: int) -> dt.date:
    try:
        return dt.date.fromisoformat(cells["as_of"])
    except ValueError:
        _refuse(cells, line, "as_of", "a day such as 2026-11-21")


def _refuse(cells: _Row, line: int, column: str, accepted: str) -> NoReturn:
    given = cells.get(column, "")[:60]
    raise InputError(f"line {line}, {column}: {given!r}: give {accepted}")

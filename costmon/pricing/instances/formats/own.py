"""The user's own price file: one CSV with our columns, such as negotiated prices.

`provider,region,instance_type,vcpu,memory_gib,arch,baseline,hourly_usd,as_of,source` is a machine;
a type that we know the size of needs no `vcpu`, `memory_gib`, `arch` and `baseline`, and `source`
may be empty. With the columns `above_gb,usd_per_gb` a line without an `instance_type` is a tier of
traffic to the internet: what a GB costs in a month from so many GB on.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping

from costmon.errors import InputError
from costmon.pricing.instances.egress import Traffic
from costmon.pricing.instances.formats.imported import MOST_ROWS, Imported, Wanted, bounded
from costmon.pricing.instances.formats.own_line import Line
from costmon.pricing.instances.instance import Arch, Instance, fault_of
from costmon.pricing.instances.prices import OwnRow
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
TRAFFIC_COLUMNS = ("above_gb", "usd_per_gb")
SOURCE = "your own prices"

_NEEDED = ("provider", "region", "instance_type", "hourly_usd", "as_of")
_ALL = (*COLUMNS, *TRAFFIC_COLUMNS)
_ARCHES: Mapping[str, Arch] = {"x86_64": "x86_64", "arm64": "arm64"}
_COLUMN_OF = {"name": "instance_type"}


def read(text: str) -> tuple[OwnRow, ...]:
    """Return the rows of a file, in its order; machines with the basis `manual`.

    Raises:
        InputError: A line cannot be used; it names line and column, and what would be accepted.
    """
    found: dict[tuple[object, ...], OwnRow] = {}
    seen: dict[tuple[object, ...], int] = {}
    for line in _lines(text):
        row = _row(line)
        what = row.name if isinstance(row, Instance) else f"traffic above {row.above_gb} GB"
        key = (row.provider, row.region, what)
        if key in seen:
            raise InputError(f"line {line.number}: {what} stands in line {seen[key]} already")
        found[key], seen[key] = row, line.number
        if len(found) > MOST_ROWS:
            raise InputError(f"a price file has at most {MOST_ROWS} rows")
    if not found:
        raise InputError("the price file has no rows")
    return tuple(found.values())


def imported(text: str, wanted: Wanted) -> Imported:
    """Return what is wanted of a file's machines, as the lists of others are read.

    Raises:
        InputError: A line cannot be used, or none is wanted.
    """
    rows = tuple(
        row
        for row in read(text)
        if isinstance(row, Instance)
        and wanted.provider in {None, row.provider}
        and wanted.region in {None, row.region}
    )
    if not rows:
        raise InputError("the price file has no machine of that provider and region")
    return Imported(rows, ())


def rendered(instances: Iterable[Instance]) -> str:
    """Return a file that `read` reads."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in instances:
        numbers = (row.vcpu, row.memory_gib, row.baseline, row.hourly_usd)
        vcpu, memory, baseline, price = (format(number, "f") for number in numbers)
        what = (row.provider, row.region, row.name, vcpu, memory, row.arch, baseline, price)
        writer.writerow((*what, row.as_of.isoformat(), row.source))
    return text.getvalue()


def _lines(text: str) -> Iterator[Line]:
    # A spreadsheet's byte order mark would be a part of the first column's name.
    reader = csv.DictReader(io.StringIO(bounded(text.removeprefix("\ufeff"))), strict=True)
    try:
        _check_columns(tuple(reader.fieldnames or ()))
        for cells in reader:
            if None in cells or None in cells.values():
                raise InputError(f"line {reader.line_num}: give as many cells as there are columns")
            yield Line({name: cell.strip() for name, cell in cells.items()}, reader.line_num)
    except csv.Error as error:
        raise InputError(f"after line {reader.line_num}: {error}") from None


def _check_columns(given: tuple[str, ...]) -> None:
    unknown = [name for name in given if name not in _ALL]
    missing = [name for name in _NEEDED if name not in given]
    wrong = None
    if unknown:
        wrong = f"{unknown[0][:40]!r} is none of them"
    elif missing:
        wrong = f"{missing[0]} is missing"
    elif len(set(given)) < len(given):
        wrong = "one stands there twice"
    if wrong is not None:
        raise InputError(f"line 1: name the columns {','.join(COLUMNS)}: {wrong}")


def _row(line: Line) -> OwnRow:
    provider = line.text("provider").upper()
    if provider not in PROVIDERS:
        line.refuse("provider", ", ".join(PROVIDERS))
    region = line.text("region").lower()
    source = line.text("source") or SOURCE
    if not line.text("instance_type") and line.text("usd_per_gb"):
        above, price = line.decimal("above_gb"), line.decimal("usd_per_gb")
        return Traffic(provider, region, above, price, line.day("as_of"), source)
    shape, price = _shape(line, provider), line.decimal("hourly_usd")
    name, as_of = line.text("instance_type"), line.day("as_of")
    row = Instance(provider, region, name, *shape, price, as_of, source, "manual")
    fault = fault_of(row)
    if fault is not None:
        line.refuse(_COLUMN_OF.get(fault.field, fault.field), fault.accepted)
    return row


def _shape(line: Line, provider: str) -> Shape:
    name = line.text("instance_type")
    known = shape_of(provider, name)
    arch = line.text("arch") or (known.arch if known else arch_of(provider, name))
    if arch not in _ARCHES:
        line.refuse("arch", ", ".join(_ARCHES))
    return Shape(
        line.decimal("vcpu", known.vcpu if known else None),
        line.decimal("memory_gib", known.memory_gib if known else None),
        _ARCHES[arch],
        line.decimal("baseline", known.baseline if known else ALWAYS),
    )

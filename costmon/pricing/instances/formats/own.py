"""The price file: one CSV format for the lists that costmon ships and for the user's own prices.

`provider,region,instance_type,vcpu,memory_gib,arch,baseline,hourly_usd,as_of,source` is a machine;
`vcpu`, `memory_gib`, `arch` and `baseline` may be empty for a type whose size we know, and `source`
may be empty. With the columns `above_gb,usd_per_gb` a line without an `instance_type` is a tier of
traffic to the internet: what a GB costs in a month from so many GB on.
"""

import csv
import functools
import io
from collections.abc import Iterable, Mapping

from costmon.errors import InputError
from costmon.pricing.csv_rows import CsvRow, csv_rows, shipped_text
from costmon.pricing.instances.egress import Traffic
from costmon.pricing.instances.formats.imported import MOST_ROWS, Imported, Wanted, bounded
from costmon.pricing.instances.instance import ALWAYS, Arch, Basis, Instance, Shape, fault_of
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

PricedRow = Instance | Traffic
"""A row of a price file: a machine, or a tier of traffic."""

_NEEDED = ("provider", "region", "instance_type", "hourly_usd", "as_of")
_ALL = (*COLUMNS, *TRAFFIC_COLUMNS)
_SIZE = ("vcpu", "memory_gib", "arch", "baseline")
_ARCHES: Mapping[str, Arch] = {"x86_64": "x86_64", "arm64": "arm64"}
_COLUMN_OF = {"name": "instance_type"}


def read(text: str, basis: Basis = "manual") -> tuple[PricedRow, ...]:
    """Return the rows of a file, in its order; machines have the given basis.

    Raises:
        InputError: A row cannot be used; the text names line and column, and what is accepted.
    """
    found: dict[tuple[str, str, str], PricedRow] = {}
    lines: dict[tuple[str, str, str], int] = {}
    for cells in csv_rows(bounded(text), _ALL, _NEEDED):
        row = _row(cells, basis)
        what = row.name if isinstance(row, Instance) else f"traffic above {row.above_gb} GB"
        key = (row.provider, row.region, what)
        if key in found:
            raise InputError(f"line {cells.line}: {what} is already in line {lines[key]}")
        found[key], lines[key] = row, cells.line
        if len(found) > MOST_ROWS:
            raise InputError(f"a price file has at most {MOST_ROWS} rows")
    if not found:
        raise InputError("the price file has no rows")
    return tuple(found.values())


@functools.cache
def shipped(provider: str) -> tuple[PricedRow, ...]:
    """Return the rows of the price file that costmon ships for a provider; read once."""
    return read(shipped_text(f"{provider.lower()}.csv"), "list_price")


def imported(text: str, wanted: Wanted) -> Imported:
    """Return the wanted machines of a file; the other formats are read in the same way.

    Raises:
        InputError: A row cannot be used, or the file has none that is wanted.
    """
    rows = tuple(
        row
        for row in read(text)
        if isinstance(row, Instance)
        and wanted.provider in {None, row.provider}
        and wanted.region in {None, row.region}
    )
    if not rows:
        raise InputError("the price file has no instance types of that provider and region")
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


def _row(cells: CsvRow, basis: Basis) -> PricedRow:
    provider = cells.text("provider").upper()
    if provider not in PROVIDERS:
        cells.refuse("provider", ", ".join(PROVIDERS))
    region = cells.text("region").lower()
    source = cells.text("source") or SOURCE
    name = cells.text("instance_type")
    if not name and cells.text("usd_per_gb"):
        above, price = cells.decimal("above_gb"), cells.decimal("usd_per_gb")
        return Traffic(provider, region, above, price, cells.day("as_of"), source)
    shape, price = _shape(cells, provider, name), cells.decimal("hourly_usd")
    row = Instance(provider, region, name, *shape, price, cells.day("as_of"), source, basis)
    fault = fault_of(row)
    if fault is not None:
        cells.refuse(_COLUMN_OF.get(fault.field, fault.field), fault.accepted)
    return row


def _shape(cells: CsvRow, provider: str, name: str) -> Shape:
    known = None
    if not all(map(cells.text, _SIZE)):
        known = shape_of(provider, name)
    arch = cells.text("arch") or (known.arch if known else arch_of(provider, name))
    if arch not in _ARCHES:
        cells.refuse("arch", ", ".join(_ARCHES))
    return Shape(
        cells.decimal("vcpu", known.vcpu if known else None),
        cells.decimal("memory_gib", known.memory_gib if known else None),
        _ARCHES[arch],
        cells.decimal("baseline", known.baseline if known else ALWAYS),
    )

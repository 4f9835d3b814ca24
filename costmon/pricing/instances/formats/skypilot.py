"""SkyPilot's catalogues of machines.

Source: catalogs/vN/{aws,gcp,azure}/vms.csv of skypilot-org/skypilot-catalog (Apache-2.0). A file
names neither its provider nor its date. It has a row for each zone.
"""

import csv
import re
from collections.abc import Mapping
from decimal import Decimal

from costmon.errors import InputError
from costmon.pricing.instances.formats.imported import (
    ACCELERATED,
    Gathering,
    Imported,
    Wanted,
    bounded,
    provider_of,
)
from costmon.pricing.instances.instance import ALWAYS, Arch, Shape
from costmon.pricing.instances.shapes import arch_of, shape_of

SOURCE = "skypilot-catalog"
_NEEDED = ("InstanceType", "vCPUs", "MemoryGiB", "Price", "Region")
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,20})?", re.ASCII)
_ARCHES: Mapping[str, Arch] = {"arm64": "arm64", "x86_64": "x86_64", "x64": "x86_64"}


def read(text: str, wanted: Wanted) -> Imported:
    """Return the rows of a file.

    Raises:
        InputError: It is not such a file, no row can be used, or `wanted` lacks provider or date.
    """
    provider = provider_of(wanted, SOURCE)
    rows = Gathering(wanted, as_of=None, source=SOURCE)
    reader = csv.DictReader(bounded(text).splitlines(), strict=True)
    try:
        missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError(f"the price list has no column {', '.join(missing)}")
        for row in reader:
            _add(rows, provider, row, f"line {reader.line_num}")
    except csv.Error as error:
        raise InputError(f"after line {reader.line_num} of the price list: {error}") from None
    return rows.done()


def _add(rows: Gathering, provider: str, row: Mapping[str, str | None], line: str) -> None:
    name = row["InstanceType"] or ""
    if row.get("AcceleratorName") or not name:
        rows.skip(ACCELERATED)
        return
    vcpu, memory = _number(row, "vCPUs", line), _number(row, "MemoryGiB", line)
    known = shape_of(provider, name)
    shape = known
    if vcpu and memory:
        arch = _ARCHES.get((row.get("Arch") or "").lower()) or arch_of(provider, name)
        shape = Shape(vcpu, memory, arch, ALWAYS if known is None else known.baseline)
    rows.add((provider, row["Region"] or ""), name, _number(row, "Price", line), shape)


def _number(row: Mapping[str, str | None], column: str, line: str) -> Decimal | None:
    """Return a number; `None` for an empty cell."""
    cell = (row[column] or "").strip()
    if not cell:
        return None
    if not _NUMBER.fullmatch(cell):
        raise InputError(f"{line} of the price list, {column}: {cell[:40]!r} is not a number")
    return Decimal(cell)

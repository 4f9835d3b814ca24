"""Azure's prices as karpenter-provider-azure generates them.

Source: pkg/providers/pricing/zz_generated.pricing.go of Azure/karpenter-provider-azure
(Apache-2.0). It has the price of Windows for some sizes: 11 to 114 % above the rest of their
series. Within a series Azure charges by the GiB, so a size that costs more than the cheapest of its
series is left out; a series all of whose sizes are wrong cannot be told.
"""

import re
from collections.abc import Iterable
from decimal import Decimal

from costmon.pricing.instances.formats.go_source import Priced, generated_on, prices_in
from costmon.pricing.instances.formats.imported import Gathering, Imported, Wanted
from costmon.pricing.instances.shapes import shape_of

SOURCE = "karpenter-provider-azure"
WINDOWS = "more expensive per GiB than its series: probably the price of Windows"

# Prices are rounded to a tenth of a cent, which is up to 2 % of the smallest; Windows is 11 % up.
_MOST = Decimal("1.05")
_SIZE = re.compile(r"(\d+)(?:-\d+)?")
# Series in which the sizes differ in what a GiB costs.
_UNEVEN = re.compile(r"Standard_(?:A|DS?)#m?_v2")


def read(text: str, wanted: Wanted) -> Imported:
    """Return the rows of a file; sizes are from the types' names.

    Raises:
        InputError: It is not such a file, or no row can be used.
    """
    rows = Gathering(wanted, as_of=generated_on(text), source=SOURCE)
    found = tuple(prices_in(text))
    cheapest = _cheapest(found)
    for row in found:
        region, name, price = row
        by_gib = _by_gib(row)
        series = _series(row)
        if by_gib is not None and series is not None and by_gib > cheapest[series] * _MOST:
            rows.skip(WINDOWS)
            continue
        rows.add(("AZURE", region), name, price, shape_of("AZURE", name))
    return rows.done()


def _cheapest(rows: Iterable[Priced]) -> dict[tuple[str, str, bool], Decimal]:
    found: dict[tuple[str, str, bool], Decimal] = {}
    for row in rows:
        by_gib = _by_gib(row)
        series = _series(row)
        if by_gib is not None and series is not None:
            found[series] = min(by_gib, found.get(series, by_gib))
    return found


def _by_gib(row: Priced) -> Decimal | None:
    shape = shape_of("AZURE", row.name)
    return row.hourly_usd / shape.memory_gib if shape is not None and row.hourly_usd else None


def _series(row: Priced) -> tuple[str, str, bool] | None:
    """Return region, series, and whether it is the small `ls`, which costs half by the GiB."""
    size = _SIZE.search(row.name)
    if size is None:
        return None
    series = _SIZE.sub("#", row.name, count=1)
    small = series.startswith("Standard_B") and "ls_" in series and size[1] == "2"
    return None if _UNEVEN.fullmatch(series) else (row.region, series, small)

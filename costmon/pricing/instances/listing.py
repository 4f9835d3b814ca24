"""The lists that we ship, as values: read from their text when they are first asked for."""

import datetime as dt
import functools
from decimal import Decimal
from typing import NamedTuple

from costmon.pricing.instances import aws_list, azure_list, gcp_list
from costmon.pricing.instances.instance import Instance
from costmon.pricing.instances.shapes import shape_of

_ABSENT = "-"


class Listing(NamedTuple):
    """One provider's list.

    Attributes:
        as_of: The day for which its prices were published.
        source: Where they were read, in words.
        regions: In the order of the columns; the first is the provider's main one.
        rows: Lines of a type and its price in each region.
    """

    as_of: dt.date
    source: str
    regions: tuple[str, ...]
    rows: str


LISTINGS = {
    "AWS": Listing(aws_list.AS_OF, aws_list.SOURCE, aws_list.REGIONS, aws_list.ROWS),
    "GCP": Listing(gcp_list.AS_OF, gcp_list.SOURCE, gcp_list.REGIONS, gcp_list.ROWS),
    "AZURE": Listing(azure_list.AS_OF, azure_list.SOURCE, azure_list.REGIONS, azure_list.ROWS),
}


@functools.cache
def listed_in(provider: str, region: str) -> tuple[Instance, ...]:
    """Return what is listed for a region, in the list's order; nothing for an unlisted region."""
    listing = LISTINGS[provider]
    if region not in listing.regions:
        return ()
    column = 1 + listing.regions.index(region)
    found = []
    for line in listing.rows.split("\n"):
        cells = line.split()
        if not cells or cells[column] == _ABSENT:
            continue
        shape = shape_of(provider, cells[0])
        if shape is None:
            raise AssertionError(f"our own list of {provider} names {cells[0]}, which has no size")
        price = Decimal(cells[column])
        found.append(
            Instance(provider, region, cells[0], *shape, price, listing.as_of, listing.source)
        )
    return tuple(found)

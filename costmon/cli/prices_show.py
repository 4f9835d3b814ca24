"""`costmon prices show`: what machines and traffic cost, and how old the prices are."""

import argparse
import datetime as dt
import fnmatch
import json
import sys
from collections.abc import Sequence
from decimal import Decimal

from costmon.cli.prices_file import read_text
from costmon.clock import SystemClock
from costmon.console.table import UNKNOWN, table
from costmon.errors import InputError
from costmon.pricing.instances.formats import own
from costmon.pricing.instances.instance import Instance, RegionPrices
from costmon.pricing.instances.prices import STALE_DAYS, InstancePrices, is_stale, listed

_HOURS_A_MONTH = 730


def run(arguments: argparse.Namespace) -> int:
    """Print the regions, or one region's prices.

    Raises:
        InputError: No such provider, region or type, or a line of the own file cannot be used.
    """
    prices = _prices(arguments)
    today = SystemClock().now().date()
    if arguments.region is not None and arguments.provider is None:
        raise InputError("--region requires --provider")
    regions = _regions(prices, arguments)
    if arguments.type is not None:
        regions = _of_type(regions, arguments.type)
    if arguments.json:
        print(json.dumps({"regions": [_plain(region, today) for region in regions]}))
    elif arguments.provider is None and arguments.type is None:
        print(_summary(regions, today))
    else:
        print("\n\n".join(_page(region) for region in regions))
    if arguments.provider is not None:
        for what in _stale(regions[0], today):
            print(f"the prices of {what} are older than {STALE_DAYS} days", file=sys.stderr)
    return 0


def _prices(arguments: argparse.Namespace) -> InstancePrices:
    if arguments.prices is None:
        return listed()
    text = read_text(arguments.prices)
    try:
        return listed().extended(own.read(text))
    except InputError as error:
        raise InputError(f"{arguments.prices}: {error}") from None


def _regions(prices: InstancePrices, arguments: argparse.Namespace) -> tuple[RegionPrices, ...]:
    """Return the given region, the provider's main region, or all regions."""
    if arguments.provider is not None:
        region = arguments.region or prices.regions(arguments.provider)[0]
        return (prices.region(arguments.provider, region),)
    return tuple(
        prices.region(provider, region)
        for provider in prices.providers()
        for region in prices.regions(provider)
    )


def _of_type(regions: Sequence[RegionPrices], glob: str) -> tuple[RegionPrices, ...]:
    found = []
    for region in regions:
        rows = tuple(row for row in region.instances if _fits(row, glob))
        if rows:
            found.append(region._replace(instances=rows))
    if not found:
        where = ", ".join(f"{region.provider} {region.region}" for region in regions)
        raise InputError(f"no instance type in {where} matches {glob[:60]!r}")
    return tuple(found)


def _fits(row: Instance, glob: str) -> bool:
    """Return whether a type matches, in any case; Azure's may be written without `Standard_`."""
    names = {row.name.lower(), row.name.lower().removeprefix("standard_")}
    return any(fnmatch.fnmatchcase(name, glob.lower()) for name in names)


def _summary(regions: Sequence[RegionPrices], today: dt.date) -> str:
    return table(
        ("provider", "region", "types", "machines of", "traffic of", "stale"),
        [
            (
                region.provider,
                region.region,
                len(region.instances),
                min(row.as_of for row in region.instances),
                region.egress_as_of,
                ", ".join(_stale(region, today)) or "no",
            )
            for region in regions
        ],
        right=("types",),
    )


def _page(region: RegionPrices) -> str:
    cheapest_first = sorted(region.instances, key=lambda row: (row.hourly_usd, row.name))
    rows = table(
        ("type", "vcpu", "gib", "arch", "baseline", "usd/hour", "usd/month", "as of", "basis"),
        [
            (
                row.name,
                f"{row.vcpu:f}",
                f"{row.memory_gib:f}",
                row.arch,
                f"{(row.baseline * 100).normalize():f}%",
                f"{row.hourly_usd:f}",
                row.hourly_usd * _HOURS_A_MONTH,
                row.as_of,
                "yours" if row.basis == "manual" else "list",
            )
            for row in cheapest_first
        ],
        right=("vcpu", "gib", "baseline", "usd/hour", "usd/month"),
    )
    return "\n".join(
        (
            f"{region.provider} {region.region}: on demand, Linux, US dollars",
            "",
            rows,
            "",
            f"traffic to the internet a month: {_traffic(region)}",
            f"source: {region.source}",
        )
    )


def _traffic(region: RegionPrices) -> str:
    if not region.egress:
        return UNKNOWN
    steps = []
    for at, tier in enumerate(region.egress):
        price = f"{tier.price:f} a GB" if tier.price else "free"
        if at + 1 < len(region.egress):
            steps.append(f"{price} up to {region.egress[at + 1].above:f} GB")
        else:
            steps.append(f"{price} beyond" if at else price)
    return ", ".join(steps)


def _stale(region: RegionPrices, today: dt.date) -> tuple[str, ...]:
    """Return which of a region's prices are old."""
    days = {
        "machines": min(row.as_of for row in region.instances),
        "traffic": region.egress_as_of,
    }
    return tuple(what for what, day in days.items() if day is not None and is_stale(day, today))


def _plain(region: RegionPrices, today: dt.date) -> dict[str, object]:
    """Return a region's prices for programs: amounts as exact text."""
    return {
        "provider": region.provider,
        "region": region.region,
        "as_of": region.as_of.isoformat(),
        "stale": list(_stale(region, today)),
        "source": region.source,
        "egress": None
        if region.egress_as_of is None
        else {
            "as_of": region.egress_as_of.isoformat(),
            "source": region.egress_source,
            "tiers": [
                {"above_gb": _exact(tier.above), "usd_per_gb": _exact(tier.price)}
                for tier in region.egress
            ],
        },
        "instances": [
            {
                "type": row.name,
                "vcpu": _exact(row.vcpu),
                "memory_gib": _exact(row.memory_gib),
                "arch": row.arch,
                "baseline": _exact(row.baseline),
                "hourly_usd": _exact(row.hourly_usd),
                "as_of": row.as_of.isoformat(),
                "source": row.source,
                "basis": row.basis,
            }
            for row in region.instances
        ],
    }


def _exact(number: Decimal) -> str:
    return f"{number:f}"

"""The table that Apache Libcloud ships.

Source: libcloud/data/pricing.json of apache-libcloud (Apache-2.0) on PyPI. Of version 3.9.1, of
March 2025, one price in three that we compared with Amazon's own list was 0 or wrong: those of 0
are refused here, wrong ones cannot be told. Azure's names are written without underscores there,
and Google has a price for a vCPU and one for a GiB, from which the types of our own list are made.
"""

import datetime as dt
import re
from decimal import Decimal

from costmon.errors import InputError
from costmon.pricing.instances.formats.document import mapping, number, parsed
from costmon.pricing.instances.formats.imported import Gathering, Imported, Wanted
from costmon.pricing.instances.formats.own import shipped
from costmon.pricing.instances.instance import Instance
from costmon.pricing.instances.shapes import shape_of

SOURCE = "apache-libcloud"
_AZURE = re.compile(r"standard([a-z]+)(\d+)([a-z]*?)((?:v\d)?)", re.ASCII)


def read(text: str, wanted: Wanted) -> Imported:
    """Return the rows of Linux machines of a file.

    Raises:
        InputError: It is not such a file, or no row can be used.
    """
    document = mapping(parsed(text), "the top")
    compute = mapping(document.get("compute"), "compute")
    rows = Gathering(wanted, as_of=_day(document.get("updated")), source=SOURCE)
    for name, regions in mapping(compute.get("ec2_linux"), "compute.ec2_linux").items():
        _add(rows, "AWS", name, mapping(regions, f"compute.ec2_linux.{name}"))
    for slug, regions in mapping(compute.get("azure_linux"), "compute.azure_linux").items():
        _add(rows, "AZURE", _azure(slug), mapping(regions, f"compute.azure_linux.{slug}"))
    _add_google(rows, mapping(compute.get("gce_instances"), "compute.gce_instances"))
    return rows.done()


def _add(rows: Gathering, provider: str, name: str, regions: dict[str, object]) -> None:
    for region, price in regions.items():
        hourly_usd = number(price, f"{name}.{region}")
        rows.add((provider, region), name, hourly_usd, shape_of(provider, name))


def _azure(slug: str) -> str:
    """Return `Standard_D2s_v3` for `standardd2sv3`; a slug of another kind as it is."""
    found = _AZURE.fullmatch(slug)
    if found is None:
        return slug
    series, size, features, version = found.groups()
    return f"Standard_{series.upper()}{size}{features}{'_' if version else ''}{version}"


def _add_google(rows: Gathering, families: dict[str, object]) -> None:
    for name in dict.fromkeys(row.name for row in shipped("GCP") if isinstance(row, Instance)):
        family = name.partition("-")[0]
        shape = shape_of("GCP", name)
        if shape is None or family not in families:
            continue
        parts = mapping(families[family], f"compute.gce_instances.{family}")
        if "ram" not in parts:
            continue  # f1 and g1: one price for all of a machine, in another form
        vcpu = _by_region(parts.get("cpu"), f"{family}.cpu")
        memory = _by_region(parts["ram"], f"{family}.ram")
        for region in vcpu.keys() & memory.keys():
            price = shape.vcpu * shape.baseline * vcpu[region] + shape.memory_gib * memory[region]
            rows.add(("GCP", region), name, price if vcpu[region] else Decimal(0), shape)


def _by_region(value: object, path: str) -> dict[str, Decimal]:
    prices = mapping(mapping(value, path).get("on_demand"), f"{path}.on_demand")
    return {
        region: number(mapping(price, f"{path}.{region}").get("price"), f"{path}.{region}.price")
        for region, price in prices.items()
    }


def _day(value: object) -> dt.date:
    """Return the UTC day of seconds since 1970."""
    try:
        return dt.datetime.fromtimestamp(float(number(value, "updated")), dt.UTC).date()
    except (OverflowError, ValueError, OSError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("the price list has no time since 1970 at updated") from None

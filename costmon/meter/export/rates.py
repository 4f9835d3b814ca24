"""Fixed rates for the cost counters: dollars per CPU second and per GiB sent.

The prices in a projection depend on the machines it selects. A counter must not decrease, so it
uses rates that depend only on the price list and the options.
"""

from decimal import Decimal
from typing import NamedTuple

from costmon.errors import PriceUnknownError
from costmon.meter.figures import RouteStats
from costmon.meter.options import Options
from costmon.pricing.instances.instance import Instance, RegionPrices

_NS = Decimal(10**9)
_HOUR_S = Decimal(3600)
_GIB = Decimal(2**30)
# AWS split cost allocation weights a vCPU like 9 GiB of memory, from Fargate's prices.
_CPU_WEIGHT = 9


class Rates(NamedTuple):
    """Prices of one application's work.

    Attributes:
        cpu_usd_per_second: For a CPU second on this machine, including idle headroom.
        egress_usd_per_gib: For traffic beyond the free allowance; `None`: unknown.
    """

    cpu_usd_per_second: Decimal
    egress_usd_per_gib: Decimal | None

    def cost_usd(self, row: RouteStats) -> Decimal | None:
        """Return the exact cost of the requests of a row; `None` if a price is missing."""
        cpu = Decimal(row.cpu_estimate_ns) / _NS * self.cpu_usd_per_second
        if not row.bytes_out:
            return cpu
        if self.egress_usd_per_gib is None:
            return None
        return cpu + Decimal(row.bytes_out) / _GIB * self.egress_usd_per_gib


def rates_of(prices: RegionPrices, options: Options) -> Rates:
    """Return the rates of an application in a region.

    The CPU rate is that of the instance type in the options, else of the type with the cheapest
    vCPU that is not burstable. A vCPU weighs as much as 9 GiB of memory in an instance's price.

    Raises:
        PriceUnknownError: The options name an instance type that is not in the list.
    """
    instance = _instance(prices, options)
    hourly = _cpu_usd_per_hour(instance) * options.cpu_factor / options.target_utilisation
    paid = [tier.price for tier in prices.egress if tier.price]
    return Rates(
        cpu_usd_per_second=hourly / _HOUR_S,
        egress_usd_per_gib=paid[0] if paid else None,
    )


def _instance(prices: RegionPrices, options: Options) -> Instance:
    if not options.instance:
        steady = [instance for instance in prices.instances if instance.baseline == 1]
        # By the whole price: by its CPU part, types with much unused memory would win.
        return min(steady or prices.instances, key=lambda one: one.hourly_usd / one.vcpu)
    for instance in prices.instances:
        if instance.name == options.instance:
            return instance
    raise PriceUnknownError(
        f"{options.instance} in {prices.region}", tuple(one.name for one in prices.instances)
    )


def _cpu_usd_per_hour(instance: Instance) -> Decimal:
    """Return dollars for an hour of a fully used vCPU, without memory."""
    weights = _CPU_WEIGHT * instance.vcpu + instance.memory_gib
    return instance.hourly_usd * _CPU_WEIGHT / weights / instance.baseline

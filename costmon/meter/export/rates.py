"""What work costs while it is done: dollars for a second on a vCPU and for a GiB sent.

A projection's prices change with the machines it chooses. A counter of dollars must not fall, so
it goes by rates that depend on the price list and the options alone.
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
# AWS split cost allocation weighs a vCPU like 9 GiB of memory, from Fargate's prices.
_CPU_WEIGHT = 9


class Rates(NamedTuple):
    """Prices of one application's work.

    Attributes:
        cpu_usd_per_second: For a second of this machine's CPU, idle headroom included.
        egress_usd_per_gib: For traffic beyond what is free; `None`: nobody knows.
    """

    cpu_usd_per_second: Decimal
    egress_usd_per_gib: Decimal | None

    def cost_usd(self, row: RouteStats) -> Decimal | None:
        """Return what the requests of a row have cost, exact; `None` when a price is missing."""
        cpu = Decimal(row.cpu_estimate_ns) / _NS * self.cpu_usd_per_second
        if not row.bytes_out:
            return cpu
        if self.egress_usd_per_gib is None:
            return None
        return cpu + Decimal(row.bytes_out) / _GIB * self.egress_usd_per_gib


def rates_of(prices: RegionPrices, options: Options) -> Rates:
    """Return the rates of an application in a region.

    CPU goes by the instance type that the options name, else by the one that costs least for
    a vCPU that may be used for ever; 9/10 of a price is the CPU's where a vCPU has 1 GiB.

    Raises:
        PriceUnknownError: The options name a type that the list does not have.
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
        # By the whole price: by the CPU's part, types with more memory than is used would win.
        return min(steady or prices.instances, key=lambda one: one.hourly_usd / one.vcpu)
    for instance in prices.instances:
        if instance.name == options.instance:
            return instance
    raise PriceUnknownError(
        f"{options.instance} in {prices.region}", tuple(one.name for one in prices.instances)
    )


def _cpu_usd_per_hour(instance: Instance) -> Decimal:
    """Return dollars for an hour of a vCPU that is busy all the time, memory apart."""
    weights = _CPU_WEIGHT * instance.vcpu + instance.memory_gib
    return instance.hourly_usd * _CPU_WEIGHT / weights / instance.baseline

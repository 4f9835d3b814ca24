"""Find the cheapest machines for a load of any size.

For each instance type, the number of machines follows from its scarcest resource. Arithmetic is on
integers (billionths of vCPUs and of dollars) for speed, since a page with 1,000 routes does this a
thousand times, every two seconds.
"""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from costmon.errors import PriceUnknownError
from costmon.meter.projection.demand import Load, Workers
from costmon.meter.projection.values import HOURS_A_MONTH, Binding, Fleet
from costmon.pricing.instances.instance import Instance, RegionPrices

MOST_SMALL = 100
"""Small instance types are not considered beyond this number: nobody runs 80,000 machines of one
vCPU to save half of a large one."""

LARGE_VCPU = 32

SYSTEM_GIB = Decimal("0.2")
"""Memory of each machine that its operating system needs."""

_NANO = 1_000_000_000
_GIB = 2**30
_MILLI = 1000
_BOUNDLESS = 10**15
_SHOWN = Decimal("0.000001")


class _Type(NamedTuple):
    instance: Instance
    nano_vcpu: int  # that may be used permanently
    milli_processes: int  # that fit in its memory; whole ones, unless none fits
    nano_usd: int

    def count(self, need: "_Need") -> int:
        return max(
            1,
            -(-need.nano_vcpu // self.nano_vcpu),
            -(-need.milli_processes // self.milli_processes),
        )

    def covers(self, other: "_Type") -> bool:
        return (
            self.nano_vcpu >= other.nano_vcpu
            and self.milli_processes >= other.milli_processes
            and self.nano_usd <= other.nano_usd
        )


class _Need(NamedTuple):
    nano_vcpu: int
    cpu_processes: int
    workers: int
    milli_processes: int  # the larger of the two


class Machines:
    """The instance types of a region, for one application.

    Attributes:
        is_cramped: Whether no type has enough memory for one process.
    """

    def __init__(
        self,
        prices: RegionPrices,
        *,
        workers: Workers,
        utilisation: Decimal,
        only: str = "",
    ) -> None:
        """Select the instance types.

        Args:
            prices: Prices of the region.
            workers: Memory and concurrency of the application's processes.
            utilisation: Target CPU utilisation, above 0.
            only: Name of the type to use; empty: the cheapest that fits.

        Raises:
            PriceUnknownError: No type has that name.
        """
        self._workers = workers
        self._utilisation = utilisation
        offered = prices.instances
        if only:
            offered = tuple(one for one in offered if one.name.lower() == only.lower())
        if not offered:
            names = tuple(sorted(one.name for one in prices.instances))
            what = f"{only or 'any machine'} in {prices.provider} {prices.region}"
            raise PriceUnknownError(what, names)
        rooms = [self._whole_processes(one) for one in offered]
        self.is_cramped = not any(rooms)
        self._types = _undominated(
            [
                _Type(
                    instance=one,
                    nano_vcpu=max(1, _nano(one.vcpu * one.baseline)),
                    milli_processes=room * _MILLI or self._part_of_a_process(one),
                    nano_usd=_nano(one.hourly_usd),
                )
                for one, room in zip(offered, rooms, strict=True)
                if room or self.is_cramped
            ]
        )
        most = max(one.nano_vcpu for one in self._types)
        large = min(LARGE_VCPU * _NANO, most // 2)
        self._large = frozenset(one.instance.name for one in self._types if one.nano_vcpu >= large)

    def fleet(self, load: Load) -> Fleet:
        """Return the cheapest machines for a load; at equal cost, the fewest."""
        vcpu_needed = load.busy_vcpu / self._utilisation
        need = self._need(vcpu_needed, load.in_flight)
        _, count, _, at = min(
            (count * one.nano_usd, count, one.instance.name, at)
            for at, one in enumerate(self._types)
            if (count := one.count(need)) <= MOST_SMALL or one.instance.name in self._large
        )
        chosen = self._types[at]
        instance = chosen.instance
        gib = Decimal(need.milli_processes * self._workers.rss_bytes) / (_MILLI * _GIB)
        capacity = count * instance.vcpu * instance.baseline
        return Fleet(
            instance=instance,
            instances=count,
            binding=_binding(chosen, need),
            vcpu_needed=_shown(vcpu_needed),
            workers_needed=need.workers,
            memory_gib_needed=_shown(gib),
            cpu_utilisation=_shown(load.busy_vcpu / capacity),
            monthly_usd=count * instance.hourly_usd * HOURS_A_MONTH,
        )

    def _need(self, vcpu: Decimal, in_flight: Decimal) -> _Need:
        at_once = self._workers.at_once
        workers = max(1, _ceiling(in_flight / at_once)) if at_once else 1
        cpu_processes = max(1, _ceiling(vcpu))
        return _Need(_nano(vcpu), cpu_processes, workers, max(cpu_processes, workers) * _MILLI)

    def _whole_processes(self, instance: Instance) -> int:
        if not self._workers.rss_bytes:
            return _BOUNDLESS
        room = int((instance.memory_gib - SYSTEM_GIB) * _GIB)
        return max(0, room // self._workers.rss_bytes)

    def _part_of_a_process(self, instance: Instance) -> int:
        room = int((instance.memory_gib - SYSTEM_GIB) * _GIB)
        return max(1, room * _MILLI // self._workers.rss_bytes)


def _undominated(types: Sequence[_Type]) -> tuple[_Type, ...]:
    """Leave out types that are dominated by another one, which are never the best."""
    found: list[_Type] = []
    for one in sorted(
        types, key=lambda a: (a.nano_usd, -a.nano_vcpu, -a.milli_processes, a.instance.name)
    ):
        if not any(better.covers(one) for better in found):
            found.append(one)
    return tuple(found)


def _binding(chosen: _Type, need: _Need) -> Binding:
    cpu = need.nano_vcpu * chosen.milli_processes
    if cpu >= need.milli_processes * chosen.nano_vcpu:
        return "cpu"
    return "workers" if need.workers > need.cpu_processes else "memory"


def _nano(amount: Decimal) -> int:
    # To the nearest: rounding up would add a 13th machine for a quotient that exceeds 12 by 1e-50.
    return int((amount * _NANO).to_integral_value(rounding=ROUND_HALF_EVEN))


def _ceiling(amount: Decimal) -> int:
    return int(Decimal(_nano(amount)).scaleb(-9).to_integral_value(rounding=ROUND_CEILING))


def _shown(amount: Decimal) -> Decimal:
    return amount.quantize(_SHOWN, rounding=ROUND_HALF_EVEN)

"""The monthly cost of all routes together: machines and traffic."""

from decimal import Decimal

from costmon.meter.figures import Snapshot
from costmon.meter.options import Options
from costmon.meter.projection.demand import Demand, Load, workers_of
from costmon.meter.projection.machines import Machines
from costmon.meter.projection.measured import Measured, measured
from costmon.meter.projection.rounding import apportioned, in_cents
from costmon.meter.projection.traffic import egress_usd
from costmon.meter.projection.values import CurvePoint, Fleet
from costmon.pricing.instances.instance import RegionPrices

_NANO = 1_000_000_000


class Month:
    """A month with the target number of users.

    Attributes:
        options: The application's options.
        prices: Prices of its region.
        measured: Summary of the recording.
        workers: Memory and concurrency of its processes.
        demand: Load for any number of users.
        machines: The available instance types.
        load: Load of the target users.
        fleet: Machines for that load.
        monthly_usd: Machines and traffic, in whole cents.
        egress_usd: Traffic, in whole cents.
        machines_usd: The rest of `monthly_usd`.
        prices_as_of: Date of the oldest price used: of all machines, since all were compared,
            and of traffic if it costs anything.
    """

    def __init__(self, snapshot: Snapshot, prices: RegionPrices) -> None:
        """Compute the machines and costs for a recording.

        Raises:
            PriceUnknownError: The options name an instance type that is not in the list.
        """
        self.options: Options = snapshot.options
        self.prices = prices
        self.measured: Measured = measured(snapshot.settled, sample=self.options.sample)
        self.workers = workers_of(snapshot)
        self.demand = Demand(self.measured, self.options)
        self.machines = Machines(
            prices,
            workers=self.workers,
            utilisation=self.options.target_utilisation,
            only=self.options.instance,
        )
        self.load: Load = self.demand.of_all(self.options.target_users)
        point = self.point(self.options.target_users)
        self.fleet: Fleet = point.fleet
        self.monthly_usd = point.monthly_usd
        self.egress_usd = point.egress_usd
        self.machines_usd = point.monthly_usd - point.egress_usd
        of_machines = min(one.as_of for one in prices.instances)
        self.prices_as_of = prices.as_of if self.egress_usd else of_machines

    def point(self, users: int) -> CurvePoint:
        """Return the cost of a number of users."""
        load = self.demand.of_all(users)
        fleet = self.machines.fleet(load)
        traffic_usd = egress_usd(self.prices.egress, load.month_bytes)
        return CurvePoint(
            users=users,
            fleet=fleet,
            egress_usd=in_cents(traffic_usd),
            monthly_usd=in_cents(fleet.monthly_usd + traffic_usd),
        )

    def used_and_idle(self) -> tuple[Decimal, Decimal, Decimal]:
        """Return the cost of machines for routes, for unattributed work, and for idle capacity."""
        instance = self.fleet.instance
        capacity = _weight(self.fleet.instances * instance.vcpu * instance.baseline)
        routes, rest = _weight(self.load.attributed_vcpu), _weight(self.load.residual_vcpu)
        attributed, residual, idle = apportioned(
            self.machines_usd, (routes, rest, max(0, capacity - routes - rest))
        )
        return attributed, residual, idle


def _weight(vcpu: Decimal) -> int:
    return int(vcpu * _NANO)

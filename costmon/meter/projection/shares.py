"""Divide the monthly cost among routes.

* The cost of machines is divided by use of the resource that determines their number: CPU, with
  unattributed CPU divided by number of requests; or time in flight. So idle capacity is charged to
  the routes that made it necessary.
* Traffic is priced for all routes together, with one free allowance, and divided by bytes.
* Both are divided in whole cents with the largest remainder method: the sum over routes is the
  total.

The marginal cost of 1,000 requests includes no idle capacity: it is their CPU at the target
utilisation, at the price of a vCPU of the machines, plus traffic. In the price of a machine a vCPU
weighs as much as 9 GiB of memory, as in AWS split cost allocation for containers.
"""

from decimal import ROUND_HALF_EVEN, Decimal

from costmon.meter.projection.budgets import budget_of
from costmon.meter.projection.measured import MeasuredRoute
from costmon.meter.projection.month import Month
from costmon.meter.projection.notes import FEW
from costmon.meter.projection.percentiles import spread_of, wall_spread_of
from costmon.meter.projection.rounding import apportioned, in_cents
from costmon.meter.projection.traffic import added_usd
from costmon.meter.projection.values import RouteCost
from costmon.pricing.instances.instance import Instance

VCPU_IN_GIB = 9
"""The weight of a vCPU in a machine's price, in GiB of memory."""

_NS_PER_HOUR = 3600 * 1_000_000_000
_THOUSAND = 1000
_SHOWN = Decimal("0.000000001")


def routes_of(month: Month) -> tuple[RouteCost, ...]:
    """Return all routes with their monthly cost, most expensive first."""
    routes = month.measured.routes
    weights = _weights(month)
    machines = apportioned(month.machines_usd, weights)
    traffic = apportioned(month.egress_usd, [route.bytes_out for route in routes])
    costs = (
        _cost(month, route, weight, machines_usd, traffic_usd)
        for route, weight, machines_usd, traffic_usd in zip(
            routes, weights, machines, traffic, strict=True
        )
    )
    return tuple(sorted(costs, key=lambda cost: (-cost.monthly_usd, cost.route, cost.method)))


def vcpu_hour_usd(instance: Instance) -> Decimal:
    """Return the hourly price of one fully used vCPU of a machine."""
    vcpu = VCPU_IN_GIB * instance.vcpu * instance.baseline
    return instance.hourly_usd * VCPU_IN_GIB / (vcpu + instance.memory_gib)


def _weights(month: Month) -> list[int]:
    """Return each route's use of the resource that determines the number of machines."""
    routes = month.measured.routes
    if month.fleet.binding == "workers":
        return [route.in_flight_ns for route in routes]
    weights = [_cpu_weight(month, route, route.cpu_ns) for route in routes]
    return weights if any(weights) else [route.requests for route in routes]


def _cpu_weight(month: Month, route: MeasuredRoute, cpu_ns: int) -> int:
    measured, load = month.measured, month.load
    # Unattributed CPU at that load, scaled to the recording.
    residual_ns = (
        int(measured.attributed_ns * load.residual_vcpu / load.attributed_vcpu)
        if load.attributed_vcpu
        else measured.request_residual_ns
    )
    return cpu_ns * measured.requests + residual_ns * route.requests


def _cost(
    month: Month, route: MeasuredRoute, weight: int, machines_usd: Decimal, traffic_usd: Decimal
) -> RouteCost:
    users = month.options.target_users
    share = Decimal(route.requests) / month.measured.requests
    monthly_usd = machines_usd + traffic_usd
    budget_usd = budget_of(month.options, route.method, route.route)
    low_usd, high_usd = _interval(month, route, weight, machines_usd, traffic_usd)
    return RouteCost(
        method=route.method,
        route=route.route,
        requests=route.requests,
        statuses=route.statuses,
        share=_shown(share),
        requests_per_second=_shown(share * month.demand.requests_per_second(users)),
        cpu_mean_ns=route.mean_ns,
        cpu_low_ns=route.low_ns,
        cpu_high_ns=route.high_ns,
        bytes_out_mean=route.bytes_out // max(1, route.requests),
        cpu=spread_of(route.cpu),
        wall=wall_spread_of(route.wall),
        marginal_usd_per_1000=_marginal(month, route),
        monthly_usd=monthly_usd,
        monthly_low_usd=low_usd,
        monthly_high_usd=high_usd,
        egress_usd=traffic_usd,
        user_usd=_shown(monthly_usd / max(1, users)),
        recommended=month.machines.fleet(month.demand.of_route(route, users)),
        budget_usd=budget_usd,
        over_budget=budget_usd is not None and monthly_usd > budget_usd,
        few=route.requests < FEW,
    )


def _interval(
    month: Month, route: MeasuredRoute, weight: int, machines_usd: Decimal, traffic_usd: Decimal
) -> tuple[Decimal | None, Decimal | None]:
    """Return the monthly cost at both ends of the CPU interval, other routes unchanged."""
    if route.low_ns is None or route.high_ns is None:
        return None, None
    monthly_usd = machines_usd + traffic_usd
    if month.fleet.binding == "workers" or not weight:
        return monthly_usd, monthly_usd
    low_weight, high_weight = (
        _cpu_weight(month, route, mean_ns * route.requests)
        for mean_ns in (route.low_ns, route.high_ns)
    )
    low_usd = in_cents(machines_usd * low_weight / weight) + traffic_usd
    high_usd = in_cents(machines_usd * high_weight / weight) + traffic_usd
    return min(low_usd, monthly_usd), max(high_usd, monthly_usd)


def _marginal(month: Month, route: MeasuredRoute) -> Decimal:
    measured, options = month.measured, month.options
    requests = max(1, route.requests)
    cpu_ns = Decimal(route.cpu_ns) / requests
    cpu_ns += Decimal(measured.request_residual_ns) / measured.requests
    vcpu_hours = _THOUSAND * cpu_ns * options.cpu_factor / options.target_utilisation / _NS_PER_HOUR
    traffic_usd = added_usd(
        month.prices.egress, month.load.month_bytes, _THOUSAND * route.bytes_out // requests
    )
    return _shown(vcpu_hours * vcpu_hour_usd(month.fleet.instance) + traffic_usd)


def _shown(amount: Decimal) -> Decimal:
    return amount.quantize(_SHOWN, rounding=ROUND_HALF_EVEN)

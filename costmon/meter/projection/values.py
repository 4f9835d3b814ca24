"""The values of a projection: costs for a number of users, at a provider's prices.

Dollars are exact until displayed; a month has 730 hours, as in the providers' calculators.
"""

import datetime as dt
from decimal import Decimal
from typing import Literal, NamedTuple

from costmon.pricing.instances.instance import Instance

HOURS_A_MONTH = 730

Binding = Literal["cpu", "memory", "workers"]
"""The resource that determines the number of machines."""


class Fleet(NamedTuple):
    """The machines for a load.

    Attributes:
        instance: Instance type.
        instances: Number of machines, at least 1.
        binding: The resource that determines their number.
        vcpu_needed: Average vCPUs in use, divided by the target utilisation.
        workers_needed: Worker processes for the concurrent requests (Little's law).
        memory_gib_needed: Memory of all worker processes.
        cpu_utilisation: Share of the CPU (the baseline of burstable types) in use.
        monthly_usd: Cost of all machines for 730 hours.
    """

    instance: Instance
    instances: int
    binding: Binding
    vcpu_needed: Decimal
    workers_needed: int
    memory_gib_needed: Decimal
    cpu_utilisation: Decimal
    monthly_usd: Decimal


class Spread(NamedTuple):
    """The percentiles of requests, in nanoseconds.

    Attributes:
        p50_ns: The median.
        p95_ns: The 95th percentile.
        p99_ns: The 99th percentile.
        ratio: p95 / p50; `None` if p50 is 0.
        flagged: Whether the ratio is above 1.5, with enough requests; never of wall time.
        waits: Whether the ratio of wall time is above 1.5, with enough requests.
    """

    p50_ns: int
    p95_ns: int
    p99_ns: int
    ratio: Decimal | None
    flagged: bool
    waits: bool = False


class RouteCost(NamedTuple):
    """The cost of one route, over all statuses and tags.

    Attributes:
        method: HTTP method.
        route: Route template.
        requests: Number of requests after the warm-up.
        statuses: Number of requests by status, ascending.
        share: Share of all requests, 0 to 1.
        requests_per_second: Projected request rate.
        cpu_mean_ns: Mean CPU per request, including late work, as measured, without `cpu_factor`.
        cpu_low_ns: Lower end of the 95 % interval of that mean; `None` below 2 requests.
        cpu_high_ns: Upper end of the interval.
        bytes_out_mean: Mean response body size.
        cpu: Percentiles of CPU; `None` if none was measured.
        wall: Percentiles of wall time; `None` without requests.
        marginal_usd_per_1000: Cost of 1,000 additional requests: CPU at the target utilisation,
            and traffic, without idle capacity.
        monthly_usd: Full cost: its share of machines, including unattributed work and idle
            capacity, and its traffic. Whole cents; the sum over all routes is the
            projection's `monthly_usd`.
        monthly_low_usd: At the lower end of the interval; `None` if there is none.
        monthly_high_usd: At the upper end of the interval.
        egress_usd: The part of `monthly_usd` that is traffic.
        user_usd: `monthly_usd` per user.
        recommended: The machines for this route alone.
        budget_usd: Budget in dollars a month; `None`: no budget.
        over_budget: Whether it costs more than its budget.
        few: Whether there are fewer than 100 requests, so that figures are not reliable.
    """

    method: str
    route: str
    requests: int
    statuses: tuple[tuple[int, int], ...]
    share: Decimal
    requests_per_second: Decimal
    cpu_mean_ns: int
    cpu_low_ns: int | None
    cpu_high_ns: int | None
    bytes_out_mean: int
    cpu: Spread | None
    wall: Spread | None
    marginal_usd_per_1000: Decimal
    monthly_usd: Decimal
    monthly_low_usd: Decimal | None
    monthly_high_usd: Decimal | None
    egress_usd: Decimal
    user_usd: Decimal
    recommended: Fleet
    budget_usd: Decimal | None
    over_budget: bool
    few: bool


class CurvePoint(NamedTuple):
    """The monthly cost of a number of users.

    Attributes:
        users: Number of users.
        fleet: The machines for them.
        egress_usd: Cost of traffic.
        monthly_usd: Cost of machines and traffic.
    """

    users: int
    fleet: Fleet
    egress_usd: Decimal
    monthly_usd: Decimal


class Projection(NamedTuple):
    """The projected monthly cost of an application.

    Attributes:
        provider: The provider.
        region: The region.
        prices_of: The region whose prices of machines are used, since those of `region` are not
            known; empty: those of `region`.
        prices_as_of: Date of the oldest price used.
        prices_source: Source of the prices.
        prices_stale: Whether that price is older than 180 days.
        target_users: Number of users.
        requests_per_second: Request rate of all users together.
        seconds: Length of the recording without its warm-up.
        requests: Number of requests in it.
        fleet: The machines for all routes together.
        egress_usd: Cost of the traffic of all routes.
        monthly_usd: Cost of machines and traffic; whole cents.
        attributed_usd: Machines, the part used by routes.
        residual_usd: Machines, the part used by server, garbage collection and native threads.
        idle_usd: Machines, the unused part.
        attributed_ratio: Share of the CPU attributed to routes; `None` if no CPU was used.
        routes: Routes, most expensive first.
        curve: Costs for 100 to 1,000,000 users, ascending.
        notes: Notes in full sentences, such as on few requests, old prices or budgets.
    """

    provider: str
    region: str
    prices_as_of: dt.date
    prices_source: str
    prices_stale: bool
    target_users: int
    requests_per_second: Decimal
    seconds: float
    requests: int
    fleet: Fleet
    egress_usd: Decimal
    monthly_usd: Decimal
    attributed_usd: Decimal
    residual_usd: Decimal
    idle_usd: Decimal
    attributed_ratio: float | None
    routes: tuple[RouteCost, ...]
    curve: tuple[CurvePoint, ...]
    notes: tuple[str, ...]
    prices_of: str = ""


class Unprojected(NamedTuple):
    """Why there is no projection yet, and what to do.

    Attributes:
        state: `no_data`: no request has been counted. `warming_up`: all were in the warm-up.
            `stopped`: recording is stopped and empty. `no_prices`: no usable prices.
        text: An explanation for people, one or two sentences.
    """

    state: Literal["no_data", "warming_up", "stopped", "no_prices"]
    text: str

"""What was measured, as money: for a number of users, with a provider's prices.

Dollars are exact until shown; a month has 730 hours, as the providers' calculators have it.
"""

import datetime as dt
from decimal import Decimal
from typing import Literal, NamedTuple

from costmon.pricing.instances.instance import Instance

HOURS_A_MONTH = 730

Binding = Literal["cpu", "memory", "workers"]
"""What a fleet would run out of first."""


class Fleet(NamedTuple):
    """The machines that a load needs.

    Attributes:
        instance: Their type.
        instances: How many, at least 1.
        binding: What decided how many.
        vcpu_needed: vCPUs that are busy on average, divided by the target utilisation.
        workers_needed: Worker processes, by the requests in flight at once (Little's law).
        memory_gib_needed: GiB of all worker processes.
        cpu_utilisation: Share of the fleet's CPU (its baseline, when burstable) that is busy.
        monthly_usd: Dollars for 730 hours of all of them.
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
    """How much requests differ, in nanoseconds.

    Attributes:
        p50_ns: Half of the requests take no longer.
        p95_ns: 95 % take no longer.
        p99_ns: 99 % take no longer.
        ratio: p95 / p50; `None` when p50 is 0.
        flagged: Whether the ratio is above 1.5, and there are enough requests to say so.
    """

    p50_ns: int
    p95_ns: int
    p99_ns: int
    ratio: Decimal | None
    flagged: bool


class RouteCost(NamedTuple):
    """One route's share of the fleet; all statuses and tags together.

    Attributes:
        method: HTTP method.
        route: Its template.
        requests: Measured after the warm-up.
        statuses: Of these, by status, ascending.
        share: Of all requests, 0 to 1.
        requests_per_second: Projected.
        cpu_mean_ns: For a request, late work included, as measured here: without `cpu_factor`.
        cpu_low_ns: Lower end of the 95 % interval of that mean; `None` below 2 requests.
        cpu_high_ns: Upper end of it.
        bytes_out_mean: For a request.
        cpu: How requests differ in CPU; `None` when none was measured.
        wall: How requests differ in time; `None` without requests.
        marginal_usd_per_1000: What 1,000 requests more would cost: CPU at the target utilisation,
            and traffic; no share of anything idle.
        monthly_usd: Fully loaded: its share of machines, residual and idle, and its traffic. Whole
            cents; the sum over all routes is the projection's `monthly_usd`.
        monthly_low_usd: With the lower end of the interval; `None` when there is none.
        monthly_high_usd: With the upper end.
        egress_usd: The part of `monthly_usd` that is traffic.
        user_usd: `monthly_usd` for one of the target users.
        recommended: The machines that this route alone would need.
        budget_usd: Dollars a month that it may cost; `None`: no budget.
        over_budget: Whether it costs more.
        few: Whether there are fewer than 100 requests, so that little can be said.
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
    """What so many users would cost a month.

    Attributes:
        users: How many.
        fleet: The machines they need.
        egress_usd: Their traffic.
        monthly_usd: Machines and traffic.
    """

    users: int
    fleet: Fleet
    egress_usd: Decimal
    monthly_usd: Decimal


class Projection(NamedTuple):
    """What an application will cost a month at its target users.

    Attributes:
        provider: Whose prices.
        region: Where.
        prices_as_of: Of the oldest price used.
        prices_source: Where it was read.
        prices_stale: Whether it is older than 180 days.
        target_users: For how many.
        requests_per_second: That they send together.
        seconds: Length of what was measured, without the warm-up.
        requests: Measured in it.
        fleet: The machines for all routes together.
        egress_usd: Traffic of all routes.
        monthly_usd: Machines and traffic; whole cents.
        attributed_usd: The part of the machines that routes use themselves.
        residual_usd: The part that server, garbage collection and native threads use.
        idle_usd: The part that is paid for and idle.
        attributed_ratio: Share of the measured CPU that is in a route; `None`: none was used.
        routes: Dearest first.
        curve: From 100 to 1,000,000 users, ascending.
        notes: What a reader has to know: few requests, old prices, over budget; whole sentences.
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


class Unprojected(NamedTuple):
    """Why there is no projection yet, and what to do.

    Attributes:
        state: `no_data`: no request has been counted. `warming_up`: all of them in the warm-up.
            `stopped`: recording is off and nothing was recorded. `no_prices`: there is nothing to
            project with.
        text: The same for people, one or two sentences.
    """

    state: Literal["no_data", "warming_up", "stopped", "no_prices"]
    text: str

"""Split an actual bill by endpoint.

A projection has the share of machines and traffic that each route uses itself. The same share of
the billed amount is allocated to the route. The rest (server, garbage collection, native threads
and idle capacity) is unallocated, since no route caused it. The parts add up to the bill exactly,
in its smallest unit.

Rows are FOCUS 1.3 split cost allocation: `AllocatedMethodId`, `AllocatedMethodDetails` with a ratio
(all rows of a bill: 1) and vCPU hours a month, `AllocatedResourceId`, `AllocatedResourceName`,
`AllocatedTags`. They belong in a separate table: next to the bill's own row, costs would count
twice.
"""

import json
from decimal import Context, Decimal, localcontext
from typing import NamedTuple

from costmon.errors import AmountError
from costmon.meter.projection.rounding import CENT, apportioned
from costmon.meter.projection.values import HOURS_A_MONTH, Projection

METHOD_ID = "costmon-cpu-time"
UNALLOCATED = "unallocated"

_FINEST = -12
_RATIO_STEP = Decimal("1E-12")
_SHOWN = Decimal("0.000001")
_MOST = Decimal(10) ** 15


class Part(NamedTuple):
    """One endpoint's part of a bill.

    Attributes:
        method: HTTP method; empty for the unallocated part.
        route: Route template; empty for the unallocated part.
        cost: In the bill's currency.
        ratio: Share of the bill, 0 to 1.
        vcpu_hours: Projected vCPU hours in a month.
    """

    method: str
    route: str
    cost: Decimal
    ratio: Decimal
    vcpu_hours: Decimal

    @property
    def name(self) -> str:
        """Method and template, or `unallocated`."""
        return f"{self.method} {self.route}" if self.method else UNALLOCATED

    def focus(self) -> dict[str, str]:
        """Return the FOCUS allocation columns of this part."""
        # Decimals, not floats, so that the ratios add up to exactly 1.
        details = (
            f'{{"Elements":[{{"AllocatedRatio":{self.ratio:f},"UsageUnit":"vCPU-Hours",'
            f'"UsageQuantity":{self.vcpu_hours:f}}}]}}'
        )
        tags = {"http.request.method": self.method, "http.route": self.route}
        return {
            "AllocatedMethodId": METHOD_ID,
            "AllocatedMethodDetails": details,
            "AllocatedResourceId": self.name,
            "AllocatedResourceName": self.name,
            "AllocatedTags": json.dumps(tags if self.method else {}, separators=(",", ":")),
        }


class Allocation(NamedTuple):
    """A bill split by endpoint.

    Attributes:
        billed: The billed amount; `parts` and `unallocated` add up to it.
        parts: One for each route, in the projection's order.
        unallocated: The part that no route caused.
    """

    billed: Decimal
    parts: tuple[Part, ...]
    unallocated: Part

    @property
    def rows(self) -> tuple[Part, ...]:
        """All parts, the unallocated one last."""
        return (*self.parts, self.unallocated)


def allocate(billed: Decimal, projection: Projection) -> Allocation:
    """Return each endpoint's part of a bill for the machines and the traffic of a service.

    Args:
        billed: The billed amount, in any currency; negative for a refund.
        projection: A projection for about the load of the billed period.

    Raises:
        AmountError: The amount is not finite, too large, or has more than 12 decimals.
    """
    exponent = billed.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < _FINEST or abs(billed) > _MOST:
        raise AmountError(repr(billed)[:60], "an amount with at most 12 decimals")
    step = min(CENT, Decimal(1).scaleb(exponent))
    with localcontext(Context(prec=60)):
        weights = _weights(projection)
        costs = apportioned(billed, weights, step=step)
        ratios = apportioned(Decimal(1), weights, step=_RATIO_STEP)
        hours = _vcpu_hours(projection)
    names = (*((one.method, one.route) for one in projection.routes), ("", ""))
    rows = tuple(
        Part(method, route, cost, ratio, used)
        for (method, route), cost, ratio, used in zip(names, costs, ratios, hours, strict=True)
    )
    return Allocation(billed=billed, parts=rows[:-1], unallocated=rows[-1])


def _cpu_ns(projection: Projection) -> list[int]:
    return [route.cpu_mean_ns * max(1, route.requests) for route in projection.routes]


def _weights(projection: Projection) -> list[int]:
    """Return the weight of each route and, last, of the unallocated part: cents times total CPU."""
    spent = _cpu_ns(projection)
    whole = sum(spent) or 1
    attributed = _cents(projection.attributed_usd)
    routes = [
        attributed * cpu_ns + _cents(route.egress_usd) * whole
        for route, cpu_ns in zip(projection.routes, spent, strict=True)
    ]
    return [*routes, _cents(projection.monthly_usd) * whole - sum(routes)]


def _vcpu_hours(projection: Projection) -> list[Decimal]:
    fleet = projection.fleet
    capacity = fleet.instances * fleet.instance.vcpu * fleet.instance.baseline * HOURS_A_MONTH
    machines_usd = projection.monthly_usd - projection.egress_usd
    used = capacity * projection.attributed_usd / machines_usd if machines_usd else Decimal(0)
    spent = _cpu_ns(projection)
    whole = sum(spent)
    routes = [used * cpu_ns / whole if whole else Decimal(0) for cpu_ns in spent]
    return [hours.quantize(_SHOWN) for hours in (*routes, capacity - sum(routes))]


def _cents(amount: Decimal) -> int:
    return int(amount / CENT)

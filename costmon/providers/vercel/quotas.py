"""What of Vercel's use is limited by plans, counted from the rows of charges of one month.

Service names and units are not documented: they are compared without case, spaces and dashes, and a
unit that is not known makes that quota a gap instead of a wrong figure.
"""

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from costmon.domain.resource import Gap
from costmon.domain.usage import Quantity
from costmon.providers.figures import Span
from costmon.providers.reading import EXACT, schema_fault
from costmon.providers.vercel.months import Month
from costmon.providers.vercel.rows import PATH, SLUG, Instants, UsageRow

_COUNTS = dict.fromkeys(("invocations", "requests", "count", "transformations"), (1, 1))
_BYTES = {
    "gb": (1, 1),
    "tb": (1000, 1),
    "mb": (1, 1000),
    "kb": (1, 1000**2),
    "bytes": (1, 1000**3),
}
_HOURS = {
    **dict.fromkeys(("hours", "hrs", "cpuhours", "cpuhrs"), (1, 1)),
    **dict.fromkeys(("seconds", "cpuseconds"), (1, 3600)),
    "minutes": (1, 60),
    "milliseconds": (1, 3600 * 1000),
}
_GB_HOURS = {"gbhours": (1, 1), "gbhrs": (1, 1), "gbh": (1, 1), "gbseconds": (1, 3600)}
_SHOWN_UNIT = 40
_STEP = Decimal("1e-12")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quota:
    """One thing that plans limit.

    Attributes:
        slug: What it is called in costmon.
        unit: In which unit it is counted there.
        services: The vendor's names of it, plain.
        per_unit: By the vendor's unit, plain: what to multiply and divide by.
    """

    slug: str
    unit: str
    services: frozenset[str]
    per_unit: Mapping[str, tuple[int, int]]


QUOTAS = (
    Quota(
        slug="function_invocations",
        unit="Requests",
        services=frozenset({"functioninvocations", "serverlessfunctioninvocations"}),
        per_unit=_COUNTS,
    ),
    Quota(
        slug="fast_data_transfer",
        unit="GB",
        services=frozenset({"fastdatatransfer"}),
        per_unit=_BYTES,
    ),
    Quota(
        slug="fast_origin_transfer",
        unit="GB",
        services=frozenset({"fastorigintransfer"}),
        per_unit=_BYTES,
    ),
    Quota(
        slug="edge_requests",
        unit="Requests",
        services=frozenset({"edgerequests"}),
        per_unit=_COUNTS,
    ),
    Quota(
        slug="active_cpu",
        unit="Hours",
        services=frozenset({"activecpu", "fluidactivecpu", "functionactivecpu"}),
        per_unit=_HOURS,
    ),
    Quota(
        slug="provisioned_memory_gb_hours",
        unit="GB-Hours",
        services=frozenset(
            {
                "provisionedmemory",
                "fluidprovisionedmemory",
                "functionprovisionedmemory",
                # Functions that do not run on fluid compute.
                "functionduration",
                "serverlessfunctionduration",
                "serverlessfunctionexecution",
            }
        ),
        per_unit=_GB_HOURS,
    ),
    Quota(
        slug="image_transformations",
        unit="Requests",
        services=frozenset(
            {
                "imagetransformations",
                "imageoptimizationtransformation",
                "imageoptimizationtransformations",
            }
        ),
        per_unit={**_COUNTS, "images": (1, 1)},
    ),
)
_OF_SERVICE = {service: quota for quota in QUOTAS for service in quota.services}


class Use:
    """Adds up what the rows of one month say, of its days that are over."""

    def __init__(self, month: Month, now: dt.datetime) -> None:
        self._month = month
        self._end = month.finished(now)
        self._sums: dict[tuple[str, str | None], Decimal] = defaultdict(Decimal)
        self.complete_through: dt.datetime | None = None

    def add(self, rows: Iterable[UsageRow]) -> None:
        """Add the rows of these days.

        Raises:
            ProviderSchemaError: A quantity cannot be one.
        """
        instants = Instants()
        ends: set[str] = set()
        for row in rows:
            if not self._month.start <= instants[row.charge_period_start] < self._end:
                continue
            ends.add(row.charge_period_end)
            if row.consumed_quantity is None:
                continue
            if not row.consumed_quantity.is_finite():
                raise schema_fault(SLUG, PATH, "expected a finite number", "$[].ConsumedQuantity")
            counted = (row.service_name, row.consumed_unit)
            self._sums[counted] = EXACT.add(self._sums[counted], row.consumed_quantity)
        over = (instants[end] for end in ends if instants[end] <= self._end)
        self.complete_through = max(over, default=None)

    def quantities(self) -> tuple[Quantity, ...]:
        """Return what was used of each quota that has rows, all of them in known units."""
        span = Span(start=self._month.start, end=self._end, resets_at=self._month.end)
        return tuple(
            span.quantity(quota.slug, quota.unit, used) for quota, used in self._totals().items()
        )

    def gaps(self) -> tuple[Gap, ...]:
        """Return the quotas of which a row has a unit that is not known."""
        gaps: dict[str, Gap] = {}
        for service, unit in self._sums:
            quota = _OF_SERVICE.get(_plain(service))
            if quota is not None and not _is_known(quota, unit):
                reason = f"counted in an unknown unit, {(unit or '')[:_SHOWN_UNIT]!r}"
                gaps[quota.slug] = Gap(kind=quota.slug, reason=reason)
        return tuple(gaps.values())

    def _totals(self) -> Mapping[Quota, Decimal]:
        used: dict[Quota, Decimal] = {}
        for (service, unit), quantity in self._sums.items():
            quota = _OF_SERVICE.get(_plain(service))
            if quota is not None and _is_known(quota, unit):
                converted = _converted(quota, unit, quantity)
                used[quota] = EXACT.add(used.get(quota, Decimal(0)), converted)
        unknown = {gap.kind for gap in self.gaps()}
        return {quota: total for quota, total in used.items() if quota.slug not in unknown}


def all_gaps(reason: str) -> tuple[Gap, ...]:
    """Return a gap for each quota."""
    return tuple(Gap(kind=quota.slug, reason=reason) for quota in QUOTAS)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _is_known(quota: Quota, unit: str | None) -> bool:
    return _plain(unit or "") in quota.per_unit


def _converted(quota: Quota, unit: str | None, quantity: Decimal) -> Decimal:
    multiply, divide = quota.per_unit[_plain(unit or "")]
    product = EXACT.multiply(quantity, Decimal(multiply))
    if divide == 1:
        return product
    return EXACT.divide(product, Decimal(divide)).quantize(_STEP, context=EXACT).normalize(EXACT)

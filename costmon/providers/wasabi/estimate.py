"""Estimate what storage costs, day by day: Wasabi has no API that says.

A day costs its bytes, active and deleted, at the month's price divided by its days. At least 1 TB
is billed on the average of a month: what is missing up to now is spread over the days so far.
"""

import calendar
import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from costmon.domain.charge import Charge
from costmon.providers.reading import EXACT, month_of
from costmon.providers.wasabi.prices import CURRENCY, TB, StoragePrices

TITLE = "Wasabi"
MINIMUM = "Minimum storage charge"
MINIMUM_TB = Decimal(1)
_STEP = Decimal("1e-12")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Bytes of one kind that were stored for a day.

    Attributes:
        day: In UTC.
        service: What is charged for: `Active storage`, `Deleted storage`.
        size: In bytes.
        bucket: Where, if that is known.
    """

    day: dt.date
    service: str
    size: int
    bucket: str | None = None


def estimate(stored: Sequence[Stored], prices: StoragePrices) -> tuple[Charge, ...]:
    """Return the charges of what was stored on days of one month, by day."""
    charges: list[Charge] = []
    missing: dict[dt.date, Decimal] = {
        one.day: EXACT.divide(prices.on(one.day) * MINIMUM_TB, Decimal(_days_in_month(one.day)))
        for one in stored
    }
    for one in stored:
        price = prices.on(one.day)
        cost = EXACT.multiply(_tb_months(one), price)
        missing[one.day] = EXACT.subtract(missing[one.day], cost)
        charges.append(_charge(one.day, one.service, _rounded(cost), price, of=one))
    share = EXACT.divide(_sum(missing.values()), Decimal(max(1, len(missing))))
    if _rounded(share) > 0:
        charges += [_charge(day, MINIMUM, _rounded(share), prices.on(day)) for day in missing]
    return tuple(sorted(charges, key=lambda charge: charge.charge_period_start))


def _sum(values: Iterable[Decimal]) -> Decimal:
    total = Decimal(0)
    for value in values:
        total = EXACT.add(total, value)
    return total


def _charge(
    day: dt.date,
    service: str,
    cost: Decimal,
    price: Decimal,
    *,
    of: Stored | None = None,
) -> Charge:
    start = dt.datetime.combine(day, dt.time(), dt.UTC)
    billing_start, billing_end = month_of(start)
    bucket = of.bucket if of else None
    return Charge(
        source_row_key="/".join(filter(None, (day.isoformat(), service, bucket))),
        charge_period_start=start,
        charge_period_end=start + dt.timedelta(days=1),
        billing_period_start=billing_start,
        billing_period_end=billing_end,
        billed_cost=cost,
        effective_cost=cost,
        list_cost=cost,
        contracted_cost=cost,
        billing_currency=CURRENCY,
        basis="list_price",
        charge_category="Usage",
        charge_description=f"estimated: {service.lower()} at {price} {CURRENCY} per TB and month",
        charge_frequency="Usage-Based",
        service_name=service,
        service_category="Storage",
        service_subcategory="Object Storage",
        service_provider_name=TITLE,
        invoice_issuer_name=TITLE,
        billing_account_id="wasabi",
        resource_id=bucket,
        resource_name=bucket,
        resource_type="bucket" if bucket else None,
        pricing_category="Standard",
        pricing_quantity=_rounded(_tb_months(of)) if of else None,
        pricing_unit="TB-Months" if of else None,
        consumed_quantity=Decimal(of.size) if of else None,
        consumed_unit="Bytes" if of else None,
        list_unit_price=price,
    )


def _tb_months(stored: Stored) -> Decimal:
    """Return TB for the share of the month that a day is."""
    return EXACT.divide(Decimal(stored.size), Decimal(TB * _days_in_month(stored.day)))


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(_STEP, context=EXACT)


def _days_in_month(day: dt.date) -> int:
    return calendar.monthrange(day.year, day.month)[1]

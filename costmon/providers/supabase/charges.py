"""Rows for what a Supabase organization costs: no bill of the vendor, which has no API for it.

The plan's fee is a row on the first day of the month. What costs by the hour or the month has a
row a day. The compute credit of a paid plan, spread evenly over the month, is what a row of compute
is billed less than its list cost.
"""

import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from costmon.domain.charge import Charge, ChargeCategory
from costmon.domain.money import share
from costmon.domain.period import Period, month_of
from costmon.domain.resource import Basis
from costmon.pricing import PriceTable
from costmon.providers.supabase.costs import Item, Organization, Project
from costmon.providers.supabase.prices import FREE, SUPABASE

_TITLE = "Supabase"
_DAY = dt.timedelta(days=1)
_HOUR_S = 3600
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Owned:
    """A project's item with who has it and who pays."""

    organization: Organization
    project: Project
    item: Item


def plan_charges(
    organizations: Iterable[Organization], moment: dt.datetime, prices: PriceTable
) -> Iterator[Charge]:
    """Return the plans' fees of the month of `moment`, as far as they are known."""
    month = month_of(moment)
    for organization in organizations:
        price = None if organization.plan is None else prices.price("plan", organization.plan)
        if price is None:
            continue
        yield _charge(
            organization,
            key=f"plan/{organization.slug}/{organization.plan}/{month.start:%Y-%m}",
            period=month,
            month=month,
            amount=price.amount,
            basis="plan" if price.basis == "list_price" else price.basis,
            category="Purchase",
            service="Plan",
            description=f"{organization.plan} plan, a month, booked on its first day",
            quantity=(1, "Months"),
        )


def day_charges(
    owned: Sequence[Owned], day: dt.datetime, now: dt.datetime, prices: PriceTable
) -> Iterator[Charge]:
    """Return what everything costs on the UTC day that starts at `day`, until `now`."""
    month = month_of(day)
    period = Period(start=day, end=day + _DAY)
    part, parts = (day - month.start).days, (month.end - month.start).days
    credit = Credit(prices, lambda monthly: share(monthly, part, parts))
    for one in owned:
        item, project = one.item, one.project
        hours = _hours(project, period, now)
        amount = item.monthly and share(item.monthly, part, parts)
        if item.hourly is not None:
            amount = item.hourly * hours
        if not hours or not amount:
            continue
        yield _charge(
            one.organization,
            # Without the size: what is resized during the day is charged once, at its last size.
            key=f"{item.kind}/{item.id}/{day:%Y-%m-%d}",
            period=period,
            month=month,
            amount=amount,
            credit=credit.taken(one, amount),
            basis=item.basis,
            category="Usage",
            service=item.service,
            description=f"{item.name} ({item.size}), at its price of {now:%Y-%m-%d}",
            project=project,
            quantity=(1, "Days") if item.hourly is None else (hours, "Hours"),
        )


class Credit:
    """What the plans pay of the compute of their projects, the first project first."""

    def __init__(self, prices: PriceTable, part_of: Callable[[Decimal], Decimal]) -> None:
        """Start anew.

        Args:
            prices: Has the monthly credit.
            part_of: Returns how much of a monthly credit there is.
        """
        self._prices = prices
        self._part_of = part_of
        self._left: dict[Organization, Decimal] = {}

    def taken(self, one: Owned, amount: Decimal) -> Decimal:
        """Return how much of an amount the plan pays."""
        if one.item.kind != "project":
            return Decimal(0)
        organization = one.organization
        if organization not in self._left:
            self._left[organization] = self._part_of(monthly_credit(organization, self._prices))
        credit = min(amount, self._left[organization])
        self._left[organization] -= credit
        return credit


def monthly_credit(organization: Organization, prices: PriceTable) -> Decimal:
    """Return how much compute a month the plan pays for."""
    credit = prices.price("credit", "compute")
    is_paid = organization.plan not in {None, FREE}
    return credit.amount if credit is not None and is_paid else Decimal(0)


def _hours(project: Project, day: Period, now: dt.datetime) -> int:
    """Return the hours of a day that it has been there; a part of an hour is charged in full."""
    start = max(day.start, project.created_at or day.start)
    return max(0, math.ceil((min(day.end, now) - start).total_seconds() / _HOUR_S))


def _charge(
    organization: Organization,
    *,
    key: str,
    period: Period,
    month: Period,
    amount: Decimal,
    credit: Decimal = _NOTHING,
    basis: Basis,
    category: ChargeCategory,
    service: str,
    description: str,
    project: Project | None = None,
    quantity: tuple[int, str],
) -> Charge:
    priced, unit = Decimal(quantity[0]), quantity[1]
    is_usage = category == "Usage"
    return Charge(
        source_row_key=key,
        charge_period_start=period.start,
        charge_period_end=period.end,
        billing_period_start=month.start,
        billing_period_end=month.end,
        billed_cost=amount - credit,
        effective_cost=amount - credit,
        list_cost=amount,
        contracted_cost=amount,
        billing_currency=SUPABASE.currency,
        basis=basis,
        charge_category=category,
        service_name=service,
        service_category="Databases",
        service_provider_name=_TITLE,
        invoice_issuer_name=_TITLE,
        billing_account_id=organization.slug,
        billing_account_name=organization.name,
        charge_description=description,
        charge_frequency="Recurring" if category == "Purchase" else "Usage-Based",
        sub_account_id=None if project is None else project.ref,
        sub_account_name=None if project is None else project.name,
        sub_account_type=None if project is None else "project",
        region_id=None if project is None else project.region,
        pricing_category="Standard",
        pricing_quantity=priced,
        pricing_unit=unit,
        consumed_quantity=priced if is_usage else None,
        consumed_unit=unit if is_usage else None,
        list_unit_price=amount / priced,
        contracted_unit_price=amount / priced,
    )

"""Hostinger, read with an API token.

Source: https://developers.hostinger.com (1.42.5)
Units: cents of the subscription's currency, whole numbers.
Lag: none; a subscription shows its present period.
Needs: an API token; Hostinger has none that can only read.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from costmon.domain.charge import Charge, ChargeWindow
from costmon.domain.renewal import (
    ENDS,
    FIRST_BILLING,
    NEXT_BILLING,
    PERIOD,
    PRICE,
    RENEWAL_PRICE,
)
from costmon.domain.resource import Inventory, Resource
from costmon.domain.subscription import add_months
from costmon.outbound import Outbound
from costmon.providers.base import Provider
from costmon.providers.figures import Poll, billed_usage, month_windows
from costmon.providers.reading import EXACT, Answers, Numbers

SLUG = "hostinger"
SUBSCRIPTIONS = "/api/billing/v1/subscriptions"

_RESTATED = dt.timedelta(days=7)
_SETTLING = dt.timedelta(days=1)
_MONTHS = {"month": 1, "year": 12}
_DAYS = {"day": 1, "week": 7}
_DAYS_OF_MONTH = EXACT.divide(Decimal(365), Decimal(12))
_CENTS = -2
_STEP = Decimal("1e-9")
_OVER = frozenset({"cancelled", "transferred"})
_NOT_YET = {"future": "it has not begun", "in_trial": "it is in its trial, which is not charged"}
_FIRST_YEAR = 2000

Moment = Annotated[dt.datetime, Meta(tz=True)]


class Subscription(Numbers):
    """One subscription with its present period; prices are cents."""

    id: str
    name: str
    status: str
    billing_period: Annotated[int, Meta(ge=0, le=1_000)]
    billing_period_unit: str
    currency_code: Annotated[str, Meta(pattern="^[A-Za-z]{3}$")]
    total_price: Decimal
    renewal_price: Decimal | None = None
    is_auto_renewed: bool | None = None
    created_at: Moment | None = None
    expires_at: Moment | None = None
    next_billing_at: Moment | None = None

    @property
    def unit(self) -> str:
        """Return the unit of the period: `month`, also where the vendor writes `Months`."""
        return self.billing_period_unit.strip().lower().removesuffix("s")

    def started(self) -> dt.datetime | None:
        """Return when its present period began; `None` when that cannot be known."""
        end = self.next_billing_at or self.expires_at
        if end is None or end.year < _FIRST_YEAR:
            return self.created_at
        end = end.astimezone(dt.UTC)
        if self.unit in _DAYS:
            start = end - dt.timedelta(days=self.billing_period * _DAYS[self.unit])
        elif self.unit in _MONTHS:
            first = add_months(end.date(), -self.billing_period * _MONTHS[self.unit])
            start = dt.datetime.combine(first, end.timetz())
        else:
            return self.created_at
        return max(start, self.created_at) if self.created_at else start


class Hostinger(Provider):
    """One account."""

    def __init__(self, outbound: Outbound) -> None:
        """Read through `outbound`."""
        self._answers = Answers(SLUG, outbound)

    def inventory(self, account: str, now: dt.datetime) -> Inventory:
        """Return the subscriptions that are not over; see `Provider`."""
        return Poll(SLUG, account, now).inventory(
            _resource(account, one) for one in self._read() if one.status not in _OVER
        )

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return what the present period of each subscription cost, on the day it began.

        Earlier periods are what was read while they lasted.

        Raises:
            ProviderError: See `costmon.errors`.
        """
        rows = [row for one in self._read() for row in _charges(account, one)]

        def read(start: dt.datetime, end: dt.datetime) -> tuple[Charge, ...]:
            return tuple(row for row in rows if start <= row.charge_period_start < end)

        yield from month_windows(
            read,
            account=account,
            provider=SLUG,
            now=now,
            known_through=known_through,
            restated=_RESTATED,
            settling=_SETTLING,
            intake="restate",
        )

    def write_access(self) -> tuple[str, ...]:
        """Return a warning: every token can order, cancel and delete."""
        warning = (
            "a Hostinger token has all rights of the user who created it, including ordering and "
            "deleting; Hostinger has no read-only tokens: set an expiry date and use it only here"
        )
        return (warning,)

    def _read(self) -> Sequence[Subscription]:
        found = self._answers.read(SUBSCRIPTIONS, list[Subscription])
        seen = set()
        for place, one in enumerate(found):
            if one.id in seen:
                detail = "a subscription for the second time"
                raise self._answers.fault(SUBSCRIPTIONS, detail, f"$[{place}].id")
            seen.add(one.id)
        return found


def _resource(account: str, one: Subscription) -> Resource:
    monthly, unpriced = _monthly(one)
    currency = one.currency_code.upper()
    renewal = one.renewal_price
    due = one.next_billing_at or one.expires_at
    renews = one.next_billing_at is not None and one.is_auto_renewed is not False
    billing = FIRST_BILLING if one.status in _NOT_YET else NEXT_BILLING
    details = (
        (billing if renews else ENDS, due.date().isoformat() if due else None),
        ("renewal", {True: "automatic", False: "manual", None: None}[one.is_auto_renewed]),
        (PRICE, f"{_money(one.total_price)} {currency}"),
        (RENEWAL_PRICE, None if renewal is None else f"{_money(renewal)} {currency}"),
        ("price_changes", "yes" if renewal not in {None, one.total_price} else None),
        (PERIOD, f"{one.billing_period} {one.unit}"),
    )
    return Resource(
        account=account,
        provider=SLUG,
        kind="subscription",
        id=one.id,
        name=one.name,
        region=None,
        size=one.name,
        status=one.status,
        created_at=one.created_at.astimezone(dt.UTC) if one.created_at else None,
        monthly_cost=monthly,
        currency=currency,
        basis="plan",
        unpriced=unpriced,
        waste=None,
        details=tuple((key, value) for key, value in details if value),
    )


def _charges(account: str, one: Subscription) -> Iterator[Charge]:
    """Return the row of its present period; none when it is not known when that began."""
    start = one.started()
    if start is None or one.status in _NOT_YET:
        return
    end = one.next_billing_at or one.expires_at or start
    row = billed_usage(
        one,
        key=(one.id, start.astimezone(dt.UTC).date().isoformat()),
        start=start,
        end=max(end, start + dt.timedelta(days=1)),
        billed=_money(one.total_price),
        currency=one.currency_code,
        service=one.name.strip() or "Hostinger",
        service_category="Other",
        vendor="Hostinger",
        account_id=account,
    )
    yield replace(
        row,
        basis="plan",
        charge_category="Purchase",
        charge_frequency="Recurring",
        charge_description=f"{one.billing_period} {one.unit}",
        resource_id=one.id,
        resource_name=one.name,
        resource_type="subscription",
    )


def _monthly(one: Subscription) -> tuple[Decimal | None, str | None]:
    """Return what a month costs, or why that is not known."""
    if one.status in _NOT_YET:
        return None, _NOT_YET[one.status]
    if not one.billing_period or one.unit not in _MONTHS | _DAYS:
        return None, f"its period ({one.billing_period} {one.unit}) is not known"
    price = _money(one.total_price)
    if price < 0:
        return None, "its price is less than 0"
    if one.unit in _MONTHS:
        months = Decimal(one.billing_period * _MONTHS[one.unit])
        return EXACT.divide(price, months).quantize(_STEP, context=EXACT), None
    days = Decimal(one.billing_period * _DAYS[one.unit])
    monthly = EXACT.divide(EXACT.multiply(price, _DAYS_OF_MONTH), days)
    return monthly.quantize(_STEP, context=EXACT), None


def _money(cents: Decimal) -> Decimal:
    return EXACT.scaleb(cents, Decimal(_CENTS))

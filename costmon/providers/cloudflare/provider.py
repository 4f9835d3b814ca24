"""Cloudflare: billable usage by day, and what R2 and Workers were used for.

Source: https://developers.cloudflare.com/api/resources/billing/ (billable usage, version 1, alpha),
https://developers.cloudflare.com/r2/platform/metrics-analytics/
Units: major units of the currency; quantities in the unit of the row; bytes and requests.
Lag: updated daily; a day counts as complete two days after its end.
Needs: Account > Billing > Read for charges, Account > Account Analytics > Read for usage.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, TypeVar

from msgspec import Meta, Struct

from costmon.domain.charge import Charge, ChargeWindow
from costmon.domain.resource import Gap
from costmon.domain.usage import UsageReading
from costmon.errors import (
    ProviderAuthError,
    ProviderError,
    ProviderPermissionError,
    ProviderPlanError,
)
from costmon.providers.base import Provider, ProviderSetup
from costmon.providers.cloudflare.analytics import ANALYTICS_READ, PATH, SLUG, Analytics
from costmon.providers.figures import ChargeRows, Poll, billed_usage
from costmon.providers.reading import Answers, Numbers, midnight

ACCOUNTS = "/accounts"
LOOK_BACK = dt.timedelta(days=31)
"""The range must include the day on which the billing cycle begins, or nothing is answered."""
_SETTLING = dt.timedelta(days=2)
_CATEGORIES = {"R2": "Storage", "Workers": "Compute", "Workers AI": "AI and Machine Learning"}
_FEES = Gap(
    kind="fixed_fees",
    reason="Cloudflare's billable usage has no fixed fees (Pro, Business, Workers Paid, seats): "
    "put them into [[manual]]",
)

Moment = Annotated[dt.datetime, Meta(tz=True)]
T = TypeVar("T")


class Row(Numbers, rename="pascal", kw_only=True):
    """One service on one day; the columns that are added up over days are not read."""

    billed_cost: Decimal
    billing_currency: Annotated[str, Meta(pattern="^[A-Za-z]{3}$")]
    billing_period_start: Moment
    charge_period_start: Moment
    charge_period_end: Moment
    service_name: Annotated[str, Meta(min_length=1)]
    service_family_name: str | None = None
    consumed_quantity: Decimal | None = None
    consumed_unit: str | None = None
    pricing_quantity: Decimal | None = None
    pricing_unit: str | None = None
    charge_description: str | None = None
    subscription_id: str | None = None
    zone_id: str | None = None
    zone_name: str | None = None
    billing_account_name: str | None = None


class Rows(Struct):
    """GET /accounts/{id}/billable-usage."""

    success: bool
    result: list[Row] | None


class Cover(Struct):
    """Whether the account is billed for use at all."""

    covered: bool


class Info(Struct):
    """GET /accounts/{id}/billable-usage/info."""

    success: bool
    result: Cover | None


class Named(Struct):
    """An account."""

    id: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]


class Accounts(Struct):
    """GET /accounts."""

    success: bool
    result: list[Named] | None


class Cloudflare(Provider):
    """One Cloudflare account."""

    def __init__(self, setup: ProviderSetup) -> None:
        """Read through the client of `setup`."""
        self._answers = Answers(SLUG, setup.outbound, _meaning)
        self._account = setup.options.get("account_id")
        plan = setup.options.get("workers_plan")
        self._plan = None if plan is None else f"workers_{plan}"

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return one window, of the last 31 days: Cloudflare has no more.

        Raises:
            ProviderPermissionError: The token lacks Account > Billing > Read.
            ProviderPlanError: The account is not billed for use.
            ProviderError: Anything else; see `costmon.errors`.
        """
        del known_through
        start = midnight(now - LOOK_BACK)
        yield Poll(SLUG, account, now).window(
            start,
            now,
            self._charges(start, now),
            intake="restate",
            settling=_SETTLING,
            gaps=(_FEES,),
        )

    def usage(self, account: str, now: dt.datetime) -> UsageReading:
        """Return what R2 and Workers were used for.

        Raises:
            ProviderPermissionError: The token lacks Account > Account Analytics > Read.
            ProviderError: Anything else; see `costmon.errors`.
        """
        quantities, gaps = Analytics(self._answers).read(self._number(), now)
        return Poll(SLUG, account, now).usage(quantities, gaps, plan=self._plan)

    def _charges(self, start: dt.datetime, end: dt.datetime) -> tuple[Charge, ...]:
        number = self._number()
        path = f"{ACCOUNTS}/{number}/billable-usage"
        params = (("from", f"{start:%Y-%m-%d}"), ("to", f"{end:%Y-%m-%d}"))
        answer = self._answers.read(path, Rows, params)
        listed = self._result(path, answer.success, answer.result)
        if not listed:
            about = self._answers.read(f"{path}/info", Info)
            if not self._result(f"{path}/info", about.success, about.result).covered:
                raise ProviderPlanError(
                    provider=SLUG,
                    endpoint=f"GET {path}/info",
                    detail="the account is not billed for use, or its contract has no such figures",
                    hint="put its fixed fees into [[manual]]",
                )
        rows = ChargeRows(self._answers, path)
        for position, row in enumerate(listed):
            where = f"$.result[{position}]"
            period = row.charge_period_start, row.charge_period_end
            # What was before belongs to the billing period that began before.
            asked = min(start, row.billing_period_start), end
            fields = ("ChargePeriodStart", "ChargePeriodEnd")
            self._answers.check_period(path, where, period, asked, fields)
            if row.charge_period_start >= start:
                rows.add(_charge(row, number), where)
        return rows.charges

    def _number(self) -> str:
        """Return the id of the account."""
        if self._account is not None:
            return str(self._account)
        answer = self._answers.read(ACCOUNTS, Accounts, {"per_page": 50})
        found = self._result(ACCOUNTS, answer.success, answer.result)
        if len(found) != 1:
            raise ProviderPermissionError(
                provider=SLUG,
                endpoint=f"GET {ACCOUNTS}",
                detail=f"the token sees {len(found)} accounts",
                hint="set CLOUDFLARE_ACCOUNT_ID, or account_id of the [[account]], to the one to "
                "read",
            )
        return found[0].id

    def _result(self, path: str, success: bool, result: T | None) -> T:  # noqa: FBT001 - as in the answer
        if not success or result is None:
            raise self._answers.fault(path, "200 without a result", "$.result")
        return result


def _charge(row: Row, number: str) -> Charge:
    charge = billed_usage(
        row,
        key=(
            row.charge_period_start.astimezone(dt.UTC).isoformat(),
            row.charge_period_end.astimezone(dt.UTC).isoformat(),
            row.service_family_name,
            row.service_name,
            row.charge_description,
            row.subscription_id,
            row.zone_id,
            row.consumed_unit,
            row.pricing_unit,
            row.billing_currency.upper(),
        ),
        start=row.charge_period_start,
        end=row.charge_period_end,
        billed=row.billed_cost,
        currency=row.billing_currency,
        service=row.service_name,
        service_category=_CATEGORIES.get(row.service_family_name or "", "Other"),
        vendor="Cloudflare",
        account_id=number,
    )
    period_start = row.billing_period_start.astimezone(dt.UTC)
    consumed = row.consumed_quantity if row.consumed_unit else None
    priced = row.pricing_quantity if row.pricing_unit else None
    return replace(
        charge,
        billing_period_start=period_start,
        billing_period_end=max(_month_later(period_start), charge.charge_period_end),
        billing_account_name=row.billing_account_name,
        charge_description=row.charge_description,
        service_subcategory=row.service_family_name,
        sub_account_id=row.zone_id,
        sub_account_name=row.zone_name if row.zone_id else None,
        sub_account_type="zone" if row.zone_id else None,
        consumed_quantity=consumed,
        consumed_unit=None if consumed is None else row.consumed_unit,
        pricing_quantity=priced,
        pricing_unit=None if priced is None else row.pricing_unit,
    )


def _meaning(error: ProviderError) -> ProviderError:
    """Return what a refusal means, by its body."""
    if isinstance(error, ProviderPermissionError):
        return error.explained(hint=f"give the token the permission {_permission(error.endpoint)}")
    # A token that is malformed is answered 400: "Invalid request headers", "Invalid format".
    if error.status != 400 or not any(code in error.answer for code in (b"6003", b"10001")):  # noqa: PLR2004 - HTTP
        return error
    return error.explained(
        ProviderAuthError,
        detail="the token was rejected (400)",
        hint="check that CLOUDFLARE_API_TOKEN is complete, and an API token: the global key is "
        "none",
    )


def _permission(endpoint: str) -> str:
    if endpoint.endswith(PATH):
        return ANALYTICS_READ
    return "that account" if endpoint.endswith(ACCOUNTS) else "Account > Billing > Read"


def _month_later(moment: dt.datetime) -> dt.datetime:
    """Return the same day of the next month, or that month's last day."""
    first = (moment.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    last = (first + dt.timedelta(days=32)).replace(day=1) - dt.timedelta(days=1)
    return first.replace(day=min(moment.day, last.day))

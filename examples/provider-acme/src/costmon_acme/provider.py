"""Acme, read with an API key.

Source: https://docs.acme.example/api/billing
Units: costs as texts in major units, with their currency; requests and bytes as counts.
Lag: a day is complete 6 hours after its end (UTC), and may change for 3 days.
Needs: an API key with the scope `billing:read`.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from costmon.domain.charge import Charge, ChargeWindow
from costmon.domain.resource import Gap
from costmon.domain.usage import UsageReading
from costmon.providers.base import Provider, ProviderSetup
from costmon.providers.figures import ChargeRows, Poll, Span, billed_usage, month_windows
from costmon.providers.reading import Answers

SLUG = "acme"
COSTS = "/v1/costs"
USAGE = "/v1/usage"
RESTATED = dt.timedelta(days=3)
SETTLING = dt.timedelta(hours=6)
PAGE_SIZE = 500

Moment = Annotated[dt.datetime, Meta(tz=True)]
Amount = Annotated[str, Meta(pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,30})?$")]


class Cost(Struct):
    """What one service of one project cost in a period, which is a UTC day."""

    start: Moment
    end: Moment
    service: str
    amount: Amount
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    project: str | None = None


class CostPage(Struct, rename={"next_page": "cursor"}):
    """GET /v1/costs."""

    data: list[Cost]
    has_more: bool
    next_page: str | None = None


class Used(Struct):
    """How much of one quota the team used this month; `included` is absent without a limit."""

    quota: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")]
    unit: str
    used: Annotated[int, Meta(ge=0)]
    included: Annotated[int, Meta(ge=0)] | None = None


class Usage(Struct):
    """GET /v1/usage."""

    data: list[Used]


class Acme(Provider):
    """One Acme team."""

    def __init__(self, setup: ProviderSetup) -> None:
        self._answers = Answers(SLUG, setup.outbound)
        self._team = str(setup.options.get("team", "own"))

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return a window for each month that may still change; at first for 12 months more."""
        return month_windows(
            lambda start, end: self._charges(account, start, end),
            account=account,
            provider=SLUG,
            now=now,
            known_through=known_through,
            restated=RESTATED,
            settling=SETTLING,
            intake="restate",
        )

    def usage(self, account: str, now: dt.datetime) -> UsageReading:
        """Return how much of each quota was used since the month began."""
        span = Span.month(now)
        found = self._answers.read(USAGE, Usage, (("team", self._team),))
        quantities = (
            span.quantity(
                one.quota,
                one.unit,
                Decimal(one.used),
                limit=None if one.included is None else Decimal(one.included),
            )
            for one in found.data
        )
        gaps = (Gap(kind="support_hours", reason="Acme's API does not have them"),)
        return Poll(SLUG, account, now).usage(quantities, gaps)

    def _charges(self, account: str, start: dt.datetime, end: dt.datetime) -> tuple[Charge, ...]:
        params = (
            ("team", self._team),
            ("from", start.isoformat()),
            ("to", end.isoformat()),
            ("limit", PAGE_SIZE),
        )
        rows = ChargeRows(self._answers, COSTS)
        # All pages before the first row: a listing that breaks off is no listing.
        for page in tuple(self._answers.pages(COSTS, CostPage, params, cursor="cursor")):
            for number, cost in enumerate(page.data):
                where = f"$.data[{number}]"
                period, asked = (cost.start, cost.end), (start, end)
                self._answers.check_period(COSTS, where, period, asked, ("start", "end"))
                rows.add(_charge(account, cost), where)
            rows.turn_page()
        return rows.charges


def _charge(account: str, cost: Cost) -> Charge:
    charge = billed_usage(
        cost,
        key=(cost.start.astimezone(dt.UTC).isoformat(), cost.project, cost.service, cost.currency),
        start=cost.start,
        end=cost.end,
        billed=Decimal(cost.amount),
        currency=cost.currency,
        service=cost.service,
        service_category="Compute",
        vendor="Acme",
        account_id=account,
    )
    project_type = None if cost.project is None else "project"
    return replace(charge, sub_account_id=cost.project, sub_account_type=project_type)

"""Usage: how many droplets and reserved IPs there are of those allowed, and what the last day cost.

The cost of a day comes from the billing insights, which are estimates of every night and need not
add up to the invoice. It is a quantity, to be compared with a quota, and is never added to charges.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Annotated, TypeVar

from msgspec import Meta, Struct, field

from costmon.domain.resource import Gap
from costmon.domain.usage import Quantity, UsageReading
from costmon.providers.digitalocean.answers import Count
from costmon.providers.digitalocean.droplets import DROPLETS
from costmon.providers.digitalocean.errors import SLUG, schema_fault
from costmon.providers.digitalocean.network import RESERVED_IPS
from costmon.providers.digitalocean.reader import MOST_PAGES, PAGE_SIZE, Reader
from costmon.providers.digitalocean.values import CURRENCY
from costmon.providers.figures import Poll, Span
from costmon.providers.permissions import Permissions
from costmon.providers.reading import EXACT, Numbers

ACCOUNT = "/v2/account"
INSIGHTS = "/v2/billing/do:team:{team}/insights/{first}/{last}"

_DAYS = dt.timedelta(days=3)
"""How far back the last day with figures is looked for; the API allows 31 days."""
_DAY = dt.timedelta(days=1)
_NO_TEAM = "the team of the token is not known, and insights are asked for by team"

T = TypeVar("T")


class Team(Struct, gc=False):
    """The team that a token belongs to."""

    # It becomes part of a path.
    uuid: Annotated[str, Meta(pattern="^[A-Za-z0-9-]{1,100}$")]


class Account(Struct, gc=False):
    """What the account may have; each limit needs a scope of its own, the id needs none."""

    uuid: str
    droplet_limit: Count | None = None
    floating_ip_limit: Count | None = None
    team: Team | None = None


class AccountAnswer(Struct, gc=False):
    """GET /v2/account."""

    account: Account


class Total(Struct, gc=False):
    """The `meta` member of a listing, of which nothing else is read."""

    total: Annotated[int, Meta(ge=0)]


class Counted(Struct, gc=False):
    """A listing of which only the length is read."""

    meta: Total


class DataPoint(Numbers, gc=False):
    """What one thing cost on one day."""

    start_date: dt.date
    total_amount: Decimal
    sku: str | None = None


class InsightsPage(Struct, gc=False):
    """GET /v2/billing/{account_urn}/insights/{start}/{end}; its pages have no links."""

    items: list[DataPoint] = field(name="data_points")
    total_items: Annotated[int, Meta(ge=0)]
    total_pages: Annotated[int, Meta(ge=0)]
    current_page: int


class Usage:
    """Reads the usage of one account once."""

    def __init__(self, reader: Reader, sight: Permissions) -> None:
        self._reader = reader
        self._sight = sight

    def read(self, account: str, now: dt.datetime) -> UsageReading:
        """Return everything that could be read; what could not is a gap.

        Raises:
            ProviderError: The account could not be read, or the token may see nothing.
        """
        sight = self._sight
        found = sight.of("limit", "account:read", self._account, None)
        limits = found or Account(uuid="")
        quantities: list[Quantity] = []
        for quota, unit, path, scope, limit in (
            ("droplets", "Droplets", DROPLETS, "droplet:read", limits.droplet_limit),
            ("reserved_ips", "IPs", RESERVED_IPS, "reserved_ip:read", limits.floating_ip_limit),
        ):
            count = self._attempt(quota, scope, partial(self._count, path))
            if count is not None:
                allowed = None if limit is None else Decimal(limit)
                level = Span.level(now)
                quantities.append(level.quantity(quota, unit, Decimal(count), limit=allowed))
        gaps: tuple[Gap, ...] = ()
        points: tuple[DataPoint, ...] | None = None
        if limits.team is None:
            gaps = (Gap(kind="daily_cost", reason=_NO_TEAM),)
        else:
            # Figures are made at night: today has none.
            first, last = (now - _DAYS).date(), (now - _DAY).date()
            path = INSIGHTS.format(team=limits.team.uuid, first=first, last=last)
            points = self._attempt(
                "daily_cost", "billing:read", lambda: self._points(path, first, last)
            )
        costs = tuple(_day_costs(points or ()))
        sight.check()
        failed = (
            Gap(kind=one.kind, reason=f"could not be read: {one.message}") for one in sight.failed
        )
        return Poll(SLUG, account, now).usage(
            (*quantities, *costs),
            (*sight.gaps, *gaps, *failed),
            complete_through=costs[0].end if costs else None,
        )

    def _attempt(self, quota: str, scope: str, read: Callable[[], T]) -> T | None:
        """Return what `read` returns; `None` and a gap when it is refused or fails."""
        return self._sight.kind(quota, scope, read, None)

    def _account(self) -> Account:
        return self._reader.read(ACCOUNT, AccountAnswer).account

    def _count(self, path: str) -> int:
        # The shortest page says how many there are.
        return self._reader.read(path, Counted, {"per_page": 1}).meta.total

    def _points(self, path: str, first: dt.date, last: dt.date) -> tuple[DataPoint, ...]:
        """Return the whole listing, from the day `first` to the day `last`."""
        points: list[DataPoint] = []
        total: int | None = None
        for number in range(1, MOST_PAGES + 1):
            page = self._reader.read(path, InsightsPage, {"per_page": PAGE_SIZE, "page": number})
            if page.current_page != number:
                raise schema_fault(path, f"incomplete: not page {number}", "$.current_page")
            for position, point in enumerate(page.items):
                where = f"$.data_points[{position}]"
                if not first <= point.start_date <= last:
                    raise schema_fault(path, "a day that was not asked for", f"{where}.start_date")
            points += page.items
            total = page.total_items if total is None else total
            if number >= page.total_pages:
                break
        if len(points) != total:
            detail = f"incomplete: {len(points)} items, and a total of {total}"
            raise schema_fault(path, detail, "$.total_items")
        return tuple(points)


def _day_costs(points: tuple[DataPoint, ...]) -> Iterator[Quantity]:
    """Return what the last day with figures cost: all of it, and by SKU after a colon."""
    day = max((point.start_date for point in points), default=None)
    sums: dict[str, Decimal] = {}
    for point in points:
        if point.start_date == day:
            sku = "_".join((point.sku or "").split())
            for name in ("daily_cost", f"daily_cost:{sku}") if sku else ("daily_cost",):
                sums[name] = EXACT.add(sums.get(name, Decimal(0)), point.total_amount)
    if day is None:
        return
    start = dt.datetime.combine(day, dt.time(), dt.UTC)
    # A level: the next day's figure takes its place whenever it is there.
    span = Span(start=start, end=start + _DAY, resets_at=None)
    for name, amount in sums.items():
        # A day of credits has used nothing.
        used = max(amount, Decimal(0))
        yield span.quantity(name, CURRENCY, used, estimated=True)

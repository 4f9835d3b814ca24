"""The answers of the Hetzner Cloud API, as far as they are read, and what a month of each costs.

Source: https://docs.hetzner.cloud/reference/cloud
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

from msgspec import Meta, Struct, field

from costmon.domain.amount import is_number
from costmon.providers.reading import EXACT

Moment = Annotated[dt.datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0)]
_HUNDRED = Decimal(100)


class Named(Struct):
    """A location, a type."""

    name: str


class Datacenter(Struct):
    """Where things were before Hetzner named their location itself."""

    location: Named


class Pagination(Struct):
    """The number of the next page; `None` on the last one."""

    page: Count
    next_page: Count | None = None


class Paged(Struct):
    """The `meta` member of a listing."""

    pagination: Pagination


class Cost(NamedTuple):
    """What a month of something costs, at most; or why that is not known."""

    monthly: Decimal | None
    unpriced: str | None = None
    details: tuple[tuple[str, str], ...] = ()


class Price(Struct):
    """Before VAT, as a text; one that is no number is a price that is not known."""

    net: str

    @property
    def amount(self) -> Decimal | None:
        """Return the price; `None` if it is not an amount of money."""
        return number(self.net)


class PlacePrice(Struct):
    """A price in one location; the monthly one is the most that a month costs."""

    location: str
    price_monthly: Price
    price_hourly: Price | None = None


class TypePrices(Struct):
    """The prices of a type of server or load balancer."""

    name: str
    prices: list[PlacePrice]


class IpPrices(Struct):
    """The prices of a type of address: `ipv4`, `ipv6`."""

    type: str
    prices: list[PlacePrice]


class PerGigabyte(Struct):
    """The price of storage."""

    price_per_gb_month: Price


class Backup(Struct):
    """What backups cost, in percent of their server."""

    percentage: str


class Prices(Struct):
    """All prices of today, in one currency."""

    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    server_types: list[TypePrices]
    load_balancer_types: list[TypePrices]
    floating_ips: list[IpPrices]
    primary_ips: list[IpPrices]
    server_backup: Backup
    volume: PerGigabyte
    image: PerGigabyte


class Pricing(Struct):
    """GET /pricing."""

    pricing: Prices


class Thing(Struct, kw_only=True):
    """What everything has that costs money."""

    id: Count
    name: str | None = None
    status: str | None = None
    created: Moment | None = None
    location: Named | None = None
    datacenter: Datacenter | None = None

    @property
    def region(self) -> str | None:
        """Return the name of its location."""
        place = self.location or (self.datacenter.location if self.datacenter else None)
        return place.name if place else None

    @property
    def size_name(self) -> str | None:
        """Return the name of its type or size."""
        raise NotImplementedError

    @property
    def waste(self) -> str | None:
        """Return why it is likely wasted money."""
        return None

    def cost(self, prices: Prices) -> Cost:
        """Return what a month of it costs."""
        raise NotImplementedError


class Server(Thing, kw_only=True):
    """One server; a `backup_window` means that it has backups."""

    server_type: Named
    backup_window: str | None = None
    outgoing_traffic: int | None = None
    included_traffic: int | None = None

    @property
    def size_name(self) -> str | None:
        """Return the name of its type or size."""
        return self.server_type.name

    @property
    def waste(self) -> str | None:
        """Return why it is likely wasted money."""
        return "powered off, still charged in full" if self.status == "off" else None

    def cost(self, prices: Prices) -> Cost:
        """Return what a month of it costs."""
        cost = _of_type(self.server_type.name, self.region, prices.server_types)
        if self.backup_window is None or cost.monthly is None:
            return cost
        percentage = number(prices.server_backup.percentage)
        if percentage is None:
            return cost._replace(unpriced="backups: their price is not known")
        backups = EXACT.divide(EXACT.multiply(cost.monthly, percentage), _HUNDRED)
        details = (*cost.details, ("backups", f"{percentage} %"))
        return Cost(EXACT.add(cost.monthly, backups), details=details)


class Volume(Thing, kw_only=True):
    """Block storage, sized in GB."""

    size: Decimal
    server: int | None = None

    @property
    def size_name(self) -> str | None:
        """Return the name of its type or size."""
        return f"{self.size} GB"

    @property
    def waste(self) -> str | None:
        """Return why it is likely wasted money."""
        return "attached to no server" if self.server is None else None

    def cost(self, prices: Prices) -> Cost:
        """Return what a month of it costs."""
        return _of_size(self.size, prices.volume)


class FloatingIp(Thing, kw_only=True):
    """An address that can be moved; its location is called home."""

    type: str
    server: int | None = None
    location: Named | None = field(name="home_location", default=None)

    @property
    def size_name(self) -> str | None:
        """Return the name of its type or size."""
        return self.type

    @property
    def waste(self) -> str | None:
        """Return why it is likely wasted money."""
        return "assigned to no server" if self.server is None else None

    def cost(self, prices: Prices) -> Cost:
        """Return what a month of it costs."""
        return _of_address(self, prices.floating_ips)


class PrimaryIp(Thing, kw_only=True):
    """The address of a server."""

    type: str
    assignee_id: int | None = None

    @property
    def size_name(self) -> str | None:
        """Return the name of its type or size."""
        return self.type

    @property
    def waste(self) -> str | None:
        """Return why it is likely wasted money."""
        return "assigned to nothing" if self.assignee_id is None else None

    def cost(self, prices: Prices) -> Cost:
        """Return what a month of it costs."""
        return _of_address(self, prices.primary_ips)


class LoadBalancer(Thing, kw_only=True):
    """One load balancer."""

    load_balancer_type: Named
    targets: list[Any]
    outgoing_traffic: int | None = None
    included_traffic: int | None = None

    @property
    def size_name(self) -> str | None:
        """Return the name of its type or size."""
        return self.load_balancer_type.name

    @property
    def waste(self) -> str | None:
        """Return why it is likely wasted money."""
        return None if self.targets else "it has no targets"

    def cost(self, prices: Prices) -> Cost:
        """Return what a month of it costs."""
        return _of_type(self.load_balancer_type.name, self.region, prices.load_balancer_types)


class Snapshot(Thing, kw_only=True):
    """An image of a server; `image_size` is `None` until it is made."""

    description: str
    image_size: Decimal | None = None

    @property
    def size_name(self) -> str | None:
        """Return the name of its type or size."""
        return None if self.image_size is None else f"{self.image_size} GB"

    def cost(self, prices: Prices) -> Cost:
        """Return what a month of it costs."""
        return _of_size(self.image_size, prices.image)


T = TypeVar("T", bound=Thing)


class Page(Struct, Generic[T], kw_only=True):
    """A page of a listing, whose key is named by a subclass."""

    items: list[T]
    meta: Paged


class Servers(Page[Server], kw_only=True):
    """GET /servers."""

    items: list[Server] = field(name="servers")


class Volumes(Page[Volume], kw_only=True):
    """GET /volumes."""

    items: list[Volume] = field(name="volumes")


class FloatingIps(Page[FloatingIp], kw_only=True):
    """GET /floating_ips."""

    items: list[FloatingIp] = field(name="floating_ips")


class PrimaryIps(Page[PrimaryIp], kw_only=True):
    """GET /primary_ips."""

    items: list[PrimaryIp] = field(name="primary_ips")


class LoadBalancers(Page[LoadBalancer], kw_only=True):
    """GET /load_balancers."""

    items: list[LoadBalancer] = field(name="load_balancers")


class Snapshots(Page[Snapshot], kw_only=True):
    """GET /images?type=snapshot."""

    items: list[Snapshot] = field(name="images")


def number(text: str) -> Decimal | None:
    """Return an amount that is 0 or more; `None` for anything else."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if is_number(amount) and amount >= 0 else None


def _of_type(name: str, region: str | None, types: Sequence[TypePrices]) -> Cost:
    known = next((one for one in types if one.name == name), None)
    if known is None:
        return Cost(None, f"the type {name!r} has no known price")
    return _in(known.prices, region, f"the type {name!r}")


def _in(prices: Sequence[PlacePrice], region: str | None, what: str) -> Cost:
    price = next((one for one in prices if one.location == region), None)
    monthly = price.price_monthly.amount if price else None
    if price is None or monthly is None:
        return Cost(None, f"{what} has no known price in {region or 'an unknown location'}")
    hourly = price.price_hourly.amount if price.price_hourly else None
    return Cost(monthly, details=() if hourly is None else (("hourly", str(hourly)),))


def _of_address(one: "FloatingIp | PrimaryIp", types: Sequence[IpPrices]) -> Cost:
    known = next((it for it in types if it.type == one.type), None)
    if known is None:
        return Cost(None, f"an address of type {one.type!r} has no known price")
    return _in(known.prices, one.region, f"an address of type {one.type!r}")


def _of_size(size: Decimal | None, price: PerGigabyte) -> Cost:
    each = price.price_per_gb_month.amount
    if size is None or not is_number(size) or size < 0:
        return Cost(None, "its size is not known")
    if each is None:
        return Cost(None, "a gigabyte has no known price")
    return Cost(EXACT.multiply(size, each))

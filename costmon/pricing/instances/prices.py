"""What machines and traffic cost, by provider and region: our lists, and the user's own rows."""

import datetime as dt
import functools
import itertools
from collections.abc import Iterable, Mapping

from costmon.errors import AmountError, PriceUnknownError
from costmon.pricing.instances.egress import Egress, Traffic, egress_of, egress_of_aws
from costmon.pricing.instances.formats.own import PricedRow, shipped
from costmon.pricing.instances.instance import Instance, RegionPrices, fault_of
from costmon.pricing.instances.shapes import PROVIDERS

STALE_DAYS = 180
"""A price older than this is shown as old."""

_PREFIX_CHARACTERS = 2
"""A common beginning of regions, such as `us` or `eu`, has at least so many characters."""

_Key = tuple[str, str, str]
_Where = tuple[str, str]


class InstancePrices:
    """An immutable price list in US dollars.

    Attributes:
        own: The user's rows by (provider, region, type); they win.
        traffic: What traffic costs the user, by (provider, region); it wins.
    """

    __slots__ = ("own", "traffic")

    def __init__(
        self, own: Iterable[Instance] = (), traffic: Mapping[_Where, Egress] | None = None
    ) -> None:
        self.own: Mapping[_Key, Instance] = {
            (row.provider, row.region, row.name): row for row in own
        }
        self.traffic: Mapping[_Where, Egress] = dict(traffic or {})

    def providers(self) -> tuple[str, ...]:
        """Return the providers whose prices are known."""
        return PROVIDERS

    def provider(self, name: str) -> str:
        """Return a provider as we write it, from a name in any case.

        Raises:
            PriceUnknownError: There is no provider of that name.
        """
        return _one_of("machines of", name, self.providers())

    def regions(self, provider: str) -> tuple[str, ...]:
        """Return the regions whose prices are known, the provider's main one first.

        Raises:
            PriceUnknownError: There is no such provider.
        """
        known = self.provider(provider)
        added = {region for where, region, _ in self.own if where == known}
        listed = tuple(_machines(known))
        return (*listed, *sorted(added.difference(listed)))

    def nearest(self, provider: str, region: str) -> RegionPrices:
        """Return the prices of a region; if they are not known, of the nearest known one.

        The nearest is the one whose name has the longest beginning in common, such as `eu-`;
        otherwise the provider's main one. Traffic is that of the region itself, if it is known.

        Raises:
            PriceUnknownError: There is no such provider.
        """
        try:
            return self.region(provider, region)
        except PriceUnknownError:
            known = self.provider(provider)
        place = _plain(region)
        near = max(self.regions(known), key=lambda name: _alike(name, place))
        prices = self.region(known, near)
        egress = self.traffic.get((known, place)) or _egress(known).get(place)
        if egress is not None:
            prices = prices._replace(
                egress=egress.tiers, egress_as_of=egress.as_of, egress_source=egress.source
            )
        return prices._replace(region=place, machines_of=near)

    def region(self, provider: str, region: str) -> RegionPrices:
        """Return all prices of one region; a region of the user's may have no price of traffic.

        Args:
            provider: In any case.
            region: As the provider writes it, in any case; `East US` is `eastus`.

        Raises:
            PriceUnknownError: There is no such provider or region; the error lists the known ones.
        """
        known = self.provider(provider)
        where = _one_of(f"{known} machines in", region, self.regions(known))
        rows = {row.name: row for row in listed_in(known, where)}
        own = [row for (whose, at, _), row in self.own.items() if (whose, at) == (known, where)]
        rows.update((row.name, row) for row in own)
        instances = tuple(rows[name] for name in sorted(rows))
        sources = [*dict.fromkeys(row.source for row in instances)]
        days = [row.as_of for row in instances]
        egress = self.traffic.get((known, where)) or _egress(known).get(where)
        if egress is not None:
            sources.append(f"traffic: {egress.source}")
            days.append(egress.as_of)
        return RegionPrices(
            provider=known,
            region=where,
            instances=instances,
            egress=() if egress is None else egress.tiers,
            as_of=min(days),
            source="; ".join(sources),
            egress_as_of=None if egress is None else egress.as_of,
            egress_source="" if egress is None else egress.source,
        )

    def extended(self, rows: Iterable[PricedRow]) -> "InstancePrices":
        """Return a list in which these rows win; machines get the basis `manual`.

        Tiers of traffic replace all tiers of their region.

        Raises:
            PriceUnknownError: A row has an unknown provider.
            AmountError: A row is not valid, such as a price of 0; the error says which row.
        """
        machines = []
        traffic: dict[_Where, list[Traffic]] = {}
        for row in rows:
            provider, region = self.provider(row.provider), _plain(row.region)
            if isinstance(row, Traffic):
                traffic.setdefault((provider, region), []).append(row)
                continue
            own = row._replace(provider=provider, region=region, basis="manual")
            fault = fault_of(own)
            if fault is not None:
                raise AmountError(f"{own.name[:80]}: {fault.field} {fault.given}", fault.accepted)
            machines.append(own)
        tiers = {where: egress_of(each) for where, each in traffic.items()}
        return InstancePrices((*self.own.values(), *machines), {**self.traffic, **tiers})


def is_stale(as_of: dt.date, today: dt.date) -> bool:
    """Return whether a price is more than `STALE_DAYS` old."""
    return (today - as_of).days > STALE_DAYS


def listed() -> InstancePrices:
    """Return the lists that costmon ships, without anything of the user's."""
    return InstancePrices()


def listed_in(provider: str, region: str) -> tuple[Instance, ...]:
    """Return what our list has for a region, in its order; empty for a region not in it."""
    return _machines(provider).get(region, ())


@functools.cache
def _machines(provider: str) -> Mapping[str, tuple[Instance, ...]]:
    """Return the machines of our list by region, the provider's main one first."""
    found: dict[str, list[Instance]] = {}
    for row in shipped(provider):
        if isinstance(row, Instance):
            found.setdefault(row.region, []).append(row)
    return {region: tuple(rows) for region, rows in found.items()}


@functools.cache
def _egress(provider: str) -> Mapping[str, Egress]:
    """Return our prices of traffic by region."""
    if provider == "AWS":
        return egress_of_aws()
    found: dict[str, list[Traffic]] = {}
    for row in shipped(provider):
        if isinstance(row, Traffic):
            found.setdefault(row.region, []).append(row)
    return {region: egress_of(rows) for region, rows in found.items()}


def _alike(name: str, other: str) -> int:
    """Return how many characters two names have in common at their beginning, from 2 on."""
    pairs = zip(name, other, strict=False)
    common = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return common if common >= _PREFIX_CHARACTERS else 0


def _plain(name: str) -> str:
    return "".join(name.split()).lower()


def _one_of(kind: str, given: str, known: tuple[str, ...]) -> str:
    by_plain = {_plain(name): name for name in known}
    found = by_plain.get(_plain(given))
    if found is not None:
        return found
    import difflib

    near = difflib.get_close_matches(_plain(given), by_plain, n=1)
    hint = f" (did you mean {by_plain[near[0]]}?)" if near else ""
    raise PriceUnknownError(f"{kind} {given[:60]!r}{hint}", known)

"""What machines and traffic cost, by provider and region: our lists, and the user's own rows."""

import datetime as dt
from collections.abc import Iterable, Mapping

from costmon.errors import AmountError, PriceUnknownError
from costmon.pricing.instances.egress import EGRESS, Egress
from costmon.pricing.instances.instance import Instance, RegionPrices, fault_of
from costmon.pricing.instances.listing import LISTINGS, listed_in
from costmon.pricing.instances.shapes import PROVIDERS

STALE_DAYS = 180
"""From then on, whoever shows a price says that it is old."""

_Key = tuple[str, str, str]


class InstancePrices:
    """An immutable price list in US dollars.

    Attributes:
        own: The user's rows by (provider, region, type); they win.
    """

    __slots__ = ("own",)

    def __init__(self, own: Iterable[Instance] = ()) -> None:
        self.own: Mapping[_Key, Instance] = {
            (row.provider, row.region, row.name): row for row in own
        }

    def providers(self) -> tuple[str, ...]:
        """Return the providers that there are prices of."""
        return PROVIDERS

    def provider(self, name: str) -> str:
        """Return a provider as we write it, from a name in any case.

        Raises:
            PriceUnknownError: There is none of that name.
        """
        return _one_of("machines of", name, self.providers())

    def regions(self, provider: str) -> tuple[str, ...]:
        """Return the regions that there are prices of: the provider's main one first.

        Raises:
            PriceUnknownError: There is no such provider.
        """
        known = self.provider(provider)
        added = {region for where, region, _ in self.own if where == known}
        listed = LISTINGS[known].regions
        return (*listed, *sorted(added.difference(listed)))

    def region(self, provider: str, region: str) -> RegionPrices:
        """Return all prices of one region; traffic of an unlisted one costs as in the main one.

        Args:
            provider: In any case.
            region: As the provider writes it, in any case; `East US` is `eastus`.

        Raises:
            PriceUnknownError: There is no such provider or region; it says which there are.
        """
        known = self.provider(provider)
        regions = self.regions(known)
        where = _one_of(f"{known} machines in", region, regions)
        rows = {row.name: row for row in listed_in(known, where)}
        own = [row for (whose, at, _), row in self.own.items() if (whose, at) == (known, where)]
        rows.update((row.name, row) for row in own)
        egress, words = _egress(known, where, regions[0])
        instances = tuple(rows[name] for name in sorted(rows))
        sources = dict.fromkeys(row.source for row in instances)
        return RegionPrices(
            provider=known,
            region=where,
            instances=instances,
            egress=egress.tiers,
            as_of=min(egress.as_of, *(row.as_of for row in instances)),
            source="; ".join((*sources, words)),
            egress_as_of=egress.as_of,
            egress_source=egress.source,
        )

    def extended(self, instances: Iterable[Instance]) -> "InstancePrices":
        """Return a list in which these rows win, with the basis `manual`.

        Raises:
            PriceUnknownError: A row is of no provider that we know.
            AmountError: A row cannot be: a price of 0, a baseline above 1; it says which row.
        """
        added = []
        for row in instances:
            fault = fault_of(row)
            if fault is not None:
                raise AmountError(
                    f"{str(row.name)[:80]}: {fault.field} {fault.given}", fault.accepted
                )
            known = self.provider(row.provider)
            added.append(row._replace(provider=known, region=_plain(row.region), basis="manual"))
        return InstancePrices((*self.own.values(), *added))


def is_stale(as_of: dt.date, today: dt.date) -> bool:
    """Return whether a price is more than `STALE_DAYS` old."""
    return (today - as_of).days > STALE_DAYS


def listed() -> InstancePrices:
    """Return the lists that we ship, without anything of the user's."""
    return InstancePrices()


def _egress(provider: str, region: str, main: str) -> tuple[Egress, str]:
    """Return what traffic costs, and where that was read."""
    found = EGRESS.get((provider, region))
    if found is not None:
        return found, f"traffic: {found.source}"
    found = EGRESS[provider, main]
    return found, f"traffic as from {main}, for want of {region}'s own: {found.source}"


def _plain(name: str) -> str:
    return "".join(name.split()).lower()


def _one_of(kind: str, given: str, known: tuple[str, ...]) -> str:
    by_plain = {_plain(name): name for name in known}
    found = by_plain.get(_plain(given))
    if found is not None:
        return found
    import difflib  # noqa: PLC0415 - only for who has mistyped

    near = difflib.get_close_matches(_plain(given), by_plain, n=1)
    hint = f" (did you mean {by_plain[near[0]]}?)" if near else ""
    raise PriceUnknownError(f"{kind} {given[:60]!r}{hint}", known)

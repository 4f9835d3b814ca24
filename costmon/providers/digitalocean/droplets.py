"""Turn droplets into resources, with their sizes' prices and their backups.

An account may hold 100,000 droplets, so a page is converted and dropped at once, and texts and
prices that repeat are kept once.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

from costmon.domain.resource import Resource
from costmon.pricing import PriceTable, calculate_monthly_cost
from costmon.providers.digitalocean.answers import Droplet, DropletPolicy
from costmon.providers.digitalocean.errors import SLUG
from costmon.providers.digitalocean.values import CURRENCY, MOST_TEXT, moment, price_of, text

DROPLETS = "/v2/droplets"
SIZES = "/v2/sizes"
KIND = "droplet"
_POWERED_OFF = "powered off, still charged in full"
_NO_PRICE = "the size has no known price"
_ODD_PRICE = "the vendor names no usable price for it"
_NO_DETAILS: tuple[tuple[str, str], ...] = ()


class Droplets:
    """The droplets of one account, gathered page by page."""

    def __init__(self, account: str, prices: PriceTable) -> None:
        self._account = account
        self._prices = prices
        self._resources: list[Resource] = []
        self._ids: set[str] = set()
        self._backed_up: list[int] = []
        self._sizeless: list[int] = []
        self._written_prices: dict[bytes, Decimal | None] = {}
        self._texts: dict[str, str] = {}
        self._backups: dict[tuple[str, Decimal], tuple[Decimal, tuple[tuple[str, str], ...]]] = {}

    @property
    def resources(self) -> list[Resource]:
        """Return them in the vendor's order, each once."""
        return self._resources

    @property
    def ids(self) -> frozenset[str]:
        """Return the ids of all of them."""
        return frozenset(self._ids)

    @property
    def need_sizes(self) -> bool:
        """Tell whether some came without the price of their size."""
        return bool(self._sizeless)

    @property
    def need_policies(self) -> bool:
        """Tell whether some are backed up."""
        return bool(self._backed_up)

    def add(self, page: list[Droplet]) -> None:
        """Take a page; a droplet that is there already is skipped."""
        account, texts, ids, resources = self._account, self._texts, self._ids, self._resources
        for droplet in page:
            identity = str(droplet.id)
            if identity in ids:
                continue
            ids.add(identity)
            slug = droplet.size_slug
            slug = texts.get(slug) or texts.setdefault(slug, text(slug))
            price = unpriced = None
            if droplet.size is None:
                self._sizeless.append(len(resources))
                unpriced = _NO_PRICE
            else:
                raw = bytes(droplet.size.price_monthly)
                if raw in self._written_prices:
                    price = self._written_prices[raw]
                else:
                    price = self._written_prices[raw] = price_of(raw)
                if price is None:
                    unpriced = _ODD_PRICE
            if droplet.features and "backups" in droplet.features:
                self._backed_up.append(len(resources))
            name = droplet.name
            if len(name) > MOST_TEXT or "\x00" in name:
                name = text(name)
            created_at = droplet.created_at
            if created_at.tzinfo is not dt.UTC:
                created_at = moment(created_at)
            status = droplet.status
            status = texts.get(status) or texts.setdefault(status, text(status))
            region = droplet.region.slug if droplet.region else None
            if region is not None:
                region = texts.get(region) or texts.setdefault(region, text(region))
            resources.append(
                Resource(
                    account=account,
                    provider=SLUG,
                    kind=KIND,
                    id=identity,
                    name=name,
                    region=region,
                    size=slug,
                    status=status,
                    created_at=created_at,
                    monthly_cost=price,
                    currency=CURRENCY,
                    basis="list_price",
                    unpriced=unpriced,
                    waste=_POWERED_OFF if status == "off" else None,
                    details=_NO_DETAILS,
                )
            )

    def price_sizeless(self, sizes: Mapping[str, Decimal]) -> None:
        """Price what came without a price: by `sizes`, else by the table, else not at all."""
        for index in self._sizeless:
            droplet = self._resources[index]
            slug = droplet.size or ""
            price = sizes.get(slug)
            if price is not None:
                self._resources[index] = droplet._replace(monthly_cost=price, unpriced=None)
                continue
            listed = self._prices.price(KIND, slug)
            if listed is not None:
                self._resources[index] = droplet._replace(
                    monthly_cost=listed.amount, unpriced=None, basis=listed.basis
                )

    def price_backups(self, policies: Mapping[str, DropletPolicy]) -> None:
        """Add to what is backed up the share of its plan; an unknown plan has no price."""
        for index in self._backed_up:
            droplet = self._resources[index]
            plan = _plan(policies.get(droplet.id))
            self._resources[index] = self._with_backups(droplet, plan)

    def _with_backups(self, droplet: Resource, plan: str | None) -> Resource:
        if plan is None:
            return _also_unpriced(droplet, "backups: their plan is not visible")
        share = self._prices.price("backup", plan)
        if share is None:
            droplet = droplet._replace(details=(("backups", plan),))
            return _also_unpriced(droplet, f"backups: plan '{plan}' has no known price")
        price = droplet.monthly_cost
        if price is None:
            return droplet._replace(details=(("backups", plan),))
        known = self._backups.get((plan, price))
        if known is None:
            whole = calculate_monthly_cost(price, surcharge=share.amount)
            backups = format((whole - price).normalize(), "f")
            known = (whole, (("backups", plan), ("backup_monthly_cost", backups)))
            self._backups[(plan, price)] = known
        return droplet._replace(monthly_cost=known[0], details=known[1])


def _plan(policy: DropletPolicy | None) -> str | None:
    if policy is None or not policy.backup_enabled or policy.backup_policy is None:
        return None
    plan = policy.backup_policy.plan
    return None if plan is None else text(plan)


def _also_unpriced(droplet: Resource, words: str) -> Resource:
    return droplet._replace(
        unpriced=words if droplet.unpriced is None else f"{droplet.unpriced}; {words}"
    )

"""DigitalOcean, read with one token.

Source: https://docs.digitalocean.com/reference/api/digitalocean/
Units: USD major units; prices per month, from the API where it names them, else from
    `costmon.providers.digitalocean.prices`.
Lag: the inventory is live; the balance is some hours old and says so in `generated_at`, the
    preview of the month's invoice in `updated_at`; daily costs are there after the night.
Needs: the read scopes that the package declares; each that is missing becomes a named gap.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from costmon.domain.charge import ChargeWindow
from costmon.domain.resource import Balance, Inventory, NotPriced, Resource
from costmon.domain.usage import UsageReading
from costmon.errors import ProviderNotFoundError
from costmon.outbound import Outbound
from costmon.providers.base import Provider
from costmon.providers.digitalocean.answers import (
    AccountBalance,
    DropletPage,
    DropletPolicy,
    OneDroplet,
    PolicyPage,
    SizePage,
    TokenInfo,
)
from costmon.providers.digitalocean.droplets import DROPLETS, SIZES, Droplets
from costmon.providers.digitalocean.droplets import KIND as DROPLET
from costmon.providers.digitalocean.errors import SLUG
from costmon.providers.digitalocean.factory import ResourceFactory
from costmon.providers.digitalocean.invoices import Invoices
from costmon.providers.digitalocean.prices import DIGITALOCEAN
from costmon.providers.digitalocean.reader import Reader
from costmon.providers.digitalocean.resources import Others
from costmon.providers.digitalocean.usage import Usage
from costmon.providers.digitalocean.values import CURRENCY, amount, moment, price_of, text
from costmon.providers.figures import Poll
from costmon.providers.permissions import Permissions
from costmon.providers.reading import Answers

API_HOST = "api.digitalocean.com"
BALANCE = "/v2/customers/my/balance"
POLICIES = "/v2/droplets/backups/policies"
INFO = "/v1/oauth/token/info"
_READING = frozenset({"read", "list"})
_MOST_SHOWN = 5

NOT_PRICED = (
    NotPriced(kind="spaces", reason="the API lists access keys, but not buckets and their sizes"),
    NotPriced(kind="nfs", reason="the API has no prices for file shares"),
    NotPriced(kind="nat_gateway", reason="the API has no prices for gateways"),
    NotPriced(kind="function", reason="charged by usage, which the API does not report"),
    NotPriced(kind="transfer", reason="charged beyond an allowance shared by the whole team"),
    NotPriced(kind="registry_overage", reason="storage and transfer beyond the registry's plan"),
    NotPriced(kind="tax", reason="added on the invoice"),
)


class DigitalOcean(Provider):
    """One DigitalOcean account, through one client."""

    def __init__(
        self,
        outbound: Outbound,
        prices: Mapping[str, Decimal],
        token_info: Callable[[], Outbound] | None = None,
    ) -> None:
        """Read through `outbound`.

        Args:
            outbound: The client for the API.
            prices: The user's own, by `kind:slug`.
            token_info: Makes the client that is asked what the token may do.
        """
        self._reader = Reader(outbound, (API_HOST,))
        self._token_info = token_info or (lambda: outbound)
        self._prices = DIGITALOCEAN.extended(prices)

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return a window for each month, from its invoice or from the preview of it.

        Raises:
            ProviderError: See `costmon.errors`.
        """
        return Invoices(self._reader).windows(account, now, known_through)

    def usage(self, account: str, now: dt.datetime) -> UsageReading:
        """Return what the account's limits are about, and what the last day cost.

        Raises:
            ProviderError: The token may see nothing of it, or the account cannot be read.
        """
        return Usage(self._reader, Permissions()).read(account, now)

    def inventory(self, account: str, now: dt.datetime) -> Inventory:
        """Return all that the account holds; kinds that could not be read are in `failed`.

        Raises:
            ProviderPermissionError: The token may read none of the kinds.
            ProviderError: The token is refused, or no kind could be read; see `costmon.errors`.
        """
        sight = Permissions()
        droplets = sight.attempt(DROPLET, lambda: self._droplets(account, sight), None)
        balance = sight.attempt(
            "balance",
            lambda: sight.of("balance", "billing:read", self._balance, None),
            None,
            is_kind=False,
        )
        others = Others(self._reader, sight, ResourceFactory(account=account, prices=self._prices))
        # Read after the droplets, for the worker nodes of clusters are found among them.
        further = others.read(None if droplets is None else droplets.ids)
        sight.check()
        resources = (*(() if droplets is None else droplets.resources), *further)
        return Poll(SLUG, account, now).inventory(
            resources, failed=sight.failed, gaps=sight.gaps, not_priced=NOT_PRICED, balance=balance
        )

    def write_access(self) -> tuple[str, ...]:
        """Return the token's scopes that are not for reading; of the names only some."""
        info = Answers(SLUG, self._token_info()).read(INFO, TokenInfo)
        further = sorted({s for s in info.scopes if s.rpartition(":")[2] not in _READING})
        if not further:
            return ()
        more = len(further) - _MOST_SHOWN
        names = ", ".join(map(text, further[:_MOST_SHOWN])) + (
            f" and {more} more" if more > 0 else ""
        )
        return (f"the token allows more than reading ({names}): make one with read scopes only",)

    def fetch_droplets(self, account: str) -> tuple[Resource, ...]:
        """Return all droplets, GPU droplets too, with their backups priced.

        Raises:
            ProviderError: They could not be read.
        """
        sight = Permissions()
        droplets = self._droplets(account, sight)
        sight.check()
        return tuple(droplets.resources)

    def fetch_droplet(self, account: str, droplet_id: int) -> Resource | None:
        """Return one droplet, its backups not looked up; `None` when it does not exist.

        Raises:
            ProviderError: It could not be read.
        """
        path = f"{DROPLETS}/{droplet_id:d}"
        try:
            answer = self._reader.read(path, OneDroplet)
        except ProviderNotFoundError:
            return None
        droplets = Droplets(account, self._prices)
        droplets.add([answer.droplet])
        droplets.price_sizeless({})
        droplets.price_backups({})
        return droplets.resources[0]

    def _droplets(self, account: str, sight: Permissions) -> Droplets:
        droplets = Droplets(account, self._prices)

        def read(params: Mapping[str, str]) -> None:
            for page in self._reader.pages(DROPLETS, DropletPage, params):
                droplets.add(page.items)

        scope = "droplet:read"
        sight.of("droplet", scope, lambda: read({}), None)
        # GPU droplets are in no listing that does not ask for them.
        sight.of("gpu_droplet", scope, lambda: read({"type": "gpus"}), None)
        if droplets.need_sizes:
            droplets.price_sizeless(sight.of("size", "sizes:read", self._sizes, {}))
        if droplets.need_policies:
            droplets.price_backups(sight.of("backup_policy", scope, self._policies, {}))
        return droplets

    def _sizes(self) -> dict[str, Decimal]:
        prices: dict[str, Decimal] = {}
        for page in self._reader.pages(SIZES, SizePage):
            for size in page.items:
                price = price_of(size.price_monthly)
                if price is not None:
                    prices[size.slug] = price
        return prices

    def _policies(self) -> dict[str, DropletPolicy]:
        policies: dict[str, DropletPolicy] = {}
        for page in self._reader.pages(POLICIES, PolicyPage):
            policies.update(page.items)
        return policies

    def _balance(self) -> Balance:
        answer = self._reader.read(BALANCE, AccountBalance)
        return Balance(
            month_to_date_usage=amount(
                answer.month_to_date_usage, BALANCE, "$.month_to_date_usage"
            ),
            currency=CURRENCY,
            generated_at=moment(answer.generated_at),
        )

"""What a provider declares and what it must do; for authors of providers."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from costmon.config.providers import Credential, Option, ProviderInfo

if TYPE_CHECKING:
    # Every command that reads settings imports this module: quickly, and without requests.
    from costmon.domain.resource import Inventory
    from costmon.outbound import Outbound

__all__ = [
    "Credential",
    "Option",
    "Provider",
    "ProviderInfo",
    "ProviderModule",
    "ProviderSetup",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSetup:
    """What the provider of one account works with.

    Attributes:
        outbound: The client for the vendor's API, which sends the credentials.
        prices: The user's own prices for this vendor, by `kind:slug`.
        options: What the account says, by the keys of the declared options; those that it does not
            say are absent.
    """

    outbound: "Outbound"
    prices: Mapping[str, Decimal]
    options: Mapping[str, object]


class Provider(Protocol):
    """Reads one account of one vendor.

    It asks through the client it was given, sends nothing but reads, keeps nothing between two
    calls, and is used by one thread.
    """

    def fetch(self, account: str, now: dt.datetime) -> "Inventory":
        """Return all that the account holds, or raise.

        A kind that the token may not see is a named gap. Anything else that goes wrong, with any
        kind, is an error: part of an inventory would look like a fall in cost.

        Args:
            account: The account's name, for the resources.
            now: When the poll began, aware UTC.

        Raises:
            ProviderError: One of its subclasses; the caller keeps the last good inventory.
        """
        ...


class ProviderModule(Protocol):
    """A module or package `costmon.providers.<slug>`.

    It is imported whenever settings are read, for its declaration. Hence it imports at the top
    nothing but the standard library, `costmon.domain`, `costmon.errors` and this module; what
    needs more is a package, whose `create` imports the rest.
    """

    info: ProviderInfo

    def create(self, setup: ProviderSetup) -> Provider:
        """Return a provider for one account, without a request."""
        ...

"""What a provider declares and what it must do; for authors of providers.

docs/adding-a-provider.md says which names are stable for other packages.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from costmon.config.providers import Credential, Hint, Option, ProviderInfo

if TYPE_CHECKING:
    # Every command that reads settings imports this module: quickly, and without requests.
    from costmon.domain.charge import ChargeWindow
    from costmon.domain.resource import Inventory
    from costmon.domain.usage import UsageReading
    from costmon.outbound import DailyAllowance, Outbound

__all__ = [
    "CONTRACT",
    "Credential",
    "Hint",
    "Option",
    "Provider",
    "ProviderInfo",
    "ProviderModule",
    "ProviderSetup",
]

CONTRACT = 1
"""The version of what is declared here; it grows when a provider that was right becomes wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSetup:
    """What the provider of one account works with.

    Attributes:
        outbound: The client for the vendor's API, which sends the credentials.
        prices: The user's own prices for this vendor, by `kind:slug`.
        options: What the account says, by the keys of the declared options; those that it does not
            say are absent.
        credentials: The credentials that the account has, in clear text by their keys: for headers
            of a second host and for signatures.
        connect: Makes a client for another host of the vendor, `connect(base_url, headers)`; the
            host must be one that the provider declares, or loopback. It is closed with the account.
        allowance: How many requests were sent today, for a vendor that charges for them; `None`:
            they are not counted.
    """

    outbound: "Outbound"
    prices: Mapping[str, Decimal]
    options: Mapping[str, object]
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    connect: Callable[[str, Mapping[str, str]], "Outbound"] | None = None
    allowance: "DailyAllowance | None" = None


class Provider:
    """Reads one account of one vendor; a vendor has those readings that its `info` declares.

    It asks through the client it was given, sends nothing but reads, keeps nothing between two
    calls, and is used by one thread.

    What fails is raised as a `ProviderError`; the caller keeps the last good value of that reading.
    A failure is never an empty answer and never a 0. What the credential may not see, or what the
    account's plan does not have, is a named gap.
    """

    def inventory(self, account: str, now: dt.datetime) -> "Inventory":
        """Return what exists in the account now, and what it costs.

        A kind that could not be read is in `failed`, the others are as they are; when nothing could
        be read, the first error is raised. An item whose price is missing or no price is unpriced.

        Args:
            account: The account's name, for the resources.
            now: When the poll began, aware UTC.

        Raises:
            ProviderError: One of its subclasses.
        """
        raise NotImplementedError

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> "Iterator[ChargeWindow]":
        """Return windows of charges, the newest first; each is whole and is recorded by itself.

        The first window has the current month. On the first read, and after a long pause, windows
        into the past follow, as far as the vendor has them and at most 12 months.

        Args:
            account: The account's name, for the rows.
            now: When the poll began, aware UTC.
            known_through: The `complete_through` or `counted_through` of what is stored; `None`:
                nothing is stored.

        Raises:
            ProviderError: One of its subclasses, also between two windows: those before it count. A
                read that is incomplete (a cursor that is missing or repeats, a stream that breaks
                off) is a `ProviderSchemaError` or `ProviderNetworkError`, never a shorter window.
        """
        raise NotImplementedError

    def usage(self, account: str, now: dt.datetime) -> "UsageReading":
        """Return how much was used, of everything that the vendor counts.

        Args:
            account: The account's name.
            now: When the poll began, aware UTC.

        Raises:
            ProviderError: One of its subclasses.
        """
        raise NotImplementedError

    def write_access(self) -> tuple[str, ...]:
        """Return what the credentials allow besides reading, as far as that can be known.

        `costmon check` shows each sentence as a warning. It says what the credentials allow and
        what to use instead. Empty: nothing is known, or they can only read.

        Raises:
            ProviderError: The vendor does not answer or refuses the question: nothing is known.
        """
        return ()


class ProviderModule(Protocol):
    """A module or package `costmon.providers.<slug>`, or a module of another package.

    One of another package also has `contract`, the version of `CONTRACT` that it was written for.

    It is imported whenever settings are read, for its declaration. Hence it imports at the top
    nothing but the standard library, `costmon.domain`, `costmon.errors` and this module; what
    needs more is a package, whose `create` imports the rest.
    """

    info: ProviderInfo

    def create(self, setup: ProviderSetup) -> Provider:
        """Return a provider for one account, without a request."""
        ...

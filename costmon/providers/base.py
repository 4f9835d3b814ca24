"""What the house asks of a vendor."""

import datetime as dt
from dataclasses import dataclass
from typing import ClassVar, Protocol

from costmon.domain.resource import Inventory


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderInfo:
    """What a provider says about itself.

    Attributes:
        slug: The vendor's name in settings, metrics and answers.
        title: The vendor's name for humans.
        hosts: The API hosts that belong to the vendor.
        token_variable: The setting that holds the token.
        url_variable: The setting that replaces `default_url`.
        default_url: The vendor's own base URL.
        scopes: The least a token needs to see everything that is read.
        docs: Where the vendor documents its API.
    """

    slug: str
    title: str
    hosts: tuple[str, ...]
    token_variable: str
    url_variable: str
    default_url: str
    scopes: tuple[str, ...]
    docs: str


class Provider(Protocol):
    """Reads one account of one vendor.

    It asks through the door it was given, sends nothing but reads, keeps nothing between two
    calls, and is used by one thread.
    """

    info: ClassVar[ProviderInfo]

    def fetch(self, account: str, now: dt.datetime) -> Inventory:
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

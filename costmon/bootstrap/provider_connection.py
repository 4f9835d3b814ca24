"""The open line of one poller to its vendor."""

import random
from collections.abc import Callable, Mapping
from decimal import Decimal

from costmon.clock import Clock
from costmon.config import AccountSettings
from costmon.errors import FailureReason
from costmon.outbound import HttpOutbound, OutboundLimits
from costmon.providers import catalog
from costmon.providers.base import Provider, ProviderSetup


class ProviderConnection:
    """A provider on its own connection, with the counts of what it asked."""

    def __init__(
        self,
        account: AccountSettings,
        prices: Mapping[str, Decimal],
        *,
        clock: Clock,
        rng: random.Random,
        pause: Callable[[float], bool],
        beat: Callable[[], None],
    ) -> None:
        self._outbound = HttpOutbound(
            provider=account.provider,
            base_url=account.api_url,
            token=account.token,
            clock=clock,
            rng=rng,
            pause=pause,
            beat=beat,
            limits=OutboundLimits(),
        )
        self.provider: Provider = catalog.create(
            account.provider,
            ProviderSetup(outbound=self._outbound, prices=prices, options=account.options),
        )

    def take_counts(self) -> tuple[int, tuple[tuple[FailureReason, int], ...]]:
        """Return requests and failures by reason since the last time."""
        return self._outbound.take_counts()

    def close(self) -> None:
        """Close the connection."""
        self._outbound.close()

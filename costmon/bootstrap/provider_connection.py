"""The connection of one poller to its vendor."""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

from costmon.clock import Clock
from costmon.config import AccountSettings
from costmon.errors import FailureReason
from costmon.outbound import DailyAllowance, HttpOutbound, OutboundLimits
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
        state_dir: Path,
        limits: OutboundLimits | None = None,
    ) -> None:
        info = catalog.modules()[account.provider].info
        secrets = {key: secret.reveal() for key, secret in account.credentials.items()}

        allowance = None
        if info.requests_per_day is not None:
            limit = account.options.get("requests_per_day", info.requests_per_day)
            allowance = DailyAllowance(state_dir, account.name, int(str(limit)), clock)

        def connect(base_url: str, headers: Mapping[str, str]) -> HttpOutbound:
            outbound = HttpOutbound(
                provider=account.provider,
                base_url=base_url,
                headers=headers,
                read_only_posts=info.read_only_posts,
                clock=clock,
                rng=rng,
                pause=pause,
                beat=beat,
                limits=limits or OutboundLimits(),
                allowance=allowance,
            )
            self._clients.append(outbound)
            return outbound

        def connect_further(base_url: str, headers: Mapping[str, str]) -> HttpOutbound:
            if not info.has_host(base_url):
                msg = f"{info.slug} has not declared the host of {base_url!r}"
                raise ValueError(msg)
            return connect(base_url, headers)

        self._clients: list[HttpOutbound] = []
        self.readings = account.readings or info.readings
        self.provider: Provider = catalog.create(
            account.provider,
            ProviderSetup(
                outbound=connect(account.api_url, info.authentication(secrets)),
                prices=prices,
                options=account.options,
                credentials=secrets,
                connect=connect_further,
                allowance=allowance,
            ),
        )

    def take_counts(self) -> tuple[int, tuple[tuple[FailureReason, int], ...]]:
        """Return requests and failures by reason since the last time."""
        counts = [client.take_counts() for client in self._clients]
        failures: Counter[FailureReason] = Counter()
        for _, failed in counts:
            failures.update(dict(failed))
        return sum(requests for requests, _ in counts), tuple(sorted(failures.items()))

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            client.close()

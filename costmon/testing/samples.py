"""Values as a vendor's account would give them, each fact of which a test may choose."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from costmon.domain.poll import BreakerState, PollFailure, PollReport, ReadingKind
from costmon.domain.resource import Balance, Gap, Inventory, KindFailure, NotPriced, Resource
from costmon.domain.totals import Totals
from costmon.errors import FailureReason
from costmon.state.accounts import totals_of
from costmon.testing.clock import START


def resource(
    id: str = "1",
    *,
    name: str | None = None,
    monthly: str | Decimal | None = "12.00",
    kind: str = "droplet",
    account: str = "digitalocean",
    provider: str = "digitalocean",
    region: str | None = "nyc3",
    size: str | None = "s-1vcpu-2gb",
    status: str | None = "active",
    created_at: dt.datetime | None = None,
    currency: str = "USD",
    unpriced: str | None = None,
    waste: str | None = None,
    details: tuple[tuple[str, str], ...] = (),
) -> Resource:
    """Return a resource; by default a droplet for 12 dollars a month."""
    return Resource(
        account=account,
        provider=provider,
        kind=kind,
        id=id,
        name=f"web-{id}" if name is None else name,
        region=region,
        size=size,
        status=status,
        created_at=created_at,
        monthly_cost=None if monthly is None else Decimal(monthly),
        currency=currency,
        basis="list_price",
        unpriced=unpriced,
        waste=waste,
        details=details,
    )


def inventory(
    resources: Iterable[Resource] = (),
    *,
    account: str = "digitalocean",
    provider: str = "digitalocean",
    observed_at: dt.datetime = START,
    gaps: tuple[Gap, ...] = (),
    not_priced: tuple[NotPriced, ...] = (),
    balance: Balance | None = None,
    failed: tuple[KindFailure, ...] = (),
) -> Inventory:
    """Return an account's inventory."""
    return Inventory(
        account=account,
        provider=provider,
        observed_at=observed_at,
        resources=tuple(resources),
        gaps=gaps,
        not_priced=not_priced,
        balance=balance,
        failed=failed,
    )


def report(
    cycle_id: str = "cycle-1",
    *,
    account: str = "digitalocean",
    provider: str = "digitalocean",
    started_at: dt.datetime = START,
    duration_s: float = 0.4,
    requests: int = 3,
    failures: tuple[tuple[FailureReason, int], ...] = (),
    breaker: BreakerState = "closed",
    reading: ReadingKind = "inventory",
) -> PollReport:
    """Return how a cycle went; the next one is five minutes later."""
    return PollReport(
        cycle_id=cycle_id,
        account=account,
        provider=provider,
        started_at=started_at,
        duration_s=duration_s,
        requests=requests,
        failures=failures,
        breaker=breaker,
        next_poll_at=started_at + dt.timedelta(minutes=5),
        reading=reading,
    )


ALL_READINGS: dict[ReadingKind, float] = {"inventory": 300.0, "charges": 86_400.0, "usage": 3600.0}
"""Every reading with an interval, in seconds."""


def totals(monthly: str | Decimal, *, kind: str = "droplet", count: int = 1) -> Totals:
    """Return the sums over so many resources of a kind, all of them priced."""
    return totals_of(Decimal(monthly), {kind: count}, 0)


def failure(
    reason: FailureReason = "server",
    message: str = "digitalocean: GET /v2/droplets: answered 500; costmon tries again",
    *,
    failed_at: dt.datetime = START,
) -> PollFailure:
    """Return why a cycle failed."""
    return PollFailure(reason=reason, message=message, failed_at=failed_at)

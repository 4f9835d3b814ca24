"""Values that role tests speak in."""

import datetime as dt
from decimal import Decimal
from typing import Any

from costmon.domain.poll import Observation, PollFailure, PollReport
from costmon.domain.resource import Inventory, Resource
from costmon.domain.totals import Totals
from costmon.messages import CostsCalculated, Fetched, PollFailed

NOW = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)
ACCOUNT = "digitalocean"


def droplet(name: str, monthly: str | None = "12", account: str = ACCOUNT) -> Resource:
    return Resource(
        account=account,
        provider="digitalocean",
        kind="droplet",
        id=name,
        name=name,
        region="fra1",
        size="s-1vcpu-2gb",
        status="active",
        created_at=NOW - dt.timedelta(days=3),
        monthly_cost=None if monthly is None else Decimal(monthly),
        currency="USD",
        basis="list_price",
        unpriced=None if monthly is not None else "size has no known price",
        waste=None,
        details=(),
    )


def inventory(*resources: Resource, minutes: int = 0, account: str = ACCOUNT) -> Inventory:
    return Inventory(
        account=account,
        provider="digitalocean",
        observed_at=NOW + dt.timedelta(minutes=minutes),
        resources=resources,
        gaps=(),
        not_priced=(),
        balance=None,
    )


def report(cycle_id: str, *, minutes: int = 0, **changed: Any) -> PollReport:
    fields: dict[str, Any] = {
        "cycle_id": cycle_id,
        "account": ACCOUNT,
        "provider": "digitalocean",
        "started_at": NOW + dt.timedelta(minutes=minutes),
        "duration_s": 0.5,
        "requests": 3,
        "failures": (),
        "breaker": "closed",
        "next_poll_at": NOW + dt.timedelta(minutes=minutes + 5),
        **changed,
    }
    return PollReport(**fields)


def fetched(cycle_id: str, *resources: Resource, minutes: int = 0) -> Fetched:
    return Fetched(
        report=report(cycle_id, minutes=minutes), inventory=inventory(*resources, minutes=minutes)
    )


def poll_failed(cycle_id: str, **changed: Any) -> PollFailed:
    failure = PollFailure(reason="server", message="digitalocean: GET /v2: 500", failed_at=NOW)
    return PollFailed(report=report(cycle_id, **changed), failure=failure)


def totals(monthly: str) -> Totals:
    amount = Decimal(monthly)
    return Totals(
        currency="USD",
        monthly=amount,
        daily=amount / 30,
        hourly=amount / 720,
        droplet_count=1,
        resource_count=1,
        unpriced_count=0,
    )


def calculated(cycle_id: str, monthly: str = "12", *, minutes: int = 0) -> CostsCalculated:
    box = droplet("web-1", monthly)
    return CostsCalculated(
        observation=Observation(
            report=report(cycle_id, minutes=minutes),
            inventory=inventory(box, minutes=minutes),
            failure=None,
            totals=totals(monthly),
        ),
        top=(box,),
        changes=(),
    )

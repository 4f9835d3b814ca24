"""Messages that role tests speak in, made of the samples that everybody shares."""

import datetime as dt

from costmon.domain.poll import BreakerState, Observation
from costmon.domain.resource import Inventory, Resource
from costmon.messages import CostsCalculated, Fetched, PollFailed
from costmon.pricing import fx
from costmon.state import fold
from costmon.state.forecast import Forecaster
from costmon.testing import samples
from costmon.testing.clock import START

ACCOUNT = "digitalocean"


class NoChanges:
    """No decision about guards waits."""

    def first(self) -> None:
        return None

    def drop_first(self, change_id: str) -> None:
        raise AssertionError(change_id)

    def set_aside_first(self, change_id: str, reason: str) -> None:
        raise AssertionError((change_id, reason))


NO_CHANGES = NoChanges()
FORECASTER = Forecaster(subscriptions=(), rates=fx.rates(), currency="USD")


def after(minutes: int) -> dt.datetime:
    return START + dt.timedelta(minutes=minutes)


def droplet(name: str, monthly: str = "12") -> Resource:
    return samples.resource(name, name=name, monthly=monthly)


def inventory(*resources: Resource, minutes: int = 0) -> Inventory:
    return samples.inventory(resources, observed_at=after(minutes))


def fetched(cycle_id: str, *resources: Resource, minutes: int = 0) -> Fetched:
    return Fetched(
        report=samples.report(cycle_id, started_at=after(minutes)),
        reading=inventory(*resources, minutes=minutes),
    )


def poll_failed(cycle_id: str, breaker: BreakerState = "closed") -> PollFailed:
    return PollFailed(report=samples.report(cycle_id, breaker=breaker), failure=samples.failure())


def calculated(
    cycle_id: str, monthly: str = "12", *, minutes: int = 0, beside: str | None = None
) -> CostsCalculated:
    """Return what a cycle comes to; `beside` is what another vendor costs a month."""
    report = samples.report(cycle_id, started_at=after(minutes))
    seen = inventory(droplet("web-1", monthly), minutes=minutes)
    blank = fold.first(
        ((ACCOUNT, "digitalocean"), ("other", "hetzner")),
        {},
        now=START,
        demo=False,
    )
    if beside is not None:
        other = samples.resource(account="other", provider="hetzner", monthly=beside)
        blank = fold.fetched(
            blank,
            samples.report(f"{cycle_id}-other", account="other", started_at=after(minutes)),
            samples.inventory([other], account="other", provider="hetzner"),
            after(minutes),
        )
    snapshot = fold.fetched(blank, report, seen, after(minutes))
    return CostsCalculated(
        observation=Observation(
            report=report, inventory=seen, failure=None, totals=snapshot.totals
        ),
        snapshot=snapshot,
        changes=(),
    )

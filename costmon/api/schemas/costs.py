"""The answers about current costs, field by field, and what they are made of.

What is encoded is also what `/openapi.json` describes. Times are shown to the second.
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

from costmon.api.schemas.resources import DROPLET, HEADLINE_PROVIDER, DropletCost, ResourceCost
from costmon.domain.money import shown
from costmon.domain.resource import Gap, NotPriced
from costmon.domain.totals import Totals
from costmon.intake.answer import Answer, Moment
from costmon.state.accounts import difference_of, explain, totals_of, totals_over
from costmon.state.freshness import ProviderState, account_staleness, account_state, age_s
from costmon.state.value import AccountState, Snapshot
from costmon.state.waste import Waste as WasteFound

_NOTHING = totals_of(Decimal(), {}, 0)


class GapNote(Answer, frozen=True):
    """A kind that is in no figure, and why."""

    kind: str
    reason: str


class AccountCost(Answer, frozen=True):
    """What one account costs, and how that compares with the vendor's own figure."""

    name: str
    provider: str
    state: ProviderState
    reason: str | None
    observed_at: Moment | None
    monthly: Decimal | None
    daily: Decimal | None
    hourly: Decimal | None
    currency: str
    other_currencies: dict[str, Decimal]
    droplet_count: int | None
    resource_count: int | None
    unpriced_count: int | None
    month_to_date_estimate: Decimal | None
    month_to_date_usage: Decimal | None
    usage_currency: str | None
    usage_generated_at: Moment | None
    difference: Decimal | None
    difference_explanation: str | None
    gaps: list[GapNote]
    not_priced: list[GapNote]
    changes: list[str]
    changed_at: Moment | None


class Waste(Answer, frozen=True):
    """Money that is likely wasted, by kind and reason; null when no price of it is known."""

    kind: str
    reason: str
    count: int
    monthly_cost: Decimal | None
    currency: str


class CurrentTotals(Answer, frozen=True):
    """The headline: all priced live DigitalOcean resources over all its accounts."""

    total_monthly: Decimal
    total_daily: Decimal
    total_hourly: Decimal
    currency: str
    droplet_count: int
    resource_count: int
    unpriced_count: int
    as_of: Moment


class CurrentCosts(CurrentTotals, frozen=True):
    """What everything costs now."""

    providers: list[AccountCost]
    waste: list[Waste]
    droplets: list[DropletCost]
    resources: list[ResourceCost]


class FreshMeta(Answer, frozen=True, omit_defaults=True):
    """Where the figures come from and whether they are fresh; the last fields only when not."""

    source: Literal["memory_store"]
    cached: Literal[True]
    stale: bool
    age_s: int | None = None
    stale_since: Moment | None = None
    reason: str | None = None
    demo: bool = False


class CurrentAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/costs/current`."""

    data: CurrentCosts
    meta: FreshMeta


class AccountFreshness(Answer, frozen=True):
    """One account in short."""

    name: str
    provider: str
    state: ProviderState
    reason: str | None
    monthly: Decimal | None
    currency: str
    as_of: Moment | None
    age_s: int | None


def headline(snapshot: Snapshot) -> Totals | None:
    """Return the sums over all DigitalOcean accounts in USD; `None` before the first poll.

    Without a DigitalOcean account they are 0 once any account has been read.
    """
    if snapshot.as_of is None:
        return None
    accounts = [it for it in snapshot.accounts if it.provider == HEADLINE_PROVIDER]
    return totals_over(accounts) if accounts else _NOTHING


def current_totals(totals: Totals, as_of: dt.datetime) -> CurrentTotals:
    """Return the headline as it is shown."""
    return CurrentTotals(
        total_monthly=shown(totals.monthly),
        total_daily=shown(totals.daily),
        total_hourly=shown(totals.hourly),
        currency=totals.currency,
        droplet_count=totals.count(DROPLET),
        resource_count=totals.resource_count,
        unpriced_count=totals.unpriced_count,
        as_of=whole_second(as_of),
    )


def account_cost(account: AccountState, now: dt.datetime) -> AccountCost:
    """Return everything about an account but its resources."""
    inventory, totals = account.inventory, account.totals
    stale = account_staleness(account, now)
    balance = inventory.balance if inventory else None
    difference = difference_of(account)
    return AccountCost(
        name=account.name,
        provider=account.provider,
        state=account_state(account, now),
        reason=stale.reason if stale else None,
        observed_at=whole_second(inventory.observed_at) if inventory else None,
        monthly=shown(totals.monthly) if totals else None,
        daily=shown(totals.daily) if totals else None,
        hourly=shown(totals.hourly) if totals else None,
        currency=totals.currency if totals else "USD",
        other_currencies={code: shown(amount) for code, amount in account.other_currencies},
        droplet_count=totals.count(DROPLET) if totals else None,
        resource_count=totals.resource_count if totals else None,
        unpriced_count=totals.unpriced_count if totals else None,
        month_to_date_estimate=_shown(account.month_to_date_estimate),
        month_to_date_usage=shown(balance.month_to_date_usage) if balance else None,
        usage_currency=balance.currency if balance else None,
        usage_generated_at=whole_second(balance.generated_at) if balance else None,
        difference=_shown(difference),
        difference_explanation=explain(difference),
        gaps=gap_notes(inventory.gaps) if inventory else [],
        not_priced=gap_notes(inventory.not_priced) if inventory else [],
        changes=list(account.changes),
        changed_at=whole_second(account.changed_at) if account.changed_at else None,
    )


def account_freshness(account: AccountState, now: dt.datetime) -> AccountFreshness:
    """Return an account in short."""
    inventory, totals = account.inventory, account.totals
    stale = account_staleness(account, now)
    return AccountFreshness(
        name=account.name,
        provider=account.provider,
        state=account_state(account, now),
        reason=stale.reason if stale else None,
        monthly=shown(totals.monthly) if totals else None,
        currency=totals.currency if totals else "USD",
        as_of=whole_second(inventory.observed_at) if inventory else None,
        age_s=age_s(inventory.observed_at, now) if inventory else None,
    )


def gap_notes(gaps: Iterable[Gap | NotPriced]) -> list[GapNote]:
    """Return gaps as they are shown."""
    return [GapNote(kind=gap.kind, reason=gap.reason) for gap in gaps]


def waste_notes(found: Iterable[WasteFound]) -> list[Waste]:
    """Return what is likely wasted as it is shown."""
    return [
        Waste(
            kind=waste.kind,
            reason=waste.reason,
            count=waste.count,
            monthly_cost=_shown(waste.monthly_cost),
            currency=waste.currency,
        )
        for waste in found
    ]


def whole_second(moment: dt.datetime) -> dt.datetime:
    """Return the moment without its microseconds, as times are shown."""
    return moment.replace(microsecond=0)


def _shown(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else shown(amount)

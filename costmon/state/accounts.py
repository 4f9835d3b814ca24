"""One account as it is shown: what it costs, and how that compares with the vendor's own figure."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from costmon.domain.money import shown
from costmon.domain.period import month_of
from costmon.domain.resource import Balance, Gap, NotPriced
from costmon.state.freshness import account_staleness, account_state, age_s
from costmon.state.value import AccountState
from costmon.state.wire import AccountCost, AccountFreshness, GapNote


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
        droplet_count=totals.droplet_count if totals else None,
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


def difference_of(account: AccountState) -> Decimal | None:
    """Return the vendor's month-to-date figure minus our estimate.

    `None` when either is unknown, when they are not about the same calendar month (the vendor's
    figure may be a day old), or not in the same currency.
    """
    inventory, estimate = account.inventory, account.month_to_date_estimate
    if inventory is None or inventory.balance is None or estimate is None:
        return None
    balance = inventory.balance
    if balance.currency != "USD" or not usage_is_of_month(balance, inventory.observed_at):
        return None
    return balance.month_to_date_usage - estimate


def usage_is_of_month(balance: Balance, moment: dt.datetime) -> bool:
    """Return whether the vendor's figure is about the calendar month of `moment`."""
    return month_of(balance.generated_at) == month_of(moment)


def explain(difference: Decimal | None) -> str | None:
    """Say what a difference between bill and estimate is made of."""
    if difference is None:
        return None
    if shown(difference) == 0:
        return "the vendor's own figure and the estimate agree"
    if difference > 0:
        return (
            "the vendor counts what the estimate cannot see: resources destroyed this month, "
            "transfer, tax, and what is listed as not priced"
        )
    return (
        "the vendor's figure is lower: it is older than the estimate (see usage_generated_at), "
        "or credits and discounts were applied"
    )


def gap_notes(gaps: Iterable[Gap | NotPriced]) -> list[GapNote]:
    """Return gaps as they are shown."""
    return [GapNote(kind=gap.kind, reason=gap.reason) for gap in gaps]


def whole_second(moment: dt.datetime) -> dt.datetime:
    """Return the moment without its microseconds, as times are shown."""
    return moment.replace(microsecond=0)


def _shown(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else shown(amount)

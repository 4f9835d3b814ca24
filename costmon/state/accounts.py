"""Figures over accounts: their sums, and how they compare with the vendor's own."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from heapq import nlargest

from costmon.domain.money import shown
from costmon.domain.period import month_of
from costmon.domain.resource import Balance, Resource
from costmon.domain.totals import Totals
from costmon.pricing import calculate_daily_cost, calculate_hourly_cost
from costmon.state.value import AccountState

CURRENCY = "USD"


def totals_of(monthly: Decimal, kinds: dict[str, int], unpriced_count: int) -> Totals:
    """Return the sums over some resources.

    Args:
        monthly: What the priced ones cost in a full month, US dollars.
        kinds: How many there are of each kind.
        unpriced_count: How many have a price that is unknown or not whole.
    """
    return Totals(
        currency=CURRENCY,
        monthly=monthly,
        daily=calculate_daily_cost(monthly),
        hourly=calculate_hourly_cost(monthly),
        resource_count=sum(kinds.values()),
        unpriced_count=unpriced_count,
        kinds=tuple(sorted(kinds.items())),
    )


def totals_over(accounts: Iterable[AccountState]) -> Totals | None:
    """Return the sums over accounts that have been read; `None` when none of them has."""
    parts = [account.totals for account in accounts if account.totals is not None]
    if not parts:
        return None
    kinds: Counter[str] = Counter()
    for part in parts:
        kinds.update(dict(part.kinds))
    return totals_of(
        sum((part.monthly for part in parts), Decimal()),
        kinds,
        sum(part.unpriced_count for part in parts),
    )


def most_expensive(accounts: Iterable[AccountState], count: int) -> tuple[Resource, ...]:
    """Return the `count` most expensive resources whose price in USD is known, in this order."""
    priced = (
        resource
        for account in accounts
        if account.inventory is not None
        for resource in account.inventory.resources
        if resource.monthly_cost is not None and resource.currency == CURRENCY
    )
    return tuple(nlargest(count, priced, key=lambda resource: resource.monthly_cost or Decimal()))


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
        return "the vendor's figure and the estimate agree"
    if difference > 0:
        return (
            "the vendor counts what the estimate cannot see: resources destroyed this month, "
            "transfer, tax, and what is listed as not priced"
        )
    return (
        "the vendor's figure is lower: it is older than the estimate (see usage_generated_at), "
        "or credits and discounts were applied"
    )

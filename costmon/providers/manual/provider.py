"""Charges of fixed prices, and prepaid balances, as people have written them down.

Source: the `[[manual]]` tables of costmon.toml.
Units: the currency of each entry, major units.
Lag: none. Needs: nothing.
"""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import cast

from costmon.domain.charge import Charge, ChargeCategory, ChargeWindow
from costmon.domain.money import share
from costmon.domain.period import month_of
from costmon.domain.subscription import Subscription, add_months
from costmon.domain.usage import PREPAID_BALANCE, UsageReading
from costmon.providers.base import Provider
from costmon.providers.figures import Poll, Span
from costmon.providers.reading import PAST_MONTHS, midnight

SLUG = "manual"
_DAY = dt.timedelta(days=1)
_MONTHS_A_YEAR = 12
_NOTHING = Decimal(0)


class Manual(Provider):
    """The entries of one costmon.toml."""

    def __init__(self, entries: object) -> None:
        """Read `entries`, subscriptions as `costmon.config.manual` has checked them."""
        self._entries = cast("tuple[Subscription, ...]", entries)

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return two windows for each vendor: this month, and the 12 months before it.

        This month is what the file says. The past is history: of it only what has never been read
        is filled in, for what was paid does not change with the file.
        """
        del known_through  # the ledger knows which spans have been read, of each vendor
        month = month_of(now).start
        past = dt.datetime.combine(add_months(month.date(), -PAST_MONTHS), dt.time(), dt.UTC)
        vendors = dict.fromkeys(entry.provider for entry in self._entries)
        if month < now:
            for provider in vendors:
                yield self._window(account, provider, month, now, now)
        for provider in vendors:
            yield self._window(account, provider, past, month, now)

    def _window(
        self, account: str, provider: str, start: dt.datetime, end: dt.datetime, now: dt.datetime
    ) -> ChargeWindow:
        is_past = end <= month_of(now).start
        rows = [
            row
            for entry in self._entries
            if entry.provider == provider
            for row in _rows(entry, start.date(), end.date() + _DAY)
        ]
        return Poll(provider, account, now).window(
            start,
            end,
            (row for row in rows if start <= row.charge_period_start < end),
            intake="restate" if is_past else "replace",
            complete_through=midnight(end),
            only_unread=is_past,
        )

    def usage(self, account: str, now: dt.datetime) -> UsageReading:
        """Return how much of each prepaid balance is used."""
        return Poll(SLUG, account, now).usage(
            Span.level(now).quantity(
                PREPAID_BALANCE,
                entry.currency,
                entry.used,
                limit=entry.balance,
                estimated=True,
                project=f"{entry.provider}: {entry.name}",
            )
            for entry in self._entries
            if entry.balance is not None and entry.used is not None
        )


def _rows(entry: Subscription, first: dt.date, end: dt.date) -> Iterator[Charge]:
    """Return the rows of an entry whose charge or share may be in [first, end)."""
    if entry.per != "year":
        for day in entry.charged_on(first, end):
            yield _row(entry, day, _after(entry, day), entry.amount, entry.amount)
        return
    # A year that was paid before `first` still has its shares after it.
    for day in entry.charged_on(add_months(first, -_MONTHS_A_YEAR), end):
        yield _row(entry, day, _after(entry, day), entry.amount, _NOTHING)
        for number in range(_MONTHS_A_YEAR):
            month, following = add_months(day, number), add_months(day, number + 1)
            cost = share(entry.amount, number, _MONTHS_A_YEAR)
            yield _row(entry, month, following, _NOTHING, cost, part=f"{day}/{number + 1:02}")


def _after(entry: Subscription, day: dt.date) -> dt.date:
    """Return the first day that is not paid for by the charge of `day`."""
    match entry.per:
        case "week":
            return day + 7 * _DAY
        case "month":
            return add_months(day, 1)
        case "year":
            return add_months(day, _MONTHS_A_YEAR)
        case "once":
            return day + _DAY


def _row(
    entry: Subscription,
    start: dt.date,
    end: dt.date,
    billed: Decimal,
    effective: Decimal,
    *,
    part: str | None = None,
) -> Charge:
    """Return what is billed for a period; with `part` the share of a year's fee, billed before."""
    start_at, end_at = (dt.datetime.combine(day, dt.time(), dt.UTC) for day in (start, end))
    month = month_of(start_at)
    category: ChargeCategory = "Purchase" if part is None else "Usage"
    listed = billed if part is None else effective
    words = f"{entry.name}, a month's share of a year's fee" if part else entry.note or entry.name
    return Charge(
        source_row_key=f"{entry.name}/{part or start}",
        charge_period_start=start_at,
        charge_period_end=end_at,
        billing_period_start=month.start,
        billing_period_end=month.end,
        billed_cost=billed,
        effective_cost=effective,
        list_cost=listed,
        contracted_cost=listed,
        billing_currency=entry.currency,
        basis="manual",
        charge_category=category,
        service_name=entry.service,
        service_category="Other",
        service_provider_name=entry.provider,
        invoice_issuer_name=entry.provider,
        billing_account_id=SLUG,
        charge_description=words,
        charge_frequency="One-Time" if entry.per == "once" else "Recurring",
        pricing_category="Standard",
        pricing_quantity=Decimal(1),
        pricing_unit="Periods",
        list_unit_price=listed,
        contracted_unit_price=listed,
    )

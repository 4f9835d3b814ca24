"""Forecast from what is published: the ledger's days, the live inventories and manual entries."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from costmon.domain.cap import Cap, percent_of
from costmon.domain.charge_report import ChargeFreshness, ChargeTotal
from costmon.domain.forecast import (
    AccountForecast,
    Charged,
    Forecast,
    ForecastSum,
    Rate,
    VendorForecast,
    added_up,
    charged_forecast,
    fixed_forecast,
    rate_forecast,
)
from costmon.domain.fx import Rates
from costmon.domain.period import month_of
from costmon.domain.scope import GLOBAL
from costmon.domain.subscription import Subscription
from costmon.state.accounts import CURRENCY, usage_is_of_month
from costmon.state.charges import ChargeState
from costmon.state.value import AccountState

_DAY = dt.timedelta(days=1)
_DAY_S = 86_400
_UNSAID_LAG = 3 * _DAY
"""After so long a day counts as complete where the vendor does not say."""
_BY_HAND, _PLAN = "manual", "plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecaster:
    """Makes the forecast that is published with the charges.

    Attributes:
        subscriptions: The manual entries.
        rates: Exchange rates.
        currency: That of the total.
    """

    subscriptions: tuple[Subscription, ...]
    rates: Rates
    currency: str

    def added_to(
        self, charges: ChargeState, accounts: Iterable[AccountState], now: dt.datetime
    ) -> ChargeState:
        """Return the charges with the forecast that follows from them and from live rates."""
        if not charges.is_loaded:
            return charges
        month = charges.today.replace(day=1)
        parts = sorted(
            (
                *_of_charges(charges, month, now),
                *_by_hand(charges, self.subscriptions, month, now),
                *_of_rates(charges, accounts, month, now),
            ),
            key=lambda part: (part.provider, part.account, part.currency),
        )
        vendors = sorted({(part.provider, part.currency) for part in parts})
        return replace(
            charges,
            forecast=Forecast(
                made_at=now,
                month=month,
                accounts=tuple(parts),
                vendors=tuple(
                    VendorForecast(
                        provider,
                        added_up(
                            (it for it in parts if (it.provider, it.currency) == vendor),
                            currency,
                            self.rates,
                        ),
                    )
                    for vendor in vendors
                    for provider, currency in [vendor]
                ),
                total=added_up(parts, self.currency, self.rates),
            ),
        )


class BudgetForecast(NamedTuple):
    """How much of a budget its month will have used.

    Attributes:
        cap: The budget.
        sum: The forecast in the budget's currency; its `month.point` is known.
        period_start: First day of the month.
    """

    cap: Cap
    sum: ForecastSum
    period_start: dt.date

    @property
    def name(self) -> str:
        """Return what metrics and alerts call the budget."""
        return f"{self.cap.budget.scope} {self.cap.budget.period}"

    @property
    def percent(self) -> Decimal:
        """Return the forecast in percent of the limit."""
        point = self.sum.month.point
        return percent_of(self.sum.month.charged if point is None else point, self.cap.budget.limit)


def budget_forecasts(
    caps: Iterable[Cap], forecast: Forecast | None, rates: Rates
) -> tuple[BudgetForecast, ...]:
    """Return the forecast of each budget by month that is about everything, vendors or accounts.

    Services and projects are not forecast. A budget of which nothing can be forecast is left out.
    """
    if forecast is None:
        return ()
    found = []
    for cap in caps:
        budget = cap.budget
        if budget.period != "month":
            continue
        parts = [
            part
            for part in forecast.accounts
            if budget.scope in {GLOBAL, f"provider:{part.provider}", f"account:{part.account}"}
        ]
        total = added_up(parts, budget.currency or CURRENCY, rates)
        if total.month.point is not None:
            found.append(BudgetForecast(cap, total, forecast.month))
    return tuple(found)


def _of_charges(
    charges: ChargeState, month: dt.date, now: dt.datetime
) -> Iterator[AccountForecast]:
    known = {(it.account, it.provider): it for it in charges.freshness}
    for (account, provider, currency), totals in _grouped(charges.past_days).items():
        fresh = known.get((account, provider))
        if fresh is None or all(total.basis == _BY_HAND for total in totals):
            continue
        yield charged_forecast(
            _charged((account, provider, currency), totals, fresh),
            month,
            now.astimezone(ZoneInfo(fresh.day_zone)).date(),
        )


def _by_hand(
    charges: ChargeState,
    subscriptions: Sequence[Subscription],
    month: dt.date,
    now: dt.datetime,
) -> Iterator[AccountForecast]:
    """Yield the manual entries of each vendor and currency: exact."""
    read = {it.provider: it for it in charges.freshness if it.account == _BY_HAND}
    groups = {
        owner: totals
        for owner, totals in _grouped(charges.past_days).items()
        if all(total.basis == _BY_HAND for total in totals)
    }
    for entry in subscriptions:
        groups.setdefault((_BY_HAND, entry.provider, entry.currency), [])
    end = (month + 32 * _DAY).replace(day=1)
    for owner, totals in groups.items():
        fresh = read.get(owner[1])
        # What was due before it was read is in the ledger, if the entry was there already.
        start = month if fresh is None else max(month, fresh.observed_at.date() + _DAY)
        to_come: dict[dt.date, Decimal] = {}
        for entry in subscriptions:
            if owner == (_BY_HAND, entry.provider, entry.currency):
                for day in entry.charged_on(start, end):
                    to_come[day] = to_come.get(day, Decimal()) + entry.amount
        known = Charged(*owner, month, month, _by_day(totals), {})
        yield fixed_forecast(known, to_come, month, now.date())


def _of_rates(
    charges: ChargeState, accounts: Iterable[AccountState], month: dt.date, now: dt.datetime
) -> Iterator[AccountForecast]:
    """Yield the accounts whose charges nobody reads, by what their live resources cost."""
    read = {it.account for it in charges.freshness}
    today = now.astimezone(dt.UTC).date()
    elapsed = Decimal(int((now - month_of(now).start).total_seconds()) % _DAY_S) / _DAY_S
    for account in accounts:
        totals, inventory = account.totals, account.inventory
        if totals is None or inventory is None:
            continue
        if "charges" in account.readings or account.name in read:
            continue
        so_far, at_end = account.month_to_date_estimate, account.month_end_estimate
        balance = inventory.balance
        charged = so_far
        if balance and balance.currency == CURRENCY and usage_is_of_month(balance, now):
            charged = balance.month_to_date_usage
        is_known = (
            so_far is not None
            and at_end is not None
            and month_of(inventory.observed_at) == month_of(now)
            and month_of(now).start.date() == month
        )
        rates = sorted(
            (it.day, it.monthly) for it in charges.past_rates if it.account == account.name
        )
        yield rate_forecast(
            Rate(
                account=account.name,
                provider=account.provider,
                currency=CURRENCY,
                month_to_date=charged if is_known else None,
                rest=(at_end or Decimal()) - (so_far or Decimal()),
                day_to_date=totals.daily * elapsed,
                day=totals.daily,
                first=rates[0][0] if rates else today,
                past=tuple(_every_day(rates, today)),
            ),
            month,
            today,
        )


def _every_day(rates: Sequence[tuple[dt.date, Decimal]], today: dt.date) -> Iterator[Decimal]:
    """Yield the rate of each day up to yesterday; an unobserved one is as the day before."""
    for number, (day, rate) in enumerate(rates):
        following = rates[number + 1][0] if number + 1 < len(rates) else today
        yield from (rate for _ in range((min(following, today) - day).days))


def _grouped(
    totals: Iterable[ChargeTotal],
) -> dict[tuple[str, str, str], list[ChargeTotal]]:
    found: dict[tuple[str, str, str], list[ChargeTotal]] = {}
    for total in totals:
        found.setdefault((total.account, total.provider, total.currency), []).append(total)
    return found


def _charged(
    owner: tuple[str, str, str], totals: Sequence[ChargeTotal], fresh: ChargeFreshness
) -> Charged:
    zone = ZoneInfo(fresh.day_zone)
    complete = fresh.last_complete_day
    if complete is None:
        complete = (fresh.observed_at - _UNSAID_LAG).astimezone(zone).date()
    return Charged(
        *owner,
        first=fresh.known_since.astimezone(zone).date(),
        complete=complete,
        varying=_by_day(total for total in totals if total.basis != _PLAN),
        fees=_by_day(total for total in totals if total.basis == _PLAN),
    )


def _by_day(totals: Iterable[ChargeTotal]) -> dict[dt.date, Decimal]:
    found: dict[dt.date, Decimal] = {}
    for total in totals:
        day = dt.date.fromisoformat(total.group)
        found[day] = found.get(day, Decimal()) + total.billed
    return found

"""The answer about forecasts.

Amounts are figures as text without an exponent; `null` means that nothing can be forecast, and the
reasons say why.
"""

import datetime as dt
from decimal import Decimal
from typing import Literal

from costmon.api.schemas.costs import whole_second
from costmon.domain.forecast import AccountForecast, Estimate, Forecast, ForecastSum, mean_error
from costmon.domain.money import from_nano, shown, to_nano
from costmon.domain.prediction import MonthTest
from costmon.intake.answer import Answer, Moment
from costmon.state.forecast import BudgetForecast


class EstimateNote(Answer, frozen=True):
    """What a period will have cost: the median, and the range of 8 of 10 cases."""

    charged: str
    forecast: str | None
    low: str | None
    high: str | None


class MonthTestNote(Answer, frozen=True):
    """A forecast of a past month, made with as many days left as now, and what it has cost."""

    month: dt.date
    forecast: str
    actual: str


class SumForecast(Answer, frozen=True):
    """The forecast for several accounts in one currency.

    `error` is the mean absolute error of the tests, as a part of what was charged. `reasons` say
    which accounts have no forecast or no range; those without a forecast count with what they have
    been charged. `left_out` are currencies without an exchange rate.
    """

    currency: str
    month: EstimateNote
    day: EstimateNote
    error: Decimal | None
    tests: list[MonthTestNote]
    reasons: list[str]
    left_out: list[str]
    rates: list[str]


class VendorRow(Answer, frozen=True):
    """The forecast for all accounts of a vendor, in one of their currencies."""

    provider: str
    forecast: SumForecast


class AccountRow(Answer, frozen=True):
    """The forecast for one account in one currency; `today` is the vendor's present day."""

    account: str
    provider: str
    currency: str
    today: dt.date
    month: EstimateNote
    day: EstimateNote
    error: Decimal | None
    tests: list[MonthTestNote]
    reason: str | None


class BudgetRow(Answer, frozen=True):
    """How much of a budget its month will have used."""

    scope: str
    period: str
    currency: str
    limit: str
    forecast: str
    percent: Decimal


class Forecasts(Answer, frozen=True):
    """Everything that is forecast."""

    total: SumForecast
    vendors: list[VendorRow]
    accounts: list[AccountRow]
    budgets: list[BudgetRow]


class ForecastMeta(Answer, frozen=True):
    """When the forecast was made, and of which month."""

    source: Literal["ledger"]
    made_at: Moment
    month: dt.date
    demo: bool


class ForecastAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/costs/forecast`."""

    data: Forecasts
    meta: ForecastMeta


def forecasts(forecast: Forecast, budgets: tuple[BudgetForecast, ...]) -> Forecasts:
    """Return a forecast as it is answered."""
    return Forecasts(
        total=_sum(forecast.total),
        vendors=[VendorRow(provider=it.provider, forecast=_sum(it.sum)) for it in forecast.vendors],
        accounts=[_account(it) for it in forecast.accounts],
        budgets=[_budget(it) for it in budgets],
    )


def forecast_meta(forecast: Forecast, *, demo: bool) -> ForecastMeta:
    """Return what the answer says about itself."""
    return ForecastMeta(
        source="ledger", made_at=whole_second(forecast.made_at), month=forecast.month, demo=demo
    )


def _sum(total: ForecastSum) -> SumForecast:
    return SumForecast(
        currency=total.currency,
        month=_estimate(total.month),
        day=_estimate(total.day),
        error=total.error,
        tests=_tests(total.tests),
        reasons=list(total.reasons),
        left_out=list(total.left_out),
        rates=list(total.rates),
    )


def _account(one: AccountForecast) -> AccountRow:
    return AccountRow(
        account=one.account,
        provider=one.provider,
        currency=one.currency,
        today=one.today,
        month=_estimate(one.month),
        day=_estimate(one.day),
        error=mean_error(one.tests),
        tests=_tests(one.tests),
        reason=one.reason,
    )


def _budget(one: BudgetForecast) -> BudgetRow:
    budget, point = one.cap.budget, one.sum.month.point
    return BudgetRow(
        scope=budget.scope,
        period=budget.period,
        currency=one.sum.currency,
        limit=f"{budget.limit:f}",
        forecast=_text(one.sum.month.charged if point is None else point),
        percent=shown(one.percent),
    )


def _estimate(one: Estimate) -> EstimateNote:
    return EstimateNote(
        charged=_text(one.charged),
        forecast=_known(one.point),
        low=_known(one.low),
        high=_known(one.high),
    )


def _tests(tests: tuple[MonthTest, ...]) -> list[MonthTestNote]:
    return [
        MonthTestNote(month=it.month, forecast=_text(it.forecast), actual=_text(it.actual))
        for it in tests
    ]


def _known(amount: Decimal | None) -> str | None:
    return None if amount is None else _text(amount)


def _text(amount: Decimal) -> str:
    """Return an amount in whole nano-units, which what was charged is stored in."""
    return f"{from_nano(to_nano(amount)).normalize():f}"

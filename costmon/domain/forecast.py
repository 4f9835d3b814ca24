"""Forecast what accounts will have been charged by the end of the day and of the month.

What varies is predicted from the days that the vendor has called complete (`prediction`). Days that
are not complete yet count as predicted, or as reported where that is more. Plan fees and manual
entries are known in advance and are added exactly; the cost of live resources is their rate.

Amounts go in and come out as `Decimal`; what has been charged is added up exactly, and only the
predicted part is rounded, to millionths.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from costmon.domain.fx import Rates
from costmon.domain.prediction import (
    HISTORY_DAYS,
    LEAST_DAYS,
    Days,
    MonthTest,
    month_tests,
    predicted,
    spread,
    usual,
)

_DAY = dt.timedelta(days=1)
_NOTHING = Decimal()
_ROUNDED = Decimal("0.000001")


class Estimate(NamedTuple):
    """What a period will have cost when it ends.

    Attributes:
        charged: What has been charged so far.
        point: The forecast, at least `charged`; `None`: there is too little history for one.
        low: The 10 % quantile; `None`: the range is not known.
        high: The 90 % quantile; `None` as above.
    """

    charged: Decimal
    point: Decimal | None
    low: Decimal | None
    high: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountForecast:
    """The forecast for what one account is charged in one currency.

    Attributes:
        account: The account's name.
        provider: The vendor's slug.
        currency: ISO 4217.
        today: The vendor's present day, which `day` is about.
        month: The calendar month.
        day: `today`.
        reason: Why the forecast or its range is missing, for people; `None` when neither is.
        tests: Forecasts of past months, the latest first; plan fees are not part of them.
    """

    account: str
    provider: str
    currency: str
    today: dt.date
    month: Estimate
    day: Estimate
    reason: str | None
    tests: tuple[MonthTest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSum:
    """The forecast for several accounts together, in one currency.

    An account without a forecast counts with what it has been charged: the sum is then a lower
    bound, and has no range. Ranges are added up as those of independent amounts.

    Attributes:
        currency: ISO 4217.
        month: The calendar month.
        day: The vendors' present days.
        reasons: Which accounts have no forecast or range, and why; with the account's name.
        left_out: Currencies without an exchange rate, whose amounts are not part of the sum.
        rates: What was converted, for people to check.
        tests: Forecasts of the past months that every account with a forecast has been tested on.
    """

    currency: str
    month: Estimate
    day: Estimate
    reasons: tuple[str, ...]
    left_out: tuple[str, ...]
    rates: tuple[str, ...]
    tests: tuple[MonthTest, ...]

    @property
    def error(self) -> Decimal | None:
        """Return the mean absolute error of past forecasts, as a part of what was charged."""
        return mean_error(self.tests)


class VendorForecast(NamedTuple):
    """The forecast for all accounts of a vendor, in one of their currencies."""

    provider: str
    sum: ForecastSum


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Everything that is forecast.

    Attributes:
        made_at: When, aware UTC.
        month: First day of the month it is about.
        accounts: By provider, account and currency.
        vendors: By provider and currency.
        total: All of them.
    """

    made_at: dt.datetime
    month: dt.date
    accounts: tuple[AccountForecast, ...]
    vendors: tuple[VendorForecast, ...]
    total: ForecastSum


class Charged(NamedTuple):
    """What an account is known to have been charged in one currency, by the vendor's days.

    Attributes:
        account: The account's name.
        provider: The vendor's slug.
        currency: ISO 4217.
        first: The first day that is known.
        complete: The last day to which the vendor adds only corrections.
        varying: What varies, by day; a known day that is not in it has cost nothing.
        fees: Plan fees, by day.
    """

    account: str
    provider: str
    currency: str
    first: dt.date
    complete: dt.date
    varying: Mapping[dt.date, Decimal]
    fees: Mapping[dt.date, Decimal]


class Rate(NamedTuple):
    """What the live resources of an account cost.

    Attributes:
        account: The account's name.
        provider: The vendor's slug.
        currency: ISO 4217.
        month_to_date: What the month has cost; `None`: that is not known.
        rest: What the resources that exist now add until the month ends.
        day_to_date: What they have cost since the day began.
        day: What they cost in a day.
        first: Day of the first of `past`.
        past: The average rate of each past day up to yesterday, in any unit.
    """

    account: str
    provider: str
    currency: str
    month_to_date: Decimal | None
    rest: Decimal
    day_to_date: Decimal
    day: Decimal
    first: dt.date
    past: tuple[Decimal, ...]


def charged_forecast(known: Charged, month: dt.date, today: dt.date) -> AccountForecast:
    """Return the forecast for an account from its charges.

    Args:
        known: What was charged.
        month: First day of the month to forecast.
        today: The vendor's present day.
    """
    end = _next_month(month)
    so_far = _between(known.varying, month, end) + _between(known.fees, month, end)
    today_so_far = known.varying.get(today, _NOTHING) + known.fees.get(today, _NOTHING)
    after = known.complete + _DAY
    # Before its first charge an account was not used, which tells nothing of how it is used.
    begun = min((day for day, amount in known.varying.items() if amount), default=known.first)
    first = max(known.first, min(begun, after), after - HISTORY_DAYS * _DAY)
    days = Days(first, tuple(known.varying.get(day, _NOTHING) for day in _days(first, after)))

    def forecast(of_month: Estimate, of_day: Estimate, reason: str | None) -> AccountForecast:
        tests = () if reason else month_tests(days, (end - after).days)
        return AccountForecast(
            account=known.account,
            provider=known.provider,
            currency=known.currency,
            today=today,
            month=of_month,
            day=of_day,
            reason=reason,
            tests=tests,
        )

    def estimate(start: dt.date, stop: dt.date, charged: Decimal, fees: Decimal) -> Estimate:
        first_open = (max(start, after) - after).days
        span = range(first_open, max(first_open, (stop - after).days))
        reported = [known.varying.get(after + number * _DAY, _NOTHING) for number in span]
        expected = predicted(days, span.stop)[span.start :]
        # A day that is not complete can only be corrected upwards, for all that is known.
        open_days = sum(reported, _NOTHING)
        likely = sum(map(max, reported, expected), _NOTHING)
        low, high = _range(
            sum(expected, _NOTHING), usual(days, len(span)), spread(days, span.start, span.stop)
        )
        settled = charged - open_days + fees
        return Estimate(
            charged,
            settled + likely,
            settled + max(open_days, min(low, likely)),
            settled + max(likely, high),
        )

    reason = _too_few(len(days.amounts), "complete days of charges")
    if reason is not None:
        return forecast(_unknown(so_far), _unknown(today_so_far), reason)
    fees = _fees_to_come(known.fees, after, month, end)
    return forecast(
        estimate(month, end, so_far, fees),
        estimate(today, today + _DAY, today_so_far, _NOTHING),
        None,
    )


def rate_forecast(known: Rate, month: dt.date, today: dt.date) -> AccountForecast:
    """Return the forecast for an account from the rate of its live resources.

    The forecast is what they cost if nothing is made or deleted; the range is how the rate has
    changed in the past.
    """
    days = Days(known.first, known.past, live=True)
    end = _next_month(month)
    left = (end - today).days
    reason = _too_few(len(days.amounts), "days of observed rates")
    today_so_far = known.day_to_date.quantize(_ROUNDED)
    of_day = _around(today_so_far, known.day - today_so_far, days, 1, reason)
    if known.month_to_date is None:
        of_month = _unknown(_NOTHING)
        reason = "what this month has cost so far is not known"
    else:
        of_month = _around(known.month_to_date, known.rest, days, left, reason)
        reason = f"no range: {reason}" if reason else None
    return AccountForecast(
        account=known.account,
        provider=known.provider,
        currency=known.currency,
        today=today,
        month=of_month,
        day=of_day,
        reason=reason,
        tests=() if reason else month_tests(days, left),
    )


def fixed_forecast(
    charged: Charged, to_come: Mapping[dt.date, Decimal], month: dt.date, today: dt.date
) -> AccountForecast:
    """Return the forecast for entries whose dates and amounts are known: it is exact.

    Args:
        charged: What has been charged; all of it counts, whether it varies or not.
        to_come: What will be, by day; none of it is in `charged`.
        month: First day of the month to forecast.
        today: The present day.
    """

    def estimate(start: dt.date, end: dt.date) -> Estimate:
        so_far = _between(charged.varying, start, end) + _between(charged.fees, start, end)
        whole = so_far + _between(to_come, start, end)
        return Estimate(so_far, whole, whole, whole)

    return AccountForecast(
        account=charged.account,
        provider=charged.provider,
        currency=charged.currency,
        today=today,
        month=estimate(month, _next_month(month)),
        day=estimate(today, today + _DAY),
        reason=None,
        tests=(),
    )


def added_up(parts: Iterable[AccountForecast], currency: str, rates: Rates) -> ForecastSum:
    """Return the sum of forecasts, whatever their order."""
    reasons: dict[str, None] = {}
    left_out: dict[str, None] = {}
    notes: dict[str, None] = {}
    counted: list[tuple[AccountForecast, Decimal]] = []
    for part in sorted(parts, key=lambda it: (it.provider, it.account, it.currency)):
        unit = rates.convert(Decimal(1), part.currency, currency)
        if unit is None:
            left_out[part.currency] = None
            continue
        counted.append((part, unit.amount))
        if part.reason is not None:
            reasons[f"{part.account}: {part.reason}"] = None
        if unit.note is not None:
            notes[unit.note] = None
    return ForecastSum(
        currency=currency,
        month=_sum_of((part.month, value) for part, value in counted),
        day=_sum_of((part.day, value) for part, value in counted),
        reasons=tuple(reasons),
        left_out=tuple(left_out),
        rates=tuple(notes),
        tests=_tests_of(counted),
    )


def mean_error(tests: Sequence[MonthTest]) -> Decimal | None:
    """Return the sum of absolute errors as a part of what was charged; `None` without any."""
    actual = sum((abs(test.actual) for test in tests), _NOTHING)
    if not actual:
        return None
    wrong = sum((abs(test.forecast - test.actual) for test in tests), _NOTHING)
    return (wrong / actual).quantize(_ROUNDED)


# --- sums ----------------------------------------------------------------------------------------


def _sum_of(parts: Iterable[tuple[Estimate, Decimal]]) -> Estimate:
    charged, point = _NOTHING, _NOTHING
    below, above = _NOTHING, _NOTHING
    is_ranged = has_any = False
    for number, (part, value) in enumerate(parts):
        charged += part.charged * value
        point += (part.charged if part.point is None else part.point) * value
        has_any = has_any or part.point is not None
        is_ranged = (is_ranged or number == 0) and part.low is not None and part.high is not None
        if part.point is not None and part.low is not None and part.high is not None:
            below += ((part.point - part.low) * value) ** 2
            above += ((part.high - part.point) * value) ** 2
    if not has_any:
        return _unknown(charged)
    if not is_ranged:
        return Estimate(charged, point, None, None)
    low, high = (_rounded_root(square) for square in (below, above))
    return Estimate(charged, point, max(charged, point - low), point + high)


def _rounded_root(square: Decimal) -> Decimal:
    return square.sqrt().quantize(_ROUNDED)


def _tests_of(parts: Sequence[tuple[AccountForecast, Decimal]]) -> tuple[MonthTest, ...]:
    """Return the tests of the sum, of the months in which each part has one."""
    tested = [(part, value) for part, value in parts if part.tests]
    if not tested:
        return ()
    found = []
    for month in (test.month for test in tested[0][0].tests):
        of_month = [
            (test, value) for part, value in tested for test in part.tests if test.month == month
        ]
        if len(of_month) == len(tested):
            forecast = sum((test.forecast * value for test, value in of_month), _NOTHING)
            actual = sum((test.actual * value for test, value in of_month), _NOTHING)
            found.append(MonthTest(month, forecast, actual))
    return tuple(found)


def _unknown(charged: Decimal) -> Estimate:
    return Estimate(charged, None, None, None)


def _too_few(days: int, of_what: str) -> str | None:
    if days >= LEAST_DAYS:
        return None
    return f"too little history: {days} of at least {LEAST_DAYS} {of_what}"


def _around(so_far: Decimal, rest: Decimal, days: Days, left: int, reason: str | None) -> Estimate:
    rest = max(rest, _NOTHING).quantize(_ROUNDED)
    point = so_far + rest
    if reason is not None:
        return Estimate(so_far, point, None, None)
    low, high = _range(rest, usual(days, left), spread(days, 0, left))
    return Estimate(so_far, point, so_far + low, so_far + high)


def _range(
    expected: Decimal, usually: Decimal, errors: tuple[Decimal, Decimal]
) -> tuple[Decimal, Decimal]:
    whole = max(expected, usually)
    low, high = ((expected + whole * error).quantize(_ROUNDED) for error in errors)
    return max(_NOTHING, low), max(expected, high)


def _fees_to_come(
    fees: Mapping[dt.date, Decimal], after: dt.date, month: dt.date, end: dt.date
) -> Decimal:
    """Return the plan fees of the last month that the rest of this one has not seen yet."""
    before = (month - _DAY).replace(day=1)
    start = max(after, month)
    due = sum(
        (fee for day, fee in fees.items() if before <= day < month and day.day >= start.day),
        _NOTHING,
    )
    if start >= end:
        return _NOTHING
    return max(_NOTHING, due - _between(fees, start, end))


def _between(amounts: Mapping[dt.date, Decimal], start: dt.date, end: dt.date) -> Decimal:
    return sum((amount for day, amount in amounts.items() if start <= day < end), _NOTHING)


def _days(start: dt.date, end: dt.date) -> Iterator[dt.date]:
    return (start + number * _DAY for number in range((end - start).days))


def _next_month(day: dt.date) -> dt.date:
    return (day.replace(day=1) + 32 * _DAY).replace(day=1)

"""Predict what follows a series of daily amounts, and how far off such predictions have been.

A level that follows the last days, a factor for each weekday, a damped trend of the weekly means,
and fees that came on the same day of the last two months. One day that is far above the usual
changes little; two in a row are a new level.

The range is that of past errors: the same prediction is made for earlier days, from what was known
then, and compared with what followed. It holds 8 of 10 outcomes if the future is like the past.
`python -m benchmarks.forecast` measures both on simulated months.
"""

import calendar
import datetime as dt
import functools
import math
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

LEAST_DAYS = 21
"""Complete days below which there is no forecast: of fewer, no range can be tested."""
HISTORY_DAYS = 182
"""Days of the past that are used, at most."""
MOST_TESTS = 5

_DAY = dt.timedelta(days=1)
_NOTHING = Decimal()
_ROUNDED = Decimal("0.000001")
_WEEK = 7
_TRAINING_DAYS = 14
_WINDOW_DAYS = 56
_MOST_ORIGINS = 45
_ORIGINS_WITHIN_DAYS = 120
_HALF_LIFE_DAYS = 4
_LEVEL_DAYS = 28
_OUTLIER = 3.0
"""A day that is so many times the usual one counts as this much, unless the next is like it."""
_FEE = 4.0
"""A day that is so many times the usual one, and not like its neighbours, may be a monthly fee."""
_DAMPING = 0.98
"""Part of a trend that is left the day after."""
_STEEPEST = 0.03
"""Growth a day."""
_CERTAINTY = 1.5
"""Standard errors below which a trend is not one."""
_LOW, _HIGH = 0.1, 0.9
_FEW_TESTS = 0.5
"""By how much a range is widened that comes from a single stretch of the past."""


class Days(NamedTuple):
    """Amounts of consecutive complete days.

    Attributes:
        first: The first day.
        amounts: One for each day.
        live: Whether they are rates: the last one is the forecast for all days after it.
    """

    first: dt.date
    amounts: tuple[Decimal, ...]
    live: bool = False


class MonthTest(NamedTuple):
    """A forecast of a past month, made from what was known with as many days left as now.

    Attributes:
        month: Its first day.
        forecast: What it would have been.
        actual: What the month has cost.
    """

    month: dt.date
    forecast: Decimal
    actual: Decimal


@functools.lru_cache(maxsize=512)
def predicted(days: Days, horizon: int) -> tuple[Decimal, ...]:
    """Return the forecast for each of the next `horizon` days."""
    predict = _predictor(days)
    return tuple(
        Decimal(amount).quantize(_ROUNDED) for amount in predict(len(days.amounts), horizon)
    )


@functools.lru_cache(maxsize=512)
def spread(days: Days, start: int, stop: int) -> tuple[Decimal, Decimal]:
    """Return how far forecasts of the sum of the days [start, stop) after the last were off.

    Returns:
        The 10 % and 90 % quantiles of the error, at most and at least 0, as a part of the forecast
        or of `usual`, whichever is more.
    """
    amounts = [float(amount) for amount in days.amounts]
    predict = _predictor(days)
    count = len(amounts)
    if stop <= start:
        return _NOTHING, _NOTHING
    # Half of what is left after training: a range needs more than one stretch of the past.
    reach = min(stop, max(1, (count - _TRAINING_DAYS) // 2))
    skipped = min(start, reach - 1) if reach == stop else start * reach // max(stop, 1)
    oldest = max(_TRAINING_DAYS, count - _ORIGINS_WITHIN_DAYS)
    origins = range(count - reach, oldest - 1, -max(1, (count - reach - oldest) // _MOST_ORIGINS))
    errors = []
    for origin in origins:
        forecast = math.fsum(predict(origin, reach)[skipped:])
        actual = math.fsum(amounts[origin + skipped : origin + reach])
        whole = max(forecast, _usual(amounts[:origin], reach - skipped))
        errors.append((actual - forecast) / whole if whole > 0 else 0.0)
    errors.sort()
    independent = max(1.0, len(errors) / (reach - skipped))
    widened = math.sqrt(stop / reach) * (1 + _FEW_TESTS / independent)
    low, high = (_quantile(errors, part) * widened for part in (_LOW, _HIGH))
    return (
        min(_NOTHING, Decimal(low).quantize(_ROUNDED)),
        max(_NOTHING, Decimal(high).quantize(_ROUNDED)),
    )


def usual(days: Days, count: int) -> Decimal:
    """Return what so many days have cost on average, lately; of rates 0."""
    if days.live:
        return _NOTHING
    amounts = [float(amount) for amount in days.amounts[-_WINDOW_DAYS:]]
    return Decimal(_usual(amounts, count)).quantize(_ROUNDED)


@functools.lru_cache(maxsize=512)
def month_tests(days: Days, left: int) -> tuple[MonthTest, ...]:
    """Return forecasts of past months with `left` days to come, the latest month first."""
    predict = _predictor(days)
    found: list[MonthTest] = []
    end = (days.first + len(days.amounts) * _DAY).replace(day=1)
    while len(found) < MOST_TESTS:
        month = (end - _DAY).replace(day=1)
        start, stop = (month - days.first).days, (end - days.first).days
        origin = stop - left
        if start < 0 or origin < _TRAINING_DAYS or left < 1:
            break
        rest = predict(origin, left)[max(0, start - origin) :]
        known = sum(days.amounts[start : max(start, origin)], _NOTHING)
        actual = sum(days.amounts[start:stop], _NOTHING)
        forecast = known + Decimal(math.fsum(rest)).quantize(_ROUNDED)
        length = stop - start
        found.append(
            MonthTest(month, forecast / length, actual / length)
            if days.live
            else MonthTest(month, forecast, actual)
        )
        end = month
    return tuple(found)


def _usual(amounts: Sequence[float], count: int) -> float:
    lately = amounts[-_WINDOW_DAYS:]
    return math.fsum(lately) / len(lately) * count


def _predictor(days: Days) -> Callable[[int, int], list[float]]:
    """Return what forecasts the days from a number on, from those before it."""
    amounts = [float(amount) for amount in days.amounts]
    if days.live:
        return lambda origin, horizon: [amounts[origin - 1]] * horizon
    fees = _monthly_fees(amounts)
    regular = [amount - fees.get(number, 0.0) for number, amount in enumerate(amounts)]
    number_of = {days.first + number * _DAY: number for number in range(len(amounts) + 62)}

    def fee_of(number: int, origin: int) -> float:
        """Return the fee that came on that day of both months before, if it did."""
        if not fees:
            return 0.0
        day = days.first + number * _DAY
        last = _month_before(day)
        earlier = _month_before(last) if last else None
        if last is None or earlier is None:
            return 0.0
        seen = [number_of.get(it, origin) for it in (last, earlier)]
        if any(it >= origin - 1 or it not in fees for it in seen):
            return 0.0
        return fees[seen[0]]

    def predict(origin: int, horizon: int) -> list[float]:
        known = regular[max(0, origin - _WINDOW_DAYS) : origin]
        # Whether the last day is apart from its neighbours is known only on the day after.
        last = origin - 1
        known[-1] = amounts[last] - min(fee_of(last, last), max(amounts[last], 0.0))
        weekday = (days.first + (origin - len(known)) * _DAY).weekday()
        following = _regular(known, weekday, horizon)
        return [amount + fee_of(origin + number, origin) for number, amount in enumerate(following)]

    return predict


def _monthly_fees(amounts: Sequence[float]) -> dict[int, float]:
    """Return by how much days are above the usual that are not like their neighbours."""
    found = {}
    for number in range(_WEEK, len(amounts) - 1):
        amount = amounts[number]
        usual = _median(amounts[max(0, number - _LEVEL_DAYS) : number])
        alike = [amounts[it] for it in range(number - _WEEK, max(-1, number - 22), -_WEEK)]
        near = max(usual * _FEE, 2 * amounts[number + 1], 2 * max(alike, default=0.0))
        if amount > 0 and amount > near:
            found[number] = amount - max(usual, 0.0)
    return found


def _regular(known: Sequence[float], weekday: int, horizon: int) -> list[float]:
    """Return the days that follow `known`, whose first one is a `weekday`."""
    count = len(known)
    start = count % _WEEK
    weeks = [math.fsum(known[it : it + _WEEK]) / _WEEK for it in range(start, count, _WEEK)]
    factors = _weekdays(known[start:], weekday + start, weeks)
    expected = [factors[(weekday + number) % _WEEK] for number in range(count + horizon)]
    highest = _OUTLIER * _median(weeks[-4:])
    # Two days in a row are not an outlier but a new level.
    highest = max(highest, min(known[-1] / expected[count - 1], known[-2] / expected[count - 2]))
    growth = _growth(weeks)
    spent = weight = 0.0
    for age in range(min(count, _LEVEL_DAYS)):
        number = count - 1 - age
        share = 0.5 ** (age / _HALF_LIFE_DAYS)
        grown = math.exp(growth * age)
        spent += share * min(known[number], highest * expected[number]) * grown
        weight += share * expected[number]
    level = max(0.0, spent / weight)
    grown = 0.0
    found = []
    for number in range(count, count + horizon):
        growth *= _DAMPING
        grown += growth
        found.append(level * math.exp(grown) * expected[number])
    return found


def _weekdays(whole_weeks: Sequence[float], weekday: int, weeks: Sequence[float]) -> list[float]:
    """Return what part of the mean day each weekday is, Monday first, drawn a little towards 1."""
    usual = math.fsum(weeks) / len(weeks)
    if usual <= 0:
        return [1.0] * _WEEK
    factors = [1.0] * _WEEK
    for day in range(_WEEK):
        spent = math.fsum(max(0.0, amount) for amount in whole_weeks[day::_WEEK])
        factors[(weekday + day) % _WEEK] = (spent + usual) / (usual * (len(weeks) + 1))
    mean = math.fsum(factors) / _WEEK
    return [max(factor / mean, 0.02) for factor in factors]


def _growth(weeks: Sequence[float]) -> float:
    """Return the growth a day of the weekly means; 0 where it may be chance."""
    count = len(weeks)
    if count < 3 or min(weeks) <= 0:  # noqa: PLR2004 - a line through two points fits always
        return 0.0
    logs = [math.log(week) for week in weeks]
    middle, mean = (count - 1) / 2, math.fsum(logs) / count
    square = math.fsum((number - middle) ** 2 for number in range(count))
    slope = math.fsum((it - middle) * (log - mean) for it, log in enumerate(logs)) / square
    rest = math.fsum(
        (log - mean - slope * (number - middle)) ** 2 for number, log in enumerate(logs)
    )
    error = rest / (count - 2) / square
    certain = 1.0 - _CERTAINTY**2 * error / slope**2 if slope else 0.0
    return max(-_STEEPEST, min(_STEEPEST, slope * max(0.0, certain) / _WEEK))


def _month_before(day: dt.date) -> dt.date | None:
    """Return the same day of the month before; `None` where that has none."""
    last = day.replace(day=1) - _DAY
    return (
        last.replace(day=day.day)
        if day.day <= calendar.monthrange(last.year, last.month)[1]
        else None
    )


def _median(amounts: Iterable[float]) -> float:
    ordered = sorted(amounts)
    if not ordered:
        return 0.0
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _quantile(ordered: Sequence[float], part: float) -> float:
    """Return a quantile of a sample, as far out as its size allows."""
    place = part * (len(ordered) + 1) - 1
    below = max(0, min(len(ordered) - 1, math.floor(place)))
    above = min(len(ordered) - 1, below + 1)
    return ordered[below] + (ordered[above] - ordered[below]) * max(0.0, min(1.0, place - below))

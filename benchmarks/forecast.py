"""How far off forecasts of simulated months are, and how many months end inside their range.

Each kind of account is simulated anew for each of 60 seeds: six months of history, or 40 or 21 days
of it, then a month that is forecast with 25, 15 and 5 days left. The error is the mean absolute
difference to what the whole month cost, as a part of it. Beside it stands that of the month to date
extended evenly, which is what most consoles show. Nothing here measures time.
Run: `python -m benchmarks.forecast`.
"""

import calendar
import datetime as dt
import math
import random
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from benchmarks.report import Row, print_table
from costmon.domain.forecast import Charged, charged_forecast

SEEDS = 60
FIRST_SEED = 1_000
LEFT = (25, 15, 5)
HISTORIES = (180, 40, 21)
LEAST_COVERED = 0.65
_DAY = dt.timedelta(days=1)
_WEEKEND = 5
_PAST_DAYS = 180


class Kind(NamedTuple):
    """How an account spends.

    Attributes:
        spent: Returns the amount of a day: of its number from the first of the month (before it
            below 0), its date, and chance.
        least_history: From how many known days on 65 % of the months must end inside the range;
            `None`: they cannot, because nothing before it tells of what happens.
        lag: Days after which a day is complete.
    """

    spent: Callable[[int, dt.date, random.Random], float]
    least_history: int | None = 21
    lag: int = 1


def _noise(rng: random.Random, sigma: float) -> float:
    return math.exp(rng.gauss(0, sigma) - sigma * sigma / 2)


def _weekly(day: dt.date) -> float:
    return 10 * (1.0 if day.weekday() < _WEEKEND else 0.55)


KINDS = {
    "even": Kind(lambda _, __, rng: 10 * _noise(rng, 0.05)),
    "weekly": Kind(lambda _, day, rng: _weekly(day) * _noise(rng, 0.12)),
    "weekly, three days late": Kind(lambda _, day, rng: _weekly(day) * _noise(rng, 0.12), lag=3),
    "grows 1 % a day": Kind(lambda no, day, rng: _weekly(day) * 1.01**no * _noise(rng, 0.12)),
    "falls 1 % a day": Kind(lambda no, day, rng: _weekly(day) * 0.99**no * _noise(rng, 0.12)),
    "noisy": Kind(lambda _, day, rng: _weekly(day) * _noise(rng, 0.6)),
    "spikes": Kind(
        lambda _, day, rng: _weekly(day) * _noise(rng, 0.12) * (8 if rng.random() < 0.02 else 1)
    ),
    "one job a week": Kind(
        lambda _, day, rng: 70 * _noise(rng, 0.1) if day.weekday() == 2 else 0.0
    ),
    "fee on the 20th": Kind(
        lambda _, day, rng: _weekly(day) * _noise(rng, 0.12) + (100 if day.day == 20 else 0),
        # Which needs two months before.
        least_history=180,
    ),
    "x1.8 from the 10th on": Kind(
        lambda no, day, rng: _weekly(day) * _noise(rng, 0.12) * (1.8 if no >= 9 else 1),
        least_history=None,
    ),
}


class Result(NamedTuple):
    """Of one kind and number of days left, over all seeds."""

    error: float
    extended: float
    covered: float


def main() -> list[Row]:
    """Measure and return the rows of the table."""
    rows = []
    for history in HISTORIES:
        for name, kind in KINDS.items():
            found = [measure(name, kind, history, left) for left in LEFT]
            covered = sum(it.covered for it in found) / len(found)
            has_goal = kind.least_history is not None and history >= kind.least_history
            rows.append(
                Row(
                    f"{name}, {history} days known",
                    " / ".join(f"{it.error:.1%}" for it in found),
                    f">= {LEAST_COVERED:.0%} covered" if has_goal else "-",
                    met=not has_goal or covered >= LEAST_COVERED,
                    note=f"covered {covered:.0%}; month to date extended: "
                    + " / ".join(f"{it.extended:.1%}" for it in found),
                )
            )
    return rows


def measure(name: str, kind: Kind, history: int, left: int) -> Result:
    """Forecast the month of one kind, with so many days left."""
    errors, extended, covered = [], [], []
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        rng = random.Random(f"{name} {seed}")
        month = dt.date(2026, 1 + rng.randrange(12), 1)
        length = calendar.monthrange(month.year, month.month)[1]
        today = month + (length - left) * _DAY
        amounts = {
            month + number * _DAY: Decimal(
                round(kind.spent(number, month + number * _DAY, rng), 6)
            ).quantize(Decimal("0.000001"))
            for number in range(-_PAST_DAYS, length)
        }
        complete = today - kind.lag * _DAY
        known = Charged(
            account="a",
            provider="a",
            currency="USD",
            first=complete - (history - 1) * _DAY,
            complete=complete,
            varying={day: amount for day, amount in amounts.items() if day <= complete},
            fees={},
        )
        actual = sum((it for day, it in amounts.items() if day >= month), Decimal())
        so_far = sum((it for day, it in amounts.items() if month <= day < today), Decimal())
        estimate = charged_forecast(known, month, today).month
        assert estimate.point is not None
        assert estimate.low is not None
        assert estimate.high is not None
        errors.append(float(abs(estimate.point - actual) / actual))
        covered.append(estimate.low <= actual <= estimate.high)
        even = so_far / (length - left) * length
        extended.append(float(abs(even - actual) / actual))
    return Result(
        sum(errors) / len(errors), sum(extended) / len(extended), sum(covered) / len(covered)
    )


if __name__ == "__main__":
    print_table(main())

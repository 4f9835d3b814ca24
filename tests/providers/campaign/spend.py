"""What simulated vendors charge by day and service, and what they count by the hour.

Some charges are stated late, some are restated; what is counted stays.
"""

import datetime as dt
import functools
import random
from collections.abc import Iterator
from decimal import Context, Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

EXACT = Context(prec=200)
DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
_LONGEST_DAY = 25


class Item(NamedTuple):
    """What one service costs on one day, and what is said of it before that is right."""

    service: str
    amount: Decimal
    stated_after: dt.timedelta
    first_amount: Decimal
    right_after: dt.timedelta


class Spend:
    """The charges of all vendors from a day on; the same seed gives the same charges."""

    def __init__(self, seed: int, first: dt.date) -> None:
        self.seed = seed
        self.first = first

    def items(
        self, vendor: str, day: dt.date, now: dt.datetime, places: int, zone: str = "UTC"
    ) -> dict[str, Decimal]:
        """Return what the vendor says at `now` that each service cost on a day."""
        over = now - _midnight(day + DAY, zone)
        return {
            one.service: one.amount if over >= one.right_after else one.first_amount
            for one in self._drawn(vendor, day, places)
            if over >= one.stated_after
        }

    def days(
        self, vendor: str, now: dt.datetime, places: int, zone: str = "UTC"
    ) -> Iterator[tuple[dt.date, dict[str, Decimal]]]:
        """Return all days of which something is stated."""
        day = self.first
        while _midnight(day + DAY, zone) <= now:
            yield day, self.items(vendor, day, now, places, zone)
            day += DAY

    def month(
        self, vendor: str, month: dt.date, now: dt.datetime, places: int
    ) -> dict[str, Decimal]:
        """Return what each service cost in a month, as far as it is stated."""
        sums: dict[str, Decimal] = {}
        for day, items in self.days(vendor, now, places):
            if day.replace(day=1) == month:
                for service, amount in items.items():
                    sums[service] = EXACT.add(sums.get(service, Decimal(0)), amount)
        return sums

    def months(self, now: dt.datetime) -> list[dt.date]:
        """Return the first days of the months, the running one last."""
        found = [self.first.replace(day=1)]
        while (following := (found[-1] + 32 * DAY).replace(day=1)) <= now.date():
            found.append(following)
        return found

    def total(self, vendor: str, now: dt.datetime, places: int, zone: str = "UTC") -> Decimal:
        """Return the sum of everything that is stated at `now`, exact."""
        total = Decimal(0)
        for _, items in self.days(vendor, now, places, zone):
            for amount in items.values():
                total = EXACT.add(total, amount)
        return total

    def count(self, meter: str, day: dt.date, now: dt.datetime, zone: str = "UTC") -> int:
        """Return what a meter has counted of a day at `now`, in whole hours."""
        hours = int((now - _midnight(day, zone)) / HOUR)
        return sum(self.by_hour(meter, day)[: max(0, hours)])

    def counts(self, meter: str, now: dt.datetime) -> dict[dt.date, int]:
        """Return what a meter has counted on each day since the month, or the vendors, began."""
        day = max(self.first, now.date().replace(day=1))
        days = [day + number * DAY for number in range((now.date() - day).days + 1)]
        return {one: self.count(meter, one, now) for one in days}

    def month_count(self, meter: str, now: dt.datetime) -> int:
        """Return what a meter has counted since the UTC month, or the vendors, began."""
        return sum(self.counts(meter, now).values())

    @functools.cache  # noqa: B019 - a campaign is one process
    def by_hour(self, meter: str, day: dt.date) -> tuple[int, ...]:
        """Return what a meter counts in each hour of a day; nothing before the vendors began."""
        if day < self.first:
            return (0,) * _LONGEST_DAY
        rng = random.Random(f"{self.seed}/{meter}/{day}")
        return tuple(rng.randrange(1_000) for _ in range(_LONGEST_DAY))

    @functools.cache  # noqa: B019 - a campaign is one process
    def _drawn(self, vendor: str, day: dt.date, places: int) -> tuple[Item, ...]:
        rng = random.Random(f"{self.seed}/{vendor}/{day}")
        return tuple(
            Item(
                service=f"service {letter}",
                amount=(amount := Decimal(rng.randrange(1, 10 ** (places + 1))).scaleb(-places)),
                stated_after=dt.timedelta(hours=rng.choice((0, 0, 0, 9, 30))),
                first_amount=rng.choice((amount, amount, Decimal(1).scaleb(-places))),
                right_after=dt.timedelta(hours=rng.choice((20, 40))),
            )
            for letter in "abc"[: rng.randrange(1, 4)]
        )


def _midnight(day: dt.date, zone: str) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), ZoneInfo(zone)).astimezone(dt.UTC)

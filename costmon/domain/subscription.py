"""What is paid at a fixed price that no API reports: subscriptions, trials, prepaid balances.

Days are calendar days; when in the day something is charged is not known.
"""

import calendar
import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from costmon.domain.money import shown_exact

Per = Literal["week", "month", "year", "once"]
ReminderKind = Literal["start", "renewal", "cancel", "end"]

REMIND_YEARLY_DAYS = 14
REMIND_DAYS = 7
_WEEK = dt.timedelta(days=7)
_LONGEST_DAYS = 3653
_MONTHS = {"month": 1, "year": 12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One `[[manual]]` of costmon.toml.

    Attributes:
        name: What it is, unique within the vendor.
        provider: The vendor's slug, which need not be one that costmon can read.
        service: What is paid for.
        amount: What is charged each time, major units.
        currency: ISO 4217, upper case.
        per: How often.
        since: The first day on which it may be charged; `None`: it has always been.
        until: The day it ends: nothing is charged from that day on; `None`: it goes on.
        renews_on: A day on which it is charged, past or future; `None`: `since` is one, and without
            either the first of the month.
        cancel_by: The last day to cancel, or so many days before the next charge.
        remind_days: How many days before people are told; `None`: 14 for a year, otherwise 7 for
            `cancel_by`, `since` and `until`, and not for what is charged again.
        balance: What was paid in advance, in `currency`.
        used: How much of it is used.
        used_on: When `used` was seen; `None`: nobody knows.
        note: For people.
    """

    name: str
    provider: str
    service: str
    amount: Decimal
    currency: str
    per: Per
    since: dt.date | None = None
    until: dt.date | None = None
    renews_on: dt.date | None = None
    cancel_by: dt.date | int | None = None
    remind_days: int | None = None
    balance: Decimal | None = None
    used: Decimal | None = None
    used_on: dt.date | None = None
    note: str | None = None

    def charged_on(self, start: dt.date, end: dt.date) -> Iterator[dt.date]:
        """Return the days in [start, end) on which it is charged, the first one first."""
        start = max(start, self.since or start)
        end = min(end, self.until or end)
        if self.per == "once":
            if self.since is not None and start <= self.since < end:
                yield self.since
            return
        day = self._from(start)
        while day < end:
            yield day
            day = self._from(day + dt.timedelta(days=1))

    def next_charge(self, today: dt.date) -> dt.date | None:
        """Return the next day on which it is charged, today included; `None`: never again."""
        # Within a year and a day there is one, unless it begins later.
        later = max(today, self.since or today)
        return next(self.charged_on(today, later + dt.timedelta(days=367)), None)

    @property
    def balance_left(self) -> Decimal | None:
        """Return what is left of `balance`, never less than nothing; `None` when nobody knows."""
        if self.balance is None or self.used is None:
            return None
        return max(self.balance - self.used, Decimal())

    @property
    def exhausted_on(self) -> dt.date | None:
        """Return when `balance` is used up at the average rate between `since` and `used_on`.

        `None` when one of them is missing, nothing is used yet, or it takes more than ten years.
        """
        if not self.balance or not self.used or self.since is None or self.used_on is None:
            return None
        days = (self.used_on - self.since).days * self.balance / self.used
        return self.since + dt.timedelta(days=int(days)) if 0 < days < _LONGEST_DAYS else None

    def _from(self, day: dt.date) -> dt.date:
        """Return the first day of the regular ones that is not before `day`."""
        anchor = self.renews_on or self.since or dt.date(2000, 1, 1)
        if self.per == "week":
            return day + (anchor - day) % _WEEK
        step = _MONTHS[self.per]
        months = (day.year - anchor.year) * 12 + day.month - anchor.month
        count = months // step * step
        found = add_months(anchor, count)
        return found if found >= day else add_months(anchor, count + step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """Something that people should know in time.

    Attributes:
        subscription: Of what.
        kind: `start`: it begins to cost, such as after a trial; `renewal`: it is charged again;
            `cancel`: the last day to cancel; `end`: it ends.
        due: The day it is about.
        days_left: Days from today until then.
        text: What to know and to do, in a sentence or two.
    """

    subscription: Subscription
    kind: ReminderKind
    due: dt.date
    days_left: int
    text: str


def reminders(subscriptions: Iterable[Subscription], today: dt.date) -> tuple[Reminder, ...]:
    """Return what is due today or soon, the nearest first."""
    found = [reminder for one in subscriptions for reminder in _due(one, today)]
    return tuple(
        sorted(found, key=lambda it: (it.due, it.subscription.provider, it.subscription.name))
    )


def add_months(day: dt.date, months: int) -> dt.date:
    """Return the same day so many months later; the last one of a month that is too short."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _due(one: Subscription, today: dt.date) -> Iterator[Reminder]:
    what = f"{one.name} ({one.provider})"
    price = f"{shown_exact(one.amount)} {one.currency}"

    def reminder(kind: ReminderKind, due: dt.date, text: str) -> Reminder:
        left = (due - today).days
        return Reminder(subscription=one, kind=kind, due=due, days_left=left, text=text)

    def is_near(due: dt.date, default_days: int | None) -> bool:
        days = default_days if one.remind_days is None else one.remind_days
        return days is not None and 0 <= (due - today).days <= days

    def on(due: dt.date) -> str:
        return f"{due.day} {due:%B}" if due.year == today.year else f"{due.day} {due:%B %Y}"

    is_yearly = one.per == "year"
    charge = one.next_charge(today)
    deadline = _deadline(one, charge)
    if charge is not None and charge == one.since:
        usual = None if one.per == "once" else REMIND_YEARLY_DAYS if is_yearly else REMIND_DAYS
        if is_near(charge, usual):
            verb = "costs" if one.per == "once" else "begins to cost"
            text = f"{what} {verb} {price} on {on(charge)}"
            yield reminder("start", charge, f"{text}{_advice(deadline, today, on)}.")
    elif charge is not None and is_near(charge, REMIND_YEARLY_DAYS if is_yearly else None):
        text = f"{what} renews on {on(charge)} for {price}"
        yield reminder("renewal", charge, f"{text}{_advice(deadline, today, on)}.")
    if deadline is not None and is_near(deadline, REMIND_DAYS):
        after = f", or {price} is charged on {on(charge)}" if charge is not None else ""
        yield reminder("cancel", deadline, f"Cancel {what} by {on(deadline)}{after}.")
    if one.until is not None and is_near(
        one.until, REMIND_YEARLY_DAYS if is_yearly else REMIND_DAYS
    ):
        yield reminder("end", one.until, f"{what} ends on {on(one.until)}.")


def _advice(deadline: dt.date | None, today: dt.date, on: Callable[[dt.date], str]) -> str:
    if deadline is None:
        return "; cancel before then if you no longer need it"
    if deadline >= today:
        return f"; cancel by {on(deadline)} if you no longer need it"
    return "; the last day to cancel has passed"


def _deadline(one: Subscription, charge: dt.date | None) -> dt.date | None:
    if isinstance(one.cancel_by, int):
        return None if charge is None else charge - dt.timedelta(days=one.cancel_by)
    return one.cancel_by

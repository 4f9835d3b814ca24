"""Questions to the ledger of charges, and its answers.

Accounts, providers, currencies and bases are never added up here: every figure says which it is of.
Days are the vendor's days; `ChargeFreshness.day_zone` says which zone they are of.
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from costmon.domain.charge import Intake
from costmon.domain.resource import Basis, Gap

ChargeGroup = Literal["account", "service", "project", "category", "day", "month"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeQuery:
    """What is asked.

    Attributes:
        start: First day inside.
        end: First day after it.
        group_by: What each row is about, within account, currency and basis; `account`: nothing
            further.

    Raises:
        ValueError: `end` lies before `start`.
    """

    start: dt.date
    end: dt.date
    group_by: ChargeGroup

    def __post_init__(self) -> None:
        if self.end < self.start:
            msg = f"a period cannot end ({self.end}) before it starts ({self.start})"
            raise ValueError(msg)


def month_to_date(today: dt.date, group_by: ChargeGroup) -> ChargeQuery:
    """Ask for the month of `today`, from its first day to `today`, both included."""
    return ChargeQuery(
        start=today.replace(day=1), end=today + dt.timedelta(days=1), group_by=group_by
    )


def twelve_months(today: dt.date) -> ChargeQuery:
    """Ask for the month of `today` up to `today` and the eleven months before, by month."""
    start = dt.date(today.year - 1, today.month, 1)
    following = (start + dt.timedelta(days=32)).replace(day=1)
    return ChargeQuery(start=following, end=today + dt.timedelta(days=1), group_by="month")


class ChargeTotal(NamedTuple):
    """What the charges of one group add up to, from the daily roll-ups.

    A named tuple: an answer may have thousands, and a frozen dataclass takes five times as long.

    Attributes:
        group: The value of `group_by`: service, project id ("-": of no project), category, ISO day,
            first ISO day of the month, or the account.
        account: The account's name.
        provider: The vendor's slug.
        currency: ISO 4217.
        basis: What kind of number `billed` is.
        label: `group` as people know it: the project's name, where the vendor gives one.
        billed: What is invoiced.
        effective: Amortised, after discounts.
        charge_count: How many rows of the ledger it is made of.
    """

    group: str
    account: str
    provider: str
    currency: str
    basis: Basis
    label: str
    billed: Decimal
    effective: Decimal
    charge_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Restatement:
    """By how much a day changed after the vendor had called it complete.

    Attributes:
        account: The account's name.
        provider: The vendor's slug.
        day: The vendor's day that changed.
        service: The vendor's service.
        project: The project's id; "-" when it is of no project.
        currency: ISO 4217.
        billed_delta: What is invoiced now minus what was, over all categories and bases.
        effective_delta: The same of the effective cost.
        observed_at: When the changed figure was read, aware UTC.
    """

    account: str
    provider: str
    day: dt.date
    service: str
    project: str
    currency: str
    billed_delta: Decimal
    effective_delta: Decimal
    observed_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWindow:
    """A span of time whose charges have been read; one that a later one covers is not kept.

    Attributes:
        account: The account's name.
        provider: The vendor's slug.
        start: First instant that was asked for, aware UTC.
        end: First instant that was not.
        intake: How it was taken in.
        observed_at: When the read began, aware UTC.
        complete_through: Before this instant the vendor adds only corrections; `None` when it has
            never said.
        day_zone: IANA zone of the vendor's days.
        charge_count: How many rows the answer had.
        gaps: What the credential or plan could not see.
    """

    account: str
    provider: str
    start: dt.datetime
    end: dt.datetime
    intake: Intake
    observed_at: dt.datetime
    complete_through: dt.datetime | None
    day_zone: str
    charge_count: int
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeFreshness:
    """How much of an account's charges is known.

    Attributes:
        account: The account's name.
        provider: The vendor's slug.
        observed_at: When they were last read, aware UTC.
        known_since: Start of the earliest window, aware UTC.
        complete_through: Before this instant the vendor adds only corrections; `None` when it has
            never said.
        last_complete_day: The last of the vendor's days that ends by then; `None` as above.
        day_zone: IANA zone of the vendor's days.
        gaps: What the last read could not see.
    """

    account: str
    provider: str
    observed_at: dt.datetime
    known_since: dt.datetime
    complete_through: dt.datetime | None
    last_complete_day: dt.date | None
    day_zone: str
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteDay:
    """The last complete day of one account.

    Attributes:
        account: The account's name.
        provider: The vendor's slug.
        day: The vendor's day.
        totals: What it cost by service; nothing was charged when there are none.
    """

    account: str
    provider: str
    day: dt.date
    totals: tuple[ChargeTotal, ...]


class PastRate(NamedTuple):
    """What the live resources of an account cost on one past day.

    Attributes:
        account: The account's name.
        day: The UTC day.
        monthly: The average run-rate of the day in US dollars, as a month's cost.
    """

    account: str
    day: dt.date
    monthly: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCharges:
    """What taking in one window changed.

    Attributes:
        account: The account's name.
        provider: The vendor's slug.
        added: Rows that were not there.
        changed: Rows whose content differs now; what they were is kept as a revision.
        vanished: Rows that a replaced window no longer has; kept as a revision.
        unchanged: Rows that were the same already.
        outdated: Rows that were not taken, for a later read of the same time had been recorded.
        restatements: Complete days that cost something else now.
    """

    account: str
    provider: str
    added: int
    changed: int
    vanished: int
    unchanged: int
    outdated: int
    restatements: tuple[Restatement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeOverview:
    """Everything about charges that is kept in memory, for the start and after each window.

    Attributes:
        today: Which month is the present one.
        by_service: The month to date.
        by_project: The month to date.
        by_day: The month to date.
        by_month: The last twelve months, the present one included.
        last_days: The last complete day of each account that has one.
        restatements: Lately, newest first.
        freshness: Of every account that was ever read.
        past_days: Each day of the last half year, the present one included.
        past_rates: Each day of the same time on which an account's resources were observed.
    """

    today: dt.date
    by_service: tuple[ChargeTotal, ...]
    by_project: tuple[ChargeTotal, ...]
    by_day: tuple[ChargeTotal, ...]
    by_month: tuple[ChargeTotal, ...]
    last_days: tuple[CompleteDay, ...]
    restatements: tuple[Restatement, ...]
    freshness: tuple[ChargeFreshness, ...]
    past_days: tuple[ChargeTotal, ...] = ()
    past_rates: tuple[PastRate, ...] = ()

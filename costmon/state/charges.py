"""What the vendors have charged, as one published value, made of the ledger's roll-ups."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from costmon.domain.charge import ChargeWindow
from costmon.domain.charge_report import (
    ChargeFreshness,
    ChargeOverview,
    ChargeTotal,
    CompleteDay,
    PastRate,
    Restatement,
)
from costmon.domain.forecast import Forecast
from costmon.domain.period import month_of

RESTATED_LATELY = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeState:
    """Everything readers are told about charges.

    Accounts, providers, currencies and bases are kept apart: nothing here is added over them.

    Attributes:
        published_at: When it was made, aware UTC.
        is_loaded: Whether it was read from the ledger; `False`: nothing is known yet.
        today: The day, in people's time zone, whose month is the current one.
        by_service: The month to date.
        by_project: The month to date.
        by_day: The month to date.
        by_month: The last twelve months, the current one included.
        last_days: The last complete day of each account that has one.
        restatements: Of the last seven days, newest first.
        freshness: Of every account whose charges were ever read.
        past_days: Each day of the last half year, for the forecast.
        past_rates: What live resources cost on each day of it, for the forecast.
        forecast: What is forecast from all this; `None`: nothing is known yet.
    """

    published_at: dt.datetime
    is_loaded: bool
    today: dt.date
    by_service: tuple[ChargeTotal, ...]
    by_project: tuple[ChargeTotal, ...]
    by_day: tuple[ChargeTotal, ...]
    by_month: tuple[ChargeTotal, ...]
    last_days: tuple[CompleteDay, ...]
    restatements: tuple[Restatement, ...]
    freshness: tuple[ChargeFreshness, ...]
    past_days: tuple[ChargeTotal, ...]
    past_rates: tuple[PastRate, ...]
    forecast: Forecast | None


def nothing_known(now: dt.datetime, today: dt.date) -> ChargeState:
    """Return the state before the ledger has been read."""
    return ChargeState(
        published_at=now,
        is_loaded=False,
        today=today,
        by_service=(),
        by_project=(),
        by_day=(),
        by_month=(),
        last_days=(),
        restatements=(),
        freshness=(),
        past_days=(),
        past_rates=(),
        forecast=None,
    )


def charge_state(overview: ChargeOverview, now: dt.datetime) -> ChargeState:
    """Return what the ledger says as it is published, without a forecast."""
    return ChargeState(
        published_at=now,
        is_loaded=True,
        today=overview.today,
        by_service=overview.by_service,
        by_project=overview.by_project,
        by_day=overview.by_day,
        by_month=overview.by_month,
        last_days=overview.last_days,
        restatements=overview.restatements,
        freshness=overview.freshness,
        past_days=overview.past_days,
        past_rates=overview.past_rates,
        forecast=None,
    )


def without_entry(
    state: ChargeState, account: str, vendors: Collection[str], now: dt.datetime
) -> tuple[ChargeWindow, ...]:
    """Return windows that end this month's charges of vendors without a manual entry any more.

    What was written down is charged by nobody else: this month is what the file says, and earlier
    months are history.

    Args:
        state: What was charged.
        account: The account of the manual entries.
        vendors: Those that have one.
        now: Aware UTC.
    """
    month = month_of(now)
    gone = {
        total.provider
        for total in state.by_service
        if total.account == account and total.basis == "manual" and total.provider not in vendors
    }
    if month.start == now:
        return ()
    return tuple(
        ChargeWindow(
            account=account,
            provider=provider,
            observed_at=now,
            start=month.start,
            end=now,
            intake="replace",
            day_zone="UTC",
            charges=(),
            complete_through=None,
            gaps=(),
        )
        for provider in sorted(gone)
    )


def falls_to_zero(state: ChargeState, window: ChargeWindow) -> bool:
    """Return whether nothing is left of all that was charged in the months of a window.

    Vendors' endpoints stop in this way: they go on answering, and there are no rows, or all are 0.
    Manual entries are left out: people delete those.
    """
    if any(charge.billed_cost or charge.effective_cost for charge in window.charges):
        return False
    zone = ZoneInfo(window.day_zone)
    return any(
        (total.account, total.provider) == (window.account, window.provider)
        and total.basis != "manual"
        and (total.billed or total.effective)
        and _has_whole_month(window, dt.date.fromisoformat(total.group), zone)
        for total in state.by_month
    )


def _has_whole_month(window: ChargeWindow, first: dt.date, zone: ZoneInfo) -> bool:
    """Return whether a window has a month, or what there is of the current one."""
    following = (first + dt.timedelta(days=32)).replace(day=1)
    start, end = (dt.datetime.combine(day, dt.time(), zone) for day in (first, following))
    is_current = start <= window.observed_at < end
    return window.start <= start < window.end and (is_current or end <= window.end)


def on_day(state: ChargeState, today: dt.date) -> ChargeState:
    """Return the state on another day, for when the ledger cannot be asked at midnight.

    In a new month nothing is known to have been charged yet, which is not the same as 0: there are
    no rows. The twelve months lose the oldest one.
    """
    if today == state.today:
        return state
    if (today.year, today.month) == (state.today.year, state.today.month):
        return replace(state, today=today)
    oldest = dt.date(today.year - 1, today.month, 1).isoformat()
    return replace(
        state,
        today=today,
        by_service=(),
        by_project=(),
        by_day=(),
        by_month=tuple(total for total in state.by_month if total.group > oldest),
        forecast=None,
    )

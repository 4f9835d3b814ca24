"""Whether what is known is still true, and if not, since when and why."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from costmon.state.value import AccountState, Snapshot

ProviderState = Literal["up", "degraded", "blind", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Staleness:
    """Why something is not fresh.

    Attributes:
        since: When it ceased to be fresh, aware UTC.
        reason: In words, free of secrets.
    """

    since: dt.datetime
    reason: str


def account_staleness(account: AccountState, now: dt.datetime) -> Staleness | None:
    """Return why the account's figures are not fresh; `None` when they are.

    An account fails by its newest cycle, by the clock (a poller that says nothing at all), or has
    only what history remembers.
    """
    if account.failure is not None:
        since = account.failing_since or account.failure.failed_at
        return Staleness(since=since, reason=account.failure.message)
    if account.inventory is None:
        return Staleness(since=now, reason="the first poll has not finished yet")
    if account.restored:
        return Staleness(
            since=account.inventory.observed_at,
            reason="restored from history; the first poll since the start has not finished yet",
        )
    if account.fresh_until is not None and now > account.fresh_until:
        return Staleness(since=account.fresh_until, reason="no poll has finished for too long")
    return None


def staleness(snapshot: Snapshot, now: dt.datetime) -> Staleness | None:
    """Return why the totals are not fresh; one account's trouble is enough, and named."""
    found = [
        (account.name, stale)
        for account in snapshot.accounts
        if (stale := account_staleness(account, now)) is not None
    ]
    if not found:
        return None
    return Staleness(
        since=min(stale.since for _, stale in found),
        reason="; ".join(_named(name, stale.reason) for name, stale in found),
    )


def _named(account: str, reason: str) -> str:
    """Put the account before a reason; an account often has its vendor's name, which is there."""
    return reason if reason.startswith(f"{account}:") else f"{account}: {reason}"


def account_state(account: AccountState, now: dt.datetime) -> ProviderState:
    """Sum an account up in a word.

    `up`: read as planned. `degraded`: the last good figures are shown because newer ones could not
    be had. `blind`: there are no figures, and the newest attempt failed. `off`: not polled yet.
    """
    if account.inventory is None:
        return "off" if account.failure is None else "blind"
    return "up" if account_staleness(account, now) is None else "degraded"


def age_s(observed_at: dt.datetime, now: dt.datetime) -> int:
    """Return whole seconds since an observation; a clock that stepped back gives 0."""
    return max(0, int((now - observed_at).total_seconds()))

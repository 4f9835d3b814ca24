"""Whether figures are fresh, and if not, since when and why."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from costmon.domain.poll import ReadingKind
from costmon.domain.resource import KindFailure
from costmon.state.readings import ReadingState
from costmon.state.value import AccountState, Snapshot

_SET_BACK = dt.timedelta(seconds=5)
"""A poll that is further in the future was made by a clock that was set back since."""

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


def reading_staleness(reading: ReadingState, now: dt.datetime) -> Staleness | None:
    """Return why one reading is not fresh; `None` when it is.

    It fails by its newest cycle, or by the clock (a poller that says nothing at all).
    """
    if reading.failure is not None:
        since = reading.failing_since or reading.failure.failed_at
        return Staleness(since=since, reason=reading.failure.message)
    if reading.fresh_until is None:
        return Staleness(since=now, reason="the first poll has not ended yet")
    if reading.last_success_at is not None and reading.last_success_at - now > _SET_BACK:
        reason = "the clock was set back since the last poll; the next poll makes it fresh"
        return Staleness(since=now, reason=reason)
    if now > reading.fresh_until:
        return Staleness(since=reading.fresh_until, reason="no poll has finished for too long")
    return None


def account_staleness(account: AccountState, now: dt.datetime) -> Staleness | None:
    """Return why the account's current costs are not fresh; `None` when they are.

    These come from its inventory: an account whose vendor has none is not stale. Beside the reasons
    of the reading, it may be only what history remembers, and some kinds in it may be stale.
    """
    reading = account.readings.get("inventory")
    if reading is None:
        return None
    if reading.failure is None:
        if account.inventory is None:
            return Staleness(since=now, reason="the first poll has not ended yet")
        if account.restored:
            return Staleness(
                since=account.inventory.observed_at,
                reason="restored from history; the first poll since the start has not ended yet",
            )
    stale = reading_staleness(reading, now)
    if stale is None and account.stale_kinds:
        return Staleness(
            since=min((it.since for it in account.stale_kinds if it.since), default=now),
            reason="; ".join(kind_in_words(kind) for kind in account.stale_kinds),
        )
    return stale


def kind_in_words(kind: KindFailure) -> str:
    """Say that a kind could not be read, and what is shown of it instead."""
    shown = "none of it is known" if kind.last_seen_at is None else "its last good figures are kept"
    return f"{kind.kind} could not be read, {shown}: {kind.message}"


def trouble(account: AccountState, now: dt.datetime) -> Staleness | None:
    """Return why anything that is read of the account is not fresh; `None` when all is.

    The reason of an account with several readings names the reading.
    """
    if account.off_because is not None:
        return Staleness(since=now, reason=f"it is off, because {account.off_because}")
    found = [
        (kind, stale)
        for kind, reading in account.readings.items()
        if (
            stale := account_staleness(account, now)
            if kind == "inventory"
            else reading_staleness(reading, now)
        )
        is not None
    ]
    if not found:
        return None
    if len(account.readings) == 1:
        return found[0][1]
    return Staleness(
        since=min(stale.since for _, stale in found),
        reason="; ".join(f"{kind}: {stale.reason}" for kind, stale in found),
    )


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

    `up`: everything was read as planned. `degraded`: a reading or a kind of resource is not fresh,
    and its last good figures are shown or others are fresh. `blind`: there are no figures, and the
    newest attempts failed. `off`: not polled yet, or not to be polled: a variable is missing, say.
    """
    if account.off_because is not None:
        return "off"
    states = {reading_state(account, kind, now) for kind in account.readings}
    if len(states) == 1:
        return states.pop()
    # Of several readings those that have not been tried yet say nothing.
    states.discard("off")
    return states.pop() if len(states) == 1 else "degraded"


def reading_state(account: AccountState, kind: ReadingKind, now: dt.datetime) -> ProviderState:
    """Sum one reading up in a word, as `account_state` does the account."""
    reading = account.readings[kind]
    if kind == "inventory":
        is_known = account.inventory is not None
        stale = account_staleness(account, now)
    else:
        is_known = reading.last_success_at is not None
        stale = reading_staleness(reading, now)
    if not is_known:
        return "off" if reading.failure is None else "blind"
    return "up" if stale is None else "degraded"


def age_s(observed_at: dt.datetime, now: dt.datetime) -> int:
    """Return whole seconds since an observation; a clock that stepped back gives 0."""
    return max(0, int((now - observed_at).total_seconds()))

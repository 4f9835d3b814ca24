"""How fresh the charges of each account are: how reading them goes, and what the ledger has."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from costmon.domain.charge_report import ChargeFreshness
from costmon.domain.resource import Gap
from costmon.state.charges import ChargeState
from costmon.state.freshness import ProviderState, reading_staleness, reading_state
from costmon.state.value import AccountState


class ChargeReading(NamedTuple):
    """How much of one account's charges is known, and whether that is up to date.

    Attributes:
        account: The account's name.
        provider: The vendor's slug.
        state: How reading its charges goes, in a word.
        reason: Why they are not fresh; `None` when they are.
        observed_at: When they were last read, aware UTC; `None`: never.
        complete_through: Before this instant the vendor adds only corrections; `None` when it has
            never said.
        last_complete_day: The last of the vendor's days that ends by then; `None` as above.
        gaps: What the last read could not see.
    """

    account: str
    provider: str
    state: ProviderState
    reason: str | None
    observed_at: dt.datetime | None
    complete_through: dt.datetime | None
    last_complete_day: dt.date | None
    gaps: tuple[Gap, ...]


def is_reported(known: ChargeReading | ChargeFreshness, month: dt.date) -> bool:
    """Tell whether no charge since `month` began means that nothing was charged.

    It does not while the vendor has not reported a whole day of the month (one that never says
    which days are complete must have been read in the month), nor where the plan or the credential
    cannot see charges.
    """
    if known.observed_at is None or any(gap.kind == "charges" for gap in known.gaps):
        return False
    return (known.last_complete_day or known.observed_at.date()) >= month


def charge_readings(
    charges: ChargeState, accounts: Iterable[AccountState], now: dt.datetime
) -> tuple[ChargeReading, ...]:
    """Return each account whose charges are read, then those that only the ledger knows.

    An account such as `manual` has charges of several vendors: each has an entry of its own.
    """
    stored: dict[str, list[ChargeFreshness]] = {}
    for it in charges.freshness:
        stored.setdefault(it.account, []).append(it)
    found: list[ChargeReading] = []
    for account in accounts:
        reading = account.readings.get("charges")
        if reading is None:
            continue
        stale = reading_staleness(reading, now)
        entries: Sequence[ChargeFreshness | None] = stored.pop(account.name, ()) or (None,)
        found += (
            ChargeReading(
                account=account.name,
                provider=known.provider if known else account.provider,
                state=reading_state(account, "charges", now),
                reason=stale.reason if stale else None,
                observed_at=known.observed_at if known else None,
                complete_through=known.complete_through if known else None,
                last_complete_day=known.last_complete_day if known else None,
                gaps=reading.gaps or (known.gaps if known else ()),
            )
            for known in entries
        )
    found += (
        ChargeReading(
            account=it.account,
            provider=it.provider,
            state="off",
            reason="its charges are not read any more",
            observed_at=it.observed_at,
            complete_through=it.complete_through,
            last_complete_day=it.last_complete_day,
            gaps=it.gaps,
        )
        for unread in stored.values()
        for it in unread
    )
    return tuple(found)

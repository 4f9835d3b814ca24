"""Show the progress of the first read of past charges on a terminal."""

import datetime as dt

from costmon.providers.reading import PAST_MONTHS
from costmon.state.charges import ChargeState
from costmon.state.value import Snapshot

_MONTHS = PAST_MONTHS + 1


def progress(snapshot: Snapshot | None, charges: ChargeState, now: dt.datetime) -> str:
    """Return one line about the accounts whose charges are being read for the first time.

    It is empty when there are none. An account that cannot be read is not in it: the log says why.
    """
    since = {it.account: it.known_since for it in charges.freshness}
    parts = []
    for account in snapshot.accounts if snapshot else ():
        reading = account.readings.get("charges")
        if account.missing or reading is None or reading.last_success_at or reading.failure:
            continue
        parts.append(f"{account.name} {_bar(since.get(account.name), now)}")
    return f"Reading past charges: {', '.join(parts)}" if parts else ""


def _bar(since: dt.datetime | None, now: dt.datetime) -> str:
    if since is None:
        return f"[{'.' * _MONTHS}]"
    months = (now.year - since.year) * 12 + now.month - since.month + 1
    done = max(0, min(months, _MONTHS))
    return f"[{'#' * done}{'.' * (_MONTHS - done)}] back to {since:%Y-%m}"

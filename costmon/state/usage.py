"""Tell a real fall of usage from a fault of the vendor's."""

import datetime as dt

from costmon.domain.usage import PREPAID_BALANCE, Quantity, UsageReading

DISBELIEVED_FOR = dt.timedelta(days=1)
"""How long a fall to 0 of charges, or of levels that are never reset, is not accepted."""


def has_frozen(known: UsageReading | None, seen: UsageReading, since: dt.datetime | None) -> bool:
    """Return whether everything that was in use reads 0 at once, though nothing was reset.

    Vendors' counters stop in this way: the endpoint goes on answering, and all figures are 0. What
    is left of a prepaid balance is as people have written it down, who have filled it up.

    Args:
        known: The last usage that was believed.
        seen: What was read now.
        since: When it was first read like this, aware UTC; `None`: not before.
    """
    if known is None:
        return False
    in_use = [it for it in known.quantities if it.used > 0 and it.quota != PREPAID_BALANCE]
    now = {(it.quota, it.project): it for it in seen.quantities}
    pairs = [(old, now.get((old.quota, old.project))) for old in in_use]
    if not pairs or any(new is None or new.used != 0 for _, new in pairs):
        return False
    if any(new is not None and _was_reset(old, new, seen.observed_at) for old, new in pairs):
        return False
    is_level = all(old.resets_at is None for old in in_use)
    return not (is_level and since is not None and seen.observed_at - since >= DISBELIEVED_FOR)


def _was_reset(old: Quantity, new: Quantity, now: dt.datetime) -> bool:
    if old.resets_at is None:
        return False
    return old.resets_at <= now or new.start >= old.end

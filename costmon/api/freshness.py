"""The `meta` member of answers about current costs."""

import datetime as dt

from costmon.api.schemas.costs import FreshMeta, whole_second
from costmon.state.freshness import age_s, staleness
from costmon.state.value import Snapshot

# The age grows in steps, so that an answer that says it is stale still has an ETag worth sending.
_AGE_STEP_S = 10


_FRESH = {
    demo: FreshMeta(source="memory_store", cached=True, stale=False, demo=demo)
    for demo in (False, True)
}


def fresh_meta(snapshot: Snapshot, now: dt.datetime) -> FreshMeta:
    """Say where the figures come from, and when they are stale, since when and why."""
    stale = staleness(snapshot, now)
    if stale is None:
        return _FRESH[snapshot.demo]
    age = age_s(snapshot.as_of, now) if snapshot.as_of else None
    return FreshMeta(
        source="memory_store",
        cached=True,
        stale=True,
        age_s=None if age is None else age - age % _AGE_STEP_S,
        stale_since=whole_second(stale.since),
        reason=stale.reason,
        demo=snapshot.demo,
    )

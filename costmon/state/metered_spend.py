"""What applications and their endpoints have cost between two looks at what meters report.

Meters report counters of CPU time and of bytes sent; what these have risen by is priced with our
price lists. It is an estimate of the share of a machine that was used: never part of a bill, and
other money than what guards report.
"""

import datetime as dt
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from heapq import nlargest
from typing import NamedTuple

from costmon.domain.finding import Series
from costmon.errors import InputError
from costmon.meter.export.rates import Rates, rates_of
from costmon.meter.figures import RouteStats, Snapshot
from costmon.meter.options import Options
from costmon.meter.price_list import prices_of

MOST_ENDPOINTS = 50
"""With a series, over all applications: those that have used most CPU."""
RISEN_SHARE = 10
"""Of the others, those that cost more than this part of all now: they explain what a finding of
their application is about. There are fewer than so many."""
MOST_KNOWN = 2_000
"""Endpoints whose counters are kept; what all endpoints have cost is known by application."""
_FORMAT = "metered 1"
_Endpoint = tuple[str, str]
"""Method and route; two empty texts are the whole application."""
_WHOLE: _Endpoint = ("", "")


class Used(NamedTuple):
    """Counters of one endpoint, or of a whole application."""

    cpu_ns: int
    bytes_out: int


class Recorded(NamedTuple):
    """What an application had used when we looked last.

    Attributes:
        recording: Name of the recording; another one begins at 0.
        started_at: Its start in seconds since 1970; when that is later, counters began at 0 again.
        used: By endpoint.
    """

    recording: str
    started_at: float
    used: Mapping[_Endpoint, Used]


class Seen(NamedTuple):
    """All that was seen at one moment.

    Attributes:
        at: When, aware UTC.
        is_whole: Whether no endpoint was left out.
        apps: By name.
    """

    at: dt.datetime
    is_whole: bool
    apps: Mapping[str, Recorded]


class MeteredSpend(NamedTuple):
    """What a series has cost since the last look, in US dollars.

    Attributes:
        amount: In the bucket that is over.
        late: Before that, when nobody looked.
    """

    amount: Decimal
    late: Decimal


@lru_cache(maxsize=256)
def listed_rates(options: Options) -> Rates | None:
    """Return what an application's work costs by our lists; `None` when they do not say.

    An application's own price file is a path that somebody else chose: it is not opened here. The
    prices of another region are marked on the page; a series or a metric could not say so.
    """
    listed = options._replace(prices="")
    try:
        prices = prices_of(listed)
        return None if prices.machines_of else rates_of(prices, listed)
    except InputError:
        return None  # it is of another version, or names what only its own file has


def looked(
    before: Seen | None, services: Sequence[Snapshot], now: dt.datetime, bucket_s: int
) -> tuple[Seen, dict[Series, MeteredSpend]]:
    """Return what is seen now, and what each series has cost since `before`.

    What is seen for the first time says nothing about when it was used, unless all of it is newer
    than the look before. A counter that falls within its recording was corrected, and rises by
    nothing. An application whose work has no price in our lists has no series.

    Args:
        before: The look before; `None`: there was none, and nothing has a cost yet.
        services: One snapshot for each application, with unique names.
        now: Aware UTC.
        bucket_s: Length of a bucket: what was used in a longer time is spread over it.
    """
    apps = {it.service: _recorded(it, before) for it in services}
    risen = {} if before is None else _priced_rises(before, apps, services, now)
    bucket = Decimal(bucket_s)
    spent = {}
    for series, (cost, seconds) in _chosen(risen, apps).items():
        amount = cost if seconds <= bucket else cost * bucket / seconds
        spent[series] = MeteredSpend(amount, cost - amount)
    return _bounded(now, apps), spent


def to_bytes(seen: Seen) -> bytes:
    """Return what was seen, for `from_bytes`."""
    apps = {
        name: [it.recording, it.started_at, [[*key, *used] for key, used in it.used.items()]]
        for name, it in seen.apps.items()
    }
    document = {_FORMAT: apps, "at": seen.at.isoformat(), "is_whole": seen.is_whole}
    return zlib.compress(json.dumps(document, separators=(",", ":")).encode())


def from_bytes(state: bytes) -> Seen:
    """Return what `to_bytes` was given.

    Raises:
        ValueError: It is not such a state.
    """
    try:
        document = json.loads(zlib.decompress(state))
        apps = {
            name: Recorded(
                recording,
                started_at,
                {(method, route): Used(cpu, sent) for method, route, cpu, sent in rows},
            )
            for name, (recording, started_at, rows) in document[_FORMAT].items()
        }
        return Seen(dt.datetime.fromisoformat(document["at"]), document["is_whole"], apps)
    except (zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"not a state of metered applications: {error!r}"
        raise ValueError(msg) from None


def _recorded(snapshot: Snapshot, before: Seen | None) -> Recorded:
    used: dict[_Endpoint, Used] = {}
    for row in snapshot.routes:
        for key in ((row.method, row.route), _WHOLE):
            known = used.get(key, Used(0, 0))
            used[key] = Used(known.cpu_ns + row.cpu_estimate_ns, known.bytes_out + row.bytes_out)
    recorded = Recorded(snapshot.recording, snapshot.started_at, used)
    known_app = before.apps.get(snapshot.service) if before else None
    if known_app is None or not _is_same(known_app, recorded):
        return recorded
    # After a crash of this service some workers may not have reported again yet.
    kept = {key: _most(it, used.get(key)) for key, it in known_app.used.items()}
    return recorded._replace(used={**used, **kept})


def _is_same(before: Recorded, after: Recorded) -> bool:
    return before[:2] == after[:2]


def _most(one: Used, other: Used | None) -> Used:
    if other is None:
        return one
    return Used(max(one.cpu_ns, other.cpu_ns), max(one.bytes_out, other.bytes_out))


_Rises = dict[tuple[str, _Endpoint], tuple[Decimal, Decimal]]
"""US dollars, and the seconds in which they were spent, by application and endpoint."""


def _priced_rises(
    before: Seen, apps: Mapping[str, Recorded], services: Iterable[Snapshot], now: dt.datetime
) -> _Rises:
    risen: _Rises = {}
    for snapshot in services:
        name, rates = snapshot.service, listed_rates(snapshot.options)
        known, since = before.apps.get(name), before.at.timestamp()
        recorded = apps[name]
        if rates is None:
            continue
        if known is None or not _is_same(known, recorded):
            if recorded.started_at < since:
                continue
            used_before: Mapping[_Endpoint, Used] = {}
            since, is_whole = recorded.started_at, True
        else:
            used_before, is_whole = known.used, before.is_whole
        seconds = Decimal(max(0.0, now.timestamp() - since))
        for key, used in recorded.used.items():
            was = used_before.get(key, Used(0, 0) if is_whole else used)
            cost = rates.cost_usd(_row(used, was))
            if cost:
                risen[name, key] = cost, seconds
    return risen


def _row(used: Used, was: Used) -> RouteStats:
    cpu_ns, bytes_out = used.cpu_ns - was.cpu_ns, used.bytes_out - was.bytes_out
    return RouteStats("", "", 0, cpu_ns=max(0, cpu_ns), bytes_out=max(0, bytes_out))


def _chosen(risen: _Rises, apps: Mapping[str, Recorded]) -> dict[Series, tuple[Decimal, Decimal]]:
    """Return the rises of all applications, and of a bounded number of endpoints."""
    endpoints = [key for key in risen if key[1] != _WHOLE]
    largest = nlargest(MOST_ENDPOINTS, endpoints, key=lambda it: (_cpu_ns(apps, it), it))
    whole = [key for key in risen if key[1] == _WHOLE]
    line = sum((risen[key][0] for key in whole), Decimal()) / RISEN_SHARE
    others = [key for key in set(endpoints) - set(largest) if risen[key][0] > line]
    return {_series(key): risen[key] for key in (*whole, *largest, *others)}


def _series(key: tuple[str, _Endpoint]) -> Series:
    app, (method, route) = key
    scope = f"endpoint:{app} {method} {route}" if route else f"app:{app}"
    return Series(scope, "USD")


def _cpu_ns(apps: Mapping[str, Recorded], key: tuple[str, _Endpoint]) -> int:
    return apps[key[0]].used[key[1]].cpu_ns


def _bounded(now: dt.datetime, apps: Mapping[str, Recorded]) -> Seen:
    """Return what is kept for the next look."""
    keys = [(name, key) for name, it in apps.items() for key in it.used if key != _WHOLE]
    if len(keys) <= MOST_KNOWN:
        return Seen(now, is_whole=True, apps=apps)
    kept = set(nlargest(MOST_KNOWN, keys, key=lambda it: (_cpu_ns(apps, it), it)))
    bounded = {
        name: it._replace(
            used={
                key: used for key, used in it.used.items() if key == _WHOLE or (name, key) in kept
            }
        )
        for name, it in apps.items()
    }
    return Seen(now, is_whole=False, apps=bounded)

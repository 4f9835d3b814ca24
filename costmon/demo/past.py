"""The past of the demo's program: what it spent by hour for a month, and a watch that has seen it.

`python -m costmon.demo.past BUCKET_S UNTIL` writes the state of a watch that was fed eight days of
it in buckets of so many seconds, up to the moment UNTIL. That is seconds of arithmetic, which a
process of its own does beside the service.
"""

import datetime as dt
import sys
from decimal import Decimal

from costmon.demo.draw import draw
from costmon.detection import SpendWatch, WatchConfig
from costmon.domain.scope import GLOBAL
from costmon.domain.spend import GuardReport, SpendRow

APP = "nightly-report"
SCOPES = ("provider:openai", "tag:job=nightly-report")
CALL_USD = "0.0004"
CALL_EVERY_S = 2.0
MONTH = dt.timedelta(days=30)
LEARNED = dt.timedelta(days=8)
"""What statistics have seen; they need a week."""
_HOUR = dt.timedelta(hours=1)
_CALLS_AN_HOUR = int(3600 / CALL_EVERY_S)
_SEED = 7


def past_report(until: dt.datetime) -> GuardReport:
    """Return what a guard of the program has reported of the month before `until`, by hour."""
    hour = until.replace(minute=0, second=0, microsecond=0) - MONTH
    rows: list[SpendRow] = []
    while hour + _HOUR <= until:
        calls = _CALLS_AN_HOUR * (90 + draw(_SEED, "hour", len(rows), below=21)) // 100
        rows += [
            SpendRow(
                hour=hour,
                scope=scope,
                activity="completion",
                spent=calls * Decimal(CALL_USD),
                requests=calls,
                failed=0,
                expired=0,
                bytes_in=0,
                bytes_out=0,
                changes=calls,
            )
            for scope in (GLOBAL, *SCOPES)
        ]
        hour += _HOUR
    return GuardReport(
        guard=f"{APP}-past",
        store=f"{APP}-past",
        sequence=1,
        app=APP,
        host="demo",
        pid=0,
        sent_at=until,
        currency="USD",
        rows=tuple(rows),
        scopes=(),
        leases=(),
        refusals=(),
        refused=(),
        notices=(),
    )


def watch_of_the_past(bucket_s: int, until: dt.datetime) -> SpendWatch:
    """Return a watch that has seen the program spend as usual, up to the end of a bucket."""
    watch = SpendWatch(WatchConfig(step_s=bucket_s))
    usual = float(CALL_USD) * bucket_s / CALL_EVERY_S
    step = dt.timedelta(seconds=bucket_s)
    for back in range(LEARNED // step, -1, -1):
        percent = 70 + draw(_SEED, "bucket", back, below=61)
        watch.update(until - back * step, usual * percent / 100)
    return watch


if __name__ == "__main__":
    _bucket_s, _until = sys.argv[1:]
    _watch = watch_of_the_past(int(_bucket_s), dt.datetime.fromisoformat(_until))
    sys.stdout.buffer.write(_watch.to_bytes())

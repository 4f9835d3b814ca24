"""What the demo's program has spent before the demo, and what a watch has learned of it."""

import datetime as dt
from decimal import Decimal

from costmon.demo.past import MONTH, SCOPES, past_report, watch_of_the_past
from costmon.domain.finding import bucket_floor
from costmon.testing.clock import START

BUCKET = dt.timedelta(minutes=5)


def test_a_month_was_reported_by_hour_and_scope_up_to_now_and_not_beyond():
    report = past_report(START)

    hours = {row.hour for row in report.rows}
    assert (min(hours), max(hours)) == (START - MONTH, START - dt.timedelta(hours=1))
    assert len(hours) == 30 * 24
    for hour in hours:
        rows = [row for row in report.rows if row.hour == hour]
        assert {row.scope for row in rows} == {"global", *SCOPES}
        assert len({row.spent for row in rows}) == 1
        assert Decimal("0.3") < rows[0].spent < Decimal(1)


def test_what_a_watch_has_learned_of_it_finds_the_loop_at_once_and_nothing_before():
    watch = watch_of_the_past(300, bucket_floor(START, 300))

    assert all(watch.update(START + n * BUCKET, 0.06) is None for n in range(1, 20))
    found = watch.update(START + 20 * BUCKET, 6)

    assert found is not None
    assert (found.state, found.cause) == ("opened", "burst")

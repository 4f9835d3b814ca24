"""How much guards may add in an hour, and from when."""

import datetime as dt
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.spend import SpendRow
from costmon.state.guard_reports import MOST_GUARDS, MOST_WITHOUT_TOKEN, reported
from costmon.state.guard_state import EMPTY
from costmon.state.report_limits import AHEAD, BEHIND, Allowance, ReportLimits
from costmon.testing.clock import START
from costmon.testing.spend import guard_report

HOUR = dt.timedelta(hours=1)
"""START is the start of an hour."""


def rows(count, hour=START, scope="key:{}"):
    return [
        SpendRow(hour, scope.format(number), "call", Decimal("0.01"), 1, 0, 0, 0, 0, 1)
        for number in range(count)
    ]


def taken(limits, report, now=START, *, authenticated=False):
    return limits.check(report, now, authenticated=authenticated).report is not None


def test_rows_that_are_reported_again_add_nothing():
    limits = ReportLimits(Allowance(store=101, total=101))

    assert all(taken(limits, guard_report(n, rows(100))) for n in range(50))
    assert not taken(limits, guard_report(51, rows(101)))
    assert taken(limits, guard_report(52, rows(100)))


def test_a_report_beyond_the_allowance_is_to_be_sent_again_and_is_taken_in_the_next_hour():
    limits = ReportLimits(Allowance(store=150, total=1_000))
    more = guard_report(2, rows(100, scope="tag:run={}"))
    assert taken(limits, guard_report(1, rows(100)))

    refused = limits.check(more, START, authenticated=False)
    again = limits.check(more, START, authenticated=False)

    assert (refused.report, refused.is_first, again.is_first) == (None, True, False)
    assert taken(limits, more, START + HOUR)


def test_invented_guards_and_stores_share_one_allowance_and_take_nothing_from_those_with_a_token():
    limits = ReportLimits(Allowance(store=100, total=500), Allowance(store=100, total=500))

    results = [
        taken(limits, guard_report(1, rows(50), guard=f"g{n}")._replace(store=f"s{n}"))
        for n in range(100)
    ]

    assert sum(results) == 9
    assert taken(limits, guard_report(1, rows(50), guard="trusted"), authenticated=True)


@given(hours=st.lists(st.integers(-800 * 24, 800 * 24), max_size=20))
def test_rows_of_impossible_hours_are_dropped_and_the_others_kept(hours):
    report = guard_report(1, [row for hour in hours for row in rows(1, START + hour * HOUR)])

    verdict = ReportLimits().check(report, START, authenticated=False)

    possible = [row for row in report.rows if START - BEHIND <= row.hour <= START + AHEAD]
    assert verdict.report is not None
    assert list(verdict.report.rows) == possible
    assert verdict.dropped == len(hours) - len(possible)
    assert verdict.is_first == (verdict.dropped > 0)


def test_a_clock_that_goes_back_does_not_keep_the_limit_for_long():
    limits = ReportLimits(Allowance(store=60, total=60))
    assert taken(limits, guard_report(1, rows(50)), START + 48 * HOUR)

    assert taken(limits, guard_report(1, rows(50, scope="tag:a={}")), START)


def test_invented_guards_take_the_places_of_each_other_only():
    state = EMPTY
    for number in range(20):
        report = guard_report(1, guard=f"trusted{number}")
        state, _ = reported(state, report, START, authenticated=True)
    for number in range(MOST_GUARDS + 50):
        state, _ = reported(state, guard_report(1, guard=f"g{number}"), START)

    kept = [seen.authenticated for seen in state.guards]
    assert (kept.count(True), kept.count(False)) == (20, MOST_WITHOUT_TOKEN)

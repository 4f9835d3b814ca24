"""Up to which report nothing is missing: a row may be late, never lost."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from costmon.store.acknowledged import followed
from costmon.testing.clock import START

RESEND_S = 30


def after(*reports):
    """Return the acknowledged after (sequence, rows, seconds) of each report."""
    acknowledged = None
    for sequence, rows, seconds in reports:
        acknowledged = followed(acknowledged, sequence, rows, START + dt.timedelta(seconds=seconds))
    assert acknowledged is not None
    return acknowledged


def test_reports_without_a_gap_are_confirmed_at_once():
    assert after((1, 3, 0), (2, 200, 1), (3, 0, 2)).confirmed == 3


def test_a_missing_report_keeps_later_ones_unconfirmed():
    assert after((1, 3, 0), (3, 3, 1), (4, 3, 2)).confirmed == 1


def test_once_its_rows_must_have_come_again_a_missing_report_is_forgiven():
    assert after((1, 3, 0), (3, 3, 1), (4, 3, 62)).confirmed == 4


def test_a_full_report_may_have_left_rows_out():
    assert after((1, 3, 0), (3, 3, 1), (4, 200, 62)).confirmed == 1
    assert after((1, 3, 0), (3, 3, 1), (4, 200, 700)).confirmed == 4


def test_another_gap_starts_the_waiting_anew():
    assert after((1, 1, 0), (3, 1, 0), (5, 1, 50), (6, 1, 70)).confirmed == 1


def test_a_guard_that_is_first_seen_in_the_middle_may_have_told_an_earlier_service():
    assert after((7, 1, 0)).confirmed is None
    assert after((7, 1, 0), (8, 1, 61)).confirmed == 8


def test_a_copy_changes_nothing():
    assert after((1, 1, 0), (2, 1, 1), (2, 1, 9), (1, 1, 9)) == after((1, 1, 0), (2, 1, 1))


@given(
    lost=st.sets(st.integers(1, 40), max_size=20),
    rows=st.lists(st.integers(0, 4), min_size=40, max_size=40),
    pause_s=st.integers(1, 40),
)
def test_whatever_is_lost_no_row_is_confirmed_that_was_not_written(lost, rows, pause_s):
    """A guard as the link makes them: new rows each report, unconfirmed ones again after 30 s."""
    acknowledged, confirmed, made = None, 0, 0
    waiting: dict[int, tuple[int, int] | None] = {}
    written: set[int] = set()
    for sequence, new in enumerate(rows, start=1):
        now_s = sequence * pause_s
        for _ in range(new):
            made += 1
            waiting[made] = None
        due = [row for row, sent in waiting.items() if sent is None or now_s - sent[1] >= RESEND_S]
        for row in due:
            waiting[row] = (sequence, now_s)
        if sequence not in lost:
            written.update(due)
            moment = START + dt.timedelta(seconds=now_s)
            acknowledged = followed(acknowledged, sequence, len(due), moment)
            confirmed = acknowledged.confirmed or 0
        over = [row for row, sent in waiting.items() if sent is not None and sent[0] <= confirmed]
        for row in over:
            del waiting[row]
        assert set(over) <= written

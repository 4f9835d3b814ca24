"""Snapshots of many processes become one: the last of each, of the newest recording."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmon.meter.figures import Phase
from costmon.meter.recording_control import Control
from costmon.meter.reporting.merging import emptied, merged, newest_recording
from tests.meter.reporting.samples import BEGAN_AT, counted, row, snapshot


def test_the_last_snapshot_of_a_process_counts_and_the_others_do_not():
    first = snapshot(row(requests=5), seq=1)
    last = snapshot(row(requests=9), seq=2)

    assert counted(merged([last, first, first])) == {"/": 9}


def test_processes_add_up():
    together = merged(
        [
            snapshot(row(requests=5), pid=1, rss_bytes=10, faults=1, threads=2),
            snapshot(row(requests=7), row("/b"), pid=2, rss_bytes=30, faults=2, threads=8),
        ]
    )

    assert counted(together) == {"/": 12, "/b": 1}
    assert (together.processes, together.threads, together.rss_bytes) == (2, 8, 30)
    assert (together.faults, together.pid, together.boot, together.host) == (3, 0, "", "box")


def test_a_pid_that_came_again_is_another_process():
    one, other = snapshot(row(requests=5), boot="b1"), snapshot(row(requests=7), boot="b2")

    assert counted(merged([one, other])) == {"/": 12}


def test_only_the_newest_recording_counts():
    old = snapshot(row(requests=5), pid=1, recording="r1")
    new = snapshot(row(requests=1), pid=2, recording="r2", started_at=BEGAN_AT + 10)

    assert counted(merged([old, new])) == {"/": 1}


def test_a_process_that_has_not_heard_of_the_recording_is_not_the_news():
    ordered = snapshot(row(requests=5), pid=1, recording="r1")
    fresh = snapshot(row(requests=1), pid=2, recording="", started_at=BEGAN_AT + 99)

    assert newest_recording([ordered, fresh]) == "r1"
    assert counted(merged([ordered, fresh])) == {"/": 5}


def test_the_recording_that_is_asked_for_counts_where_anybody_has_it():
    one = snapshot(row(requests=5), pid=1, recording="r1")
    other = snapshot(row(requests=1), pid=2, recording="r2", started_at=BEGAN_AT + 10)

    assert counted(merged([one, other], "r1")) == {"/": 5}
    assert counted(merged([one, other], "r9")) == {"/": 1}


def test_processes_side_by_side_are_as_long_as_the_longest():
    together = merged([snapshot(pid=1), snapshot(pid=2)])

    assert together.whole.seconds == 60.0
    assert together.whole.process_seconds == 120.0


def test_processes_one_after_the_other_are_as_long_as_from_first_to_last():
    one = snapshot(pid=1)
    half = Phase(seconds=30.0, process_seconds=30.0)
    other = snapshot(pid=2, started_at=BEGAN_AT + 100, settled=half)

    together = merged([one, other])

    assert together.whole.seconds == 160.0
    assert together.settled.seconds == 160.0  # the first has no warm-up, both end at their end


def test_a_phase_that_has_not_begun_has_no_length():
    together = merged([snapshot(pid=1, settled=Phase()), snapshot(pid=2, settled=Phase())])

    assert together.settled.seconds == 0.0


def test_ended_processes_are_not_counted_as_living_and_not_asked_whether_they_record():
    dead = snapshot(row(), pid=1, processes=0, is_recording=True, rss_bytes=90)
    alive = snapshot(row(), pid=2, is_recording=False, rss_bytes=10)

    together = merged([dead, alive])

    assert (together.processes, together.is_recording, together.rss_bytes) == (1, False, 10)


def test_one_process_alone_is_as_it_is():
    assert merged([snapshot(row())]) == snapshot(row())


def test_nothing_cannot_be_merged():
    with pytest.raises(ValueError, match="empty"):
        merged([])


def test_what_was_told_to_begin_anew_is_empty_until_it_has():
    told = emptied(snapshot(row()), Control("r2", is_recording=True, issued_at=BEGAN_AT + 70))

    assert (told.recording, told.routes, told.started_at) == ("r2", (), BEGAN_AT + 70)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from(("", "r1", "r2")), st.integers(0, 9)),
        min_size=1,
        max_size=8,
        unique_by=lambda it: it[:2],
    ),
    st.randoms(use_true_random=False),
)
def test_any_order_and_any_repetition_merge_to_the_same(workers, rng):
    snapshots = [
        snapshot(row(requests=seq), pid=pid, recording=recording, seq=seq)
        for pid, recording, seq in workers
    ]
    shuffled = [*snapshots, *snapshots]
    rng.shuffle(shuffled)

    assert merged(shuffled) == merged(snapshots)

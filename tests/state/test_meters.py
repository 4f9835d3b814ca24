"""Reports of metered workers, in any order, twice, or late, add up to the same."""

from hypothesis import given, settings
from hypothesis import strategies as st

from costmon.meter.recording_control import Control
from costmon.state import meters
from costmon.state.meters import (
    ALIVE_S,
    CROWDED_SILENT_S,
    RECORDING_GAP_S,
    SILENT_S,
    known,
    ordered,
    reported,
    services,
    swept,
)
from tests.meter.reporting.samples import BEGAN_AT, counted, row, snapshot

NOTHING = meters.first("run1")
NOON_S = 1_000.0
CONTROL = Control("r2", is_recording=True, issued_at=BEGAN_AT + 70)


def told(*reports, before=NOTHING, now_s=NOON_S, final=False):
    for part, report in reports:
        before = reported(before, part, report, now_s, final=final)
    return before


def total(seen, now_s=NOON_S):
    (only,) = services(seen, now_s)
    return counted(only)


def test_rows_that_were_told_before_stay():
    seen = told((1, snapshot(row("/a"), row("/b"))), (2, snapshot(row("/b", requests=5))))

    assert total(seen) == {"/a": 1, "/b": 5}


def test_a_part_that_comes_twice_or_late_changes_nothing():
    seen = told((1, snapshot(row(requests=1))), (2, snapshot(row(requests=5))))

    assert told((1, snapshot(row(requests=1))), before=seen) is seen
    assert told((2, snapshot(row(requests=5))), before=seen) is seen


def test_workers_of_a_service_add_up_and_services_do_not():
    seen = told(
        (1, snapshot(row(requests=1), pid=1)),
        (1, snapshot(row(requests=2), pid=2)),
        (1, snapshot(row(requests=5), pid=2, service="blog")),
    )

    assert [(it.service, counted(it)) for it in services(seen, NOON_S)] == [
        ("blog", {"/": 5}),
        ("shop", {"/": 3}),
    ]


def test_a_worker_that_begins_anew_leaves_nothing_of_the_recording_before():
    first = snapshot(row("/a", requests=9), recording="r1")
    anew = snapshot(row("/b"), recording="r2", started_at=BEGAN_AT + 9)

    assert total(told((1, first), (2, anew))) == {"/b": 1}


def test_a_worker_that_was_emptied_leaves_nothing_of_before():
    emptied = snapshot(row("/b"), started_at=BEGAN_AT + 9)

    assert total(told((1, snapshot(row("/a", requests=9))), (2, emptied))) == {"/b": 1}


def test_a_worker_that_is_silent_is_not_counted_as_living():
    seen = told((1, snapshot(row())))

    assert services(seen, NOON_S + ALIVE_S - 1)[0].processes == 1
    assert services(seen, NOON_S + ALIVE_S + 1)[0].processes == 0


def test_workers_that_have_ended_are_one_sum():
    seen = told((1, snapshot(row(requests=1), pid=1)), (1, snapshot(row(requests=2), pid=2)))
    seen = told((2, snapshot(pid=1)), (2, snapshot(pid=2)), before=seen, final=True)

    folded = swept(seen, NOON_S)

    assert folded.services["shop"].workers == {}
    assert total(folded) == {"/": 3}
    assert services(folded, NOON_S)[0].processes == 0
    assert swept(folded, NOON_S) is folded


def test_a_worker_that_was_silent_for_an_hour_is_in_the_sum_and_not_believed_again():
    seen = swept(told((1, snapshot(row(requests=3)))), NOON_S + SILENT_S + 1)

    again = told((2, snapshot(row(requests=4))), before=seen, now_s=NOON_S + SILENT_S + 2)

    assert total(again) == {"/": 3}
    assert known(again, snapshot()).is_gone


def test_a_recording_that_is_long_over_does_not_go_on_with_new_workers():
    seen = ordered(told((1, snapshot(row(requests=3), pid=1))), "shop", CONTROL)
    later_s = NOON_S + RECORDING_GAP_S + 1

    anew = told((1, snapshot(row(), pid=2)), before=seen, now_s=later_s)

    assert total(anew, later_s) == {"/": 1}
    assert anew.services["shop"].control is None
    assert known(anew, snapshot(pid=1)).is_gone


def test_a_worker_that_returns_goes_on():
    seen = told((1, snapshot(row(requests=3))))

    again = told((2, snapshot(row(requests=4))), before=seen, now_s=NOON_S + RECORDING_GAP_S + 1)

    assert total(again) == {"/": 4}


def test_more_workers_than_there_is_room_for_are_refused_and_counted(monkeypatch):
    monkeypatch.setattr(meters, "MOST_WORKERS", 2)
    seen = told(*((1, snapshot(row(), pid=pid)) for pid in (1, 2, 3)))

    assert total(seen) == {"/": 2}
    assert seen.refused == 1


def test_nobody_is_added_beyond_the_most_rows_and_who_is_there_goes_on(monkeypatch):
    monkeypatch.setattr(meters, "MOST_ALL_ROWS", 4)
    seen = told((1, snapshot(row("/a"), row("/b"), pid=1)), (1, snapshot(row(), pid=2)))

    seen = told((2, snapshot(row("/a", requests=5), row("/c"), pid=1)), before=seen)

    assert total(seen) == {"/a": 5, "/b": 1, "/c": 1}
    assert seen.refused == 1


def test_silent_workers_make_room(monkeypatch):
    monkeypatch.setattr(meters, "MOST_WORKERS", 2)
    seen = told(*((1, snapshot(row(), pid=pid)) for pid in (1, 2)))

    seen = told((1, snapshot(row(), pid=3)), before=seen, now_s=NOON_S + CROWDED_SILENT_S + 1)

    assert total(seen) == {"/": 3}
    assert list(seen.services["shop"].workers) == [("box", 3, "b1")]


def test_more_services_than_there_is_room_for_are_refused_and_counted(monkeypatch):
    monkeypatch.setattr(meters, "MOST_SERVICES", 1)
    seen = told((1, snapshot(row())), (1, snapshot(row(), service="blog")))

    assert (list(seen.services), seen.refused) == (["shop"], 1)


def test_rows_beyond_the_most_are_not_kept(monkeypatch):
    monkeypatch.setattr(meters, "MOST_ROWS", 2)
    seen = told(
        (1, snapshot(row("/a"))), (2, snapshot(row("/b"), row("/c"), row("/a", requests=4)))
    )

    assert total(seen) == {"/a": 4, "/b": 1}


def test_an_order_is_known_to_workers_and_shown_before_they_obey():
    seen = ordered(told((1, snapshot(row()))), "shop", CONTROL)

    assert known(seen, snapshot()).control == CONTROL
    (shown,) = services(seen, NOON_S)
    assert (shown.recording, shown.routes) == ("r2", ())


def test_an_older_order_and_one_for_nobody_change_nothing():
    seen = ordered(told((1, snapshot(row()))), "shop", CONTROL)

    assert ordered(seen, "shop", CONTROL._replace(issued_at=BEGAN_AT)) is seen
    assert ordered(seen, "blog", CONTROL) is seen


def test_workers_hear_which_part_was_known_before():
    assert known(NOTHING, snapshot()) == (None, False, None)
    assert known(told((7, snapshot())), snapshot()).part == 7
    assert known(told((7, snapshot())), snapshot(pid=99)) == (None, False, None)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 3),
            st.sampled_from(("/a", "/b")),
            st.integers(1, 9),
            st.booleans(),
            st.booleans(),
        ),
        max_size=20,
    )
)
def test_whatever_is_lost_late_twice_or_folded_every_worker_counts_once(steps):
    """Parts may come twice; rows grow; whoever has said the last word is swept at any time."""
    seen = NOTHING
    truth: dict[int, dict[str, int]] = {}
    part = 0
    ended: set[int] = set()
    for pid, route, more, is_twice, is_last in steps:
        if pid in ended:
            continue
        rows = truth.setdefault(pid, {})
        rows[route] = rows.get(route, 0) + more
        part += 1
        report = snapshot(row(route, requests=rows[route]), pid=pid)
        for _ in range(1 + is_twice):
            seen = reported(seen, part, report, NOON_S, final=is_last)
        if is_last:
            ended.add(pid)
            seen = swept(seen, NOON_S)
            seen = reported(seen, part, report, NOON_S, final=False)

    expected: dict[str, int] = {}
    for rows in truth.values():
        for route, requests in rows.items():
            expected[route] = expected.get(route, 0) + requests
    found = services(seen, NOON_S)
    assert (counted(found[0]) if found else {}) == expected

"""Rows add up to what all requests took, to the last nanosecond, from any number of threads."""

import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmon.meter.figures import MOST_ROUTES, OTHER, UNMATCHED
from costmon.meter.histogram import bucket_of
from costmon.meter.measuring.aggregate import Aggregate

_SETTINGS = settings(max_examples=60, deadline=None)
_NO_END = 1e6
_MS = 1_000_000


def ended(aggregate, route="/", *, status=200, cpu_ns=_MS, wall_ns=_MS, **more):
    """Count a request that took what is told, and return its measure."""
    measure = aggregate.begin(more.pop("method", "GET"))
    measure.route, measure.status = route, status
    measure.cpu_ns = cpu_ns
    measure.answered_ns = measure.started_ns + wall_ns
    measure.ended_ns = measure.answered_ns + more.pop("after_ns", 0)
    for name, value in more.items():
        setattr(measure, name, value)
    aggregate.record(measure)
    return measure


def rows(aggregate):
    return {row.key: row for row in aggregate.phases()[0].routes}


_REQUESTS = st.lists(
    st.fixed_dictionaries(
        {
            "route": st.sampled_from(("/a", "/b/{id}", None)),
            "method": st.sampled_from(("GET", "POST", "BREW")),
            "status": st.sampled_from((200, 404, 500)),
            "cpu_ns": st.integers(0, 10**12),
            "wall_ns": st.integers(0, 10**12),
            "after_ns": st.integers(0, 10**10),
            "bytes_in": st.integers(0, 10**9),
            "bytes_out": st.integers(0, 10**9),
            "offloaded": st.none() | st.lists(st.integers(0, 10**10), max_size=3),
        }
    ),
    max_size=20,
)


@_SETTINGS
@given(_REQUESTS)
def test_rows_have_together_what_all_requests_took(requests):
    aggregate = Aggregate(warmup_s=0)
    for request in requests:
        ended(aggregate, **request)

    found = rows(aggregate).values()

    moved = sum(sum(request["offloaded"] or ()) for request in requests)
    assert sum(row.requests for row in found) == len(requests)
    assert sum(row.cpu_measured for row in found) == len(requests)
    assert sum(row.offloaded_cpu_ns for row in found) == moved
    assert sum(row.cpu_ns for row in found) == moved + sum(one["cpu_ns"] for one in requests)
    assert sum(row.wall_ns for row in found) == sum(one["wall_ns"] for one in requests)
    assert sum(row.bytes_in for row in found) == sum(one["bytes_in"] for one in requests)
    assert sum(row.bytes_out for row in found) == sum(one["bytes_out"] for one in requests)
    assert sum(row.in_flight_ns for row in found) == sum(
        one["wall_ns"] + one["after_ns"] for one in requests
    )
    assert sum(sum(row.cpu.values()) for row in found) == len(requests)
    assert sum(sum(row.wall.values()) for row in found) == len(requests)


@_SETTINGS
@given(st.integers(0, 10**13), st.integers(0, 10**13))
def test_times_lie_in_the_buckets_that_the_histogram_gives_them(cpu_ns, wall_ns):
    aggregate = Aggregate(warmup_s=0)
    ended(aggregate, cpu_ns=cpu_ns, wall_ns=wall_ns)

    (row,) = rows(aggregate).values()

    assert row.cpu == {bucket_of(cpu_ns): 1}
    assert row.wall == {bucket_of(wall_ns): 1}
    assert row.cpu_squares == cpu_ns**2 // 1_000_000


def test_a_row_is_one_method_route_status_and_tag():
    aggregate = Aggregate(warmup_s=0)
    for route, method, status, tag in (
        ("/a", "GET", 200, ""),
        ("/a", "GET", 200, ""),
        ("/a", "POST", 200, ""),
        ("/a", "GET", 500, ""),
        ("/b", "GET", 200, ""),
        ("/a", "GET", 200, "acme"),
    ):
        ended(aggregate, route, method=method, status=status, tag=tag)

    counted = {key: row.requests for key, row in rows(aggregate).items()}

    assert counted == {
        ("GET", "/a", 200, ""): 2,
        ("POST", "/a", 200, ""): 1,
        ("GET", "/a", 500, ""): 1,
        ("GET", "/b", 200, ""): 1,
        ("GET", "/a", 200, "acme"): 1,
    }


def test_methods_that_http_does_not_know_share_a_row():
    aggregate = Aggregate(warmup_s=0)
    for number in range(50):
        ended(aggregate, method=f"HACK{number}")

    assert [(key, row.requests) for key, row in rows(aggregate).items()] == [
        ((OTHER, "/", 200, ""), 50)
    ]


def test_requests_that_no_route_took_share_a_row():
    aggregate = Aggregate(warmup_s=0)
    ended(aggregate, None, status=404)
    ended(aggregate, None, status=404)

    assert [(key, row.requests) for key, row in rows(aggregate).items()] == [
        (("GET", UNMATCHED, 404, ""), 2)
    ]


def test_of_two_thousand_routes_a_thousand_are_kept_apart_and_no_request_is_lost():
    aggregate = Aggregate(warmup_s=0)
    for turn in range(2):
        for number in range(2 * MOST_ROUTES):
            ended(aggregate, f"/route/{number}", cpu_ns=1000 + turn)

    found = rows(aggregate)

    assert len(found) == MOST_ROUTES + 1
    assert found["GET", OTHER, 200, ""].requests == 2 * MOST_ROUTES
    assert found["GET", "/route/0", 200, ""].requests == 2
    assert sum(row.requests for row in found.values()) == 4 * MOST_ROUTES


def test_late_work_is_charged_to_its_route_and_kept_apart():
    aggregate = Aggregate(warmup_s=0)
    measure = ended(aggregate, "/later", cpu_ns=5 * _MS)

    measure.add_offloaded(3 * _MS)
    measure.ended_ns -= 120 * 1000 * _MS
    measure.add_offloaded(100 * _MS)

    (row,) = rows(aggregate).values()
    assert (row.cpu_ns, row.late_cpu_ns) == (5 * _MS, 3 * _MS)


def test_a_warm_up_is_recorded_but_not_settled():
    warming = Aggregate(warmup_s=_NO_END)
    ended(warming)

    whole, settled = warming.phases()

    assert sum(row.requests for row in whole.routes) == 1
    assert settled.routes == ()
    assert settled.process_cpu_ns == 0


def test_what_comes_after_the_warm_up_is_in_both():
    aggregate = Aggregate(warmup_s=0)
    ended(aggregate)

    whole, settled = aggregate.phases()

    assert [row.requests for row in whole.routes] == [row.requests for row in settled.routes] == [1]
    assert 0 < settled.process_cpu_ns <= whole.process_cpu_ns


@pytest.mark.parametrize("sample", [2, 3, 10])
def test_a_sample_measures_about_one_in_k_and_counts_them_all(sample):
    aggregate = Aggregate(warmup_s=0, sample=sample)
    for _ in range(10_000):
        ended(aggregate)

    (row,) = rows(aggregate).values()

    assert row.requests == sum(row.wall.values()) == 10_000
    assert row.cpu_measured == sum(row.cpu.values()) == pytest.approx(10_000 / sample, rel=0.02)


def test_a_sample_does_not_fall_in_step_with_the_application():
    """Every second request is cheap: taking every second one would see only one kind."""
    aggregate = Aggregate(warmup_s=0, sample=2)
    for number in range(10_000):
        ended(aggregate, "/cheap" if number % 2 else "/dear")

    measured = [row.cpu_measured for row in rows(aggregate).values()]

    assert measured == pytest.approx([2_500, 2_500], rel=0.05)


def test_nothing_is_lost_between_threads():
    aggregate = Aggregate(warmup_s=0)
    threads, each = 8, 2_000
    ready = threading.Barrier(threads)

    def work():
        ready.wait()
        for number in range(each):
            ended(aggregate, f"/{number % 7}", bytes_out=1)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            assert sum(row.requests for row in rows(aggregate).values()) <= threads * each
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(before)

    found = rows(aggregate).values()
    assert sum(row.requests for row in found) == threads * each
    assert sum(row.bytes_out for row in found) == threads * each
    assert sum(row.cpu_ns for row in found) == threads * each * _MS
    assert aggregate.live == set()


def test_how_many_requests_were_worked_on_at_once_is_known():
    aggregate = Aggregate(warmup_s=0)
    for measure in [aggregate.begin("GET") for _ in range(3)]:
        measure.end()
    ended(aggregate)

    assert aggregate.most_live == 3


def test_a_request_ends_once():
    aggregate = Aggregate(warmup_s=0)
    measure = aggregate.begin("GET")
    measure.end()
    measure.end()

    assert [row.requests for row in rows(aggregate).values()] == [1]


def test_a_recording_that_was_stopped_keeps_its_clocks():
    aggregate = Aggregate(warmup_s=0)
    ended(aggregate)
    aggregate.stop()

    first, second = aggregate.phases(), aggregate.phases()

    assert first == second
    assert not aggregate.is_recording


def test_late_work_that_is_told_before_the_end_is_counted_in_the_end():
    """Another thread may see that a request has ended before its end has been written down."""
    aggregate = Aggregate(warmup_s=0)
    measure = aggregate.begin("GET")
    measure.route, measure.status, measure.ended_ns = "/", 200, measure.started_ns + _MS
    measure.add_offloaded(3 * _MS)
    assert rows(aggregate) == {}

    aggregate.record(measure)

    (row,) = rows(aggregate).values()
    assert (row.requests, row.late_cpu_ns) == (1, 3 * _MS)

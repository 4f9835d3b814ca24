"""One process's recording: counted from any thread, and from inside its own counting."""

import gc
import threading

import pytest

from costmon.meter.figures import OTHER, UNMATCHED
from costmon.meter.measuring.aggregate import Aggregate


class Clocks:
    """Counts requests with a given CPU."""

    def __init__(self, aggregate):
        self.aggregate = aggregate

    def request(self, route="/", *, cpu_ns=1_000_000, method="GET", status=200):
        measure = self.aggregate.begin(method)
        measure.route, measure.status, measure.cpu_ns = route, status, cpu_ns
        measure.end()
        return measure


@pytest.fixture
def aggregate():
    return Aggregate(warmup_s=0)


@pytest.fixture
def clocks(aggregate):
    return Clocks(aggregate)


def rows(aggregate):
    whole, _ = aggregate.phases()
    return {(row.method, row.route, row.status): row for row in whole.routes}


def test_requests_of_one_route_method_and_status_are_one_row(aggregate, clocks):
    clocks.request("/a", cpu_ns=1_000_000)
    clocks.request("/a", cpu_ns=3_000_000)
    clocks.request("/a", status=404)
    clocks.request("/a", method="POST")

    found = rows(aggregate)

    assert set(found) == {("GET", "/a", 200), ("GET", "/a", 404), ("POST", "/a", 200)}
    row = found["GET", "/a", 200]
    assert (row.requests, row.cpu_ns, row.cpu_measured) == (2, 4_000_000, 2)
    assert row.cpu_squares == 1000**2 + 3000**2  # in microseconds
    assert sum(row.cpu.values()) == sum(row.wall.values()) == 2


def test_after_a_thousand_routes_all_others_are_one_row(aggregate, clocks):
    for number in range(2_000):
        clocks.request(f"/{number}")

    found = rows(aggregate)

    assert len(found) == 1_001
    assert found["GET", OTHER, 200].requests == 1_000


def test_what_no_route_took_is_one_row(aggregate, clocks):
    for _ in range(10):
        clocks.request(None, status=404)

    assert rows(aggregate)["GET", UNMATCHED, 404].requests == 10


def test_methods_that_somebody_made_up_are_one_row(aggregate, clocks):
    for number in range(10):
        clocks.request("/", method=f"X{number}")

    assert rows(aggregate)[OTHER, "/", 200].requests == 10


def test_a_request_that_is_counted_before_its_end_is_counted_once(aggregate):
    measure = aggregate.begin("GET")
    measure.route, measure.status, measure.cpu_ns, measure.bytes_out = "/", 200, 5_000, 10
    measure.count()
    early = rows(aggregate)["GET", "/", 200]
    measure.cpu_ns, measure.bytes_out = 2_000_000, 1_000
    measure.end()

    late = rows(aggregate)["GET", "/", 200]

    assert (early.requests, early.cpu_ns, early.bytes_out) == (1, 5_000, 10)
    assert (late.requests, late.cpu_ns, late.bytes_out) == (1, 2_000_000, 1_000)
    assert late.cpu_squares == 2_000**2
    assert sum(late.cpu.values()) == sum(late.wall.values()) == 1


def test_a_scatter_below_a_microsecond_is_not_lost(aggregate, clocks):
    clocks.request(cpu_ns=1_000_400)
    clocks.request(cpu_ns=1_000_800)

    assert rows(aggregate)["GET", "/", 200].cpu_squares == 1_000_800 + 1_001_600


def test_ending_twice_counts_once(aggregate, clocks):
    measure = clocks.request()
    measure.end()

    assert rows(aggregate)["GET", "/", 200].requests == 1


def test_work_after_the_end_is_late(aggregate, clocks):
    measure = clocks.request(cpu_ns=1_000)
    measure.add_step(500)
    measure.add_offloaded(700)

    row = rows(aggregate)["GET", "/", 200]

    assert (row.cpu_ns, row.late_cpu_ns) == (1_000, 1_200)


def test_work_long_after_the_end_is_nobodys(aggregate, clocks):
    measure = clocks.request()
    measure.ended_ns -= 61 * 1_000_000_000
    measure.add_step(500)

    assert rows(aggregate)["GET", "/", 200].late_cpu_ns == 0


def test_cpu_of_other_threads_is_in_the_request_and_told_apart(aggregate):
    measure = aggregate.begin("GET")
    measure.route, measure.status, measure.cpu_ns = "/", 200, 1_000
    measure.add_offloaded(200)
    measure.add_offloaded(300)
    measure.end()

    row = rows(aggregate)["GET", "/", 200]

    assert (row.cpu_ns, row.offloaded_cpu_ns) == (1_500, 500)


def test_a_sample_measures_the_cpu_of_one_in_k_and_counts_all():
    aggregate = Aggregate(warmup_s=0, sample=10)
    clocks = Clocks(aggregate)
    for _ in range(1_000):
        clocks.request(cpu_ns=1_000)

    row = rows(aggregate)["GET", "/", 200]

    assert row.requests == 1_000
    assert 90 <= row.cpu_measured <= 110
    assert row.cpu_ns == row.cpu_measured * 1_000
    assert row.cpu_estimate_ns == 1_000_000


def test_the_warm_up_is_recorded_and_left_out_of_what_is_settled():
    aggregate = Aggregate(warmup_s=1_000)
    clocks = Clocks(aggregate)
    clocks.request("/early")
    assert set(rows(aggregate)) == {("GET", "/early", 200)}
    aggregate._settles_ns = aggregate._turn_ns = 0
    clocks.request("/later")

    whole, settled = aggregate.phases()

    assert [row.route for row in whole.routes] == ["/early", "/later"]
    assert [row.route for row in settled.routes] == ["/later"]
    assert settled.process_cpu_ns <= whole.process_cpu_ns


def test_after_a_stop_clocks_stand(aggregate, clocks):
    clocks.request()
    aggregate.stop()

    first, _ = aggregate.phases()
    second, _ = aggregate.phases()

    assert not aggregate.is_recording
    assert (first.seconds, first.process_cpu_ns) == (second.seconds, second.process_cpu_ns)


def test_threads_lose_no_request():
    aggregate = Aggregate(warmup_s=0)
    clocks = Clocks(aggregate)

    def work():
        for number in range(2_000):
            clocks.request(f"/{number % 7}", cpu_ns=1_000)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = rows(aggregate).values()
    assert sum(row.requests for row in found) == 16_000
    assert sum(row.cpu_ns for row in found) == 16_000_000
    assert not aggregate.live


def test_a_request_that_the_garbage_collector_ends_inside_our_counting_is_counted(aggregate):
    """A body nobody holds may be collected in any allocation, also under our own lock."""

    class Abandoned:
        def __init__(self):
            self.measure = aggregate.begin("GET")
            self.measure.route, self.measure.status = "/abandoned", 200
            self.itself = self

        def __del__(self):
            self.measure.end()

    class Collecting(dict[int, int]):
        """A row's buckets whose change makes the collector run."""

        def __setitem__(self, key, value):
            super().__setitem__(key, value)
            gc.collect()

    first = aggregate.begin("GET")
    first.route, first.status = "/", 200
    first.end()
    assert rows(aggregate)
    first.row.wall = Collecting()
    Abandoned()

    second = aggregate.begin("GET")
    second.route, second.status = "/", 200
    second.end()

    assert {key: row.requests for key, row in rows(aggregate).items()} == {
        ("GET", "/", 200): 2,
        ("GET", "/abandoned", 200): 1,
    }

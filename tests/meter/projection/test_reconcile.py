from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from costmon.meter.figures import RouteStats, merged_phases
from costmon.meter.histogram import bucket_of
from costmon.meter.options import Options
from costmon.meter.projection import project
from costmon.meter.projection.reconcile import bill_of, books_of
from costmon.meter.projection.values import Projection
from tests.meter.projection.parts import MIB, MS, PRICES, TODAY, S, phase, projected, row, snapshot


@st.composite
def rows(draw):
    requests = draw(st.integers(0, 10**7))
    sample = draw(st.sampled_from([1, 1, 10]))
    measured = requests // sample
    each_ns = draw(st.integers(0, 10**10))
    cpu_ns = measured * each_ns + draw(st.sampled_from([0, 5 * S]))
    return RouteStats(
        method=draw(st.sampled_from(["GET", "POST", "WEBSOCKET"])),
        route=draw(st.sampled_from(["/", "/a/{id}", "(unmatched)", "/<script>"])),
        status=draw(st.sampled_from([200, 404, 500])),
        requests=requests,
        cpu_ns=cpu_ns,
        late_cpu_ns=draw(st.integers(0, 10**12)) if measured else 0,
        wall_ns=requests * each_ns,
        in_flight_ns=requests * each_ns * draw(st.integers(1, 100)),
        bytes_out=draw(st.integers(0, 10**15)),
        cpu_measured=measured,
        cpu_squares=measured * (each_ns // 1000) ** 2,
        cpu={bucket_of(each_ns): measured} if measured else {},
        wall={bucket_of(each_ns): requests} if requests else {},
    )


@st.composite
def phases(draw):
    found = draw(st.lists(rows(), max_size=8, unique_by=lambda one: one.key))
    attributed = sum(one.cpu_estimate_ns for one in found)
    # Mostly a process that used more than its routes; now and then less, as a sample may say.
    process_cpu_ns = attributed + draw(st.integers(-attributed // 10, 10**14))
    return phase(
        *found,
        seconds=draw(st.floats(0, 10**7)),
        processes=draw(st.integers(1, 64)),
        process_cpu_ns=max(0, process_cpu_ns),
        gc_cpu_ns=draw(st.integers(0, 10**13)),
    )


@st.composite
def settings(draw):
    return Options(
        target_users=draw(st.integers(0, 10**7)),
        requests_per_user_per_second=draw(st.decimals(0, 100, places=4)),
        target_utilisation=draw(st.decimals("0.05", 1, places=2)),
        cpu_factor=draw(st.decimals("0.1", 5, places=2)),
        budget_usd=draw(st.decimals(0, 1000, places=2)),
        instance=draw(st.sampled_from(["", "", "t3.nano", "c5.9xlarge"])),
        sample=draw(st.sampled_from([1, 10])),
    )


@given(phases())
def test_routes_late_work_collections_rest_and_idle_are_the_process(settled):
    books = books_of(settled)

    used = books.routes_ns + books.late_ns + books.collections_ns + books.residual_ns
    assert used == books.process_ns + books.excess_ns
    assert books.process_ns + books.idle_ns == books.capacity_ns
    assert min(books) >= 0


@given(st.lists(phases(), max_size=4))
def test_books_of_many_processes_are_the_sum_of_theirs(several):
    together = books_of(merged_phases(several))

    assert together.process_ns == sum(books_of(one).process_ns for one in several)
    used = together.routes_ns + together.late_ns + together.collections_ns + together.residual_ns
    assert used == together.process_ns + together.excess_ns


@given(phases(), settings(), st.integers(0, 200), st.integers(0, 10**11))
def test_routes_rest_idle_and_traffic_are_the_fleet(settled, options, threads, rss_bytes):
    shot = snapshot(settled=settled, options=options, threads=threads, rss_bytes=rss_bytes)

    found = project(shot, PRICES, today=TODAY)

    if not isinstance(found, Projection):
        assert not any(one.requests for one in settled.routes)
        return
    bill = bill_of(found)
    assert bill.is_balanced
    assert min(bill) >= 0
    assert abs(found.fleet.monthly_usd - (bill.total_usd - bill.egress_usd)) <= Decimal("0.01")
    for route in found.routes:
        assert 0 <= route.egress_usd <= route.monthly_usd
        if route.monthly_low_usd is not None and route.monthly_high_usd is not None:
            assert 0 <= route.monthly_low_usd <= route.monthly_usd <= route.monthly_high_usd
    costs = [point.monthly_usd for point in found.curve]
    assert costs == sorted(costs)


def test_collections_are_shown_apart_from_the_rest():
    books = books_of(
        phase(row(times=10), seconds=10.0, process_cpu_ns=700 * MS, gc_cpu_ns=150 * MS)
    )

    assert books.routes_ns == 500 * MS
    assert books.collections_ns == 150 * MS
    assert books.residual_ns == 50 * MS
    assert books.idle_ns == 9300 * MS


def test_work_after_the_answer_is_shown_apart():
    books = books_of(phase(row(times=10, requests=100, late_cpu_ns=250 * MS)))

    assert books.routes_ns == 5000 * MS
    assert books.late_ns == 2500 * MS


def test_routes_that_are_charged_more_than_the_process_used_are_said_to_be():
    books = books_of(phase(row(times=10), process_cpu_ns=400 * MS))

    assert books.excess_ns == 100 * MS
    assert books.residual_ns == 0


def test_a_process_that_used_more_than_one_vcpu_is_never_idle_for_less_than_nothing():
    books = books_of(phase(row(times=10), seconds=1.0, process_cpu_ns=5 * S))

    assert books.idle_ns == 0
    assert books.capacity_ns == 5 * S


def test_idle_money_is_what_the_target_leaves_free():
    found = projected(row(), users=120, instance="c5.large", rss_bytes=60 * MIB)

    # 6 busy vCPUs of 10.
    assert found.attributed_usd == round(found.monthly_usd * 6 / 10, 2)
    assert found.residual_usd == 0
    assert found.idle_usd == found.monthly_usd - found.attributed_usd

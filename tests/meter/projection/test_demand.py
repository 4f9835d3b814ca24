from decimal import Decimal

import pytest

from costmon.meter.options import Options
from costmon.meter.projection.demand import Demand, workers_of
from costmon.meter.projection.measured import measured
from tests.meter.projection.parts import MIB, MS, S, phase, row, snapshot


def demand(*rows, process_cpu_ns=None, seconds=600.0, **options):
    settled = phase(*rows, process_cpu_ns=process_cpu_ns, seconds=seconds)
    return Demand(measured(settled), Options(**options))


def test_users_times_their_rate_times_the_mean_are_busy_vcpus():
    of = demand(row("/", 50 * MS), requests_per_user_per_second=Decimal("0.5"))

    load = of.of_all(1000)

    assert of.requests_per_second(1000) == 500
    assert load.attributed_vcpu == 25
    assert load.residual_vcpu == 0


def test_requests_in_flight_are_their_rate_times_their_time():
    assert demand(row("/", 1 * MS, wall_ns=200 * MS)).of_all(500).in_flight == 100


def test_a_months_bytes_are_those_of_730_hours():
    assert demand(row(times=10, bytes_out=5000)).of_all(2).month_bytes == 2 * 500 * 730 * 3600


def test_the_factor_is_for_all_cpu():
    rows = row("/", 1 * MS)
    plain, slow = (
        demand(rows, process_cpu_ns=2 * S, cpu_factor=Decimal(factor)).of_all(10_000)
        for factor in (1, 3)
    )

    assert plain.residual_vcpu > 2
    assert slow.attributed_vcpu == 3 * plain.attributed_vcpu
    # More processes, too, each of which is busy with something in any case.
    assert slow.residual_vcpu > 3 * plain.residual_vcpu


def test_the_servers_part_grows_with_the_factor():
    of = demand(row("/", 1 * MS), process_cpu_ns=1200 * MS, cpu_factor=Decimal(2))

    assert of.of_all(1000).residual_vcpu == Decimal("0.4")


def test_work_in_any_case_is_once_for_each_process():
    # 1 % of a vCPU in any case, and 1 ms a request.
    of = demand(row("/", 1 * MS, times=10), process_cpu_ns=6012 * MS, seconds=600.0)

    assert of.background_vcpu == Decimal("0.01")
    assert of.of_all(1).residual_vcpu == Decimal("0.0002") + Decimal("0.01")
    assert of.of_all(1000).residual_vcpu == Decimal("0.2") + Decimal("0.01") * 2


def test_routes_loads_add_up_to_the_whole():
    of = demand(row("/a", 7 * MS, times=30, bytes_out=999), row("/b", 2 * MS, times=70))
    both = measured(phase(row("/a", 7 * MS, times=30), row("/b", 2 * MS, times=70))).routes

    parts = [of.of_route(route, 100) for route in both]

    whole = of.of_all(100)
    assert sum(part.attributed_vcpu for part in parts) == whole.attributed_vcpu
    assert sum(part.in_flight for part in parts) == whole.in_flight


@pytest.mark.parametrize(("threads", "at_once"), [(0, 1), (1, 1), (8, 8), (64, 64), (65, None)])
def test_a_process_does_what_it_was_seen_to_do(threads, at_once):
    assert workers_of(snapshot(row(), threads=threads)).at_once == at_once


def test_memory_is_what_was_read():
    assert workers_of(snapshot(row(), rss_bytes=60 * MIB)).rss_bytes == 60 * MIB
    assert workers_of(snapshot(row(), rss_bytes=-1)).rss_bytes == 0

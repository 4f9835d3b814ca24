"""The reference system's defects in what it projects, one by one, with the figures it gave.

Its rules: cores = requests a second * median of the duration on a clock, in whole milliseconds;
the cheapest instance with so many vCPUs, else the last one in its list; each route pays for a
whole one.
"""

from decimal import Decimal
from itertools import pairwise

import pytest

from costmon.meter.histogram import quantile
from costmon.meter.projection.machines import SYSTEM_GIB
from tests.meter.projection.parts import MIB, MS, US, only, phase, projected, row

# Defect 3: 50 ms at 1k, 10k, 100k and 1M users cost $1,121.28, one m5.8xlarge, each time.

THEIRS_USD = Decimal("1121.28")


def test_a_thousand_times_the_users_cost_about_a_thousand_times_as_much():
    few, many = (projected(row(), users=users) for users in (1_000, 1_000_000))

    assert few.monthly_usd > THEIRS_USD
    assert many.monthly_usd / few.monthly_usd == pytest.approx(Decimal(1000), rel=Decimal("0.01"))


def test_a_million_users_are_not_served_by_the_largest_machine_there_is():
    found = projected(row(), users=1_000_000)

    assert found.fleet.instances * found.fleet.instance.vcpu >= 50_000 / Decimal("0.6")
    assert found.monthly_usd > 1380 * THEIRS_USD


def test_the_cost_curve_is_not_flat_above_a_thousand_users():
    curve = [point for point in projected(row()).curve if point.users >= 1000]

    assert all(
        Decimal("1.9") < later.monthly_usd / sooner.monthly_usd < Decimal("2.6")
        for sooner, later in pairwise(curve)
    )


# Defect 4: 20 routes that do nothing cost 20 machines, $76.


def test_twenty_trivial_routes_share_one_machine():
    found = projected(*(row(f"/r{number}", 100 * US) for number in range(20)), users=10)

    assert found.fleet.instances == 1
    assert found.monthly_usd == Decimal("3.80")
    assert {route.monthly_usd for route in found.routes} == {Decimal("0.19")}


# Defect 5: what a request cost, times the requests of a month, was 50 times what the month cost.


def test_the_cost_of_requests_and_the_cost_of_a_month_agree():
    found = projected(row(), users=100_000, rss_bytes=0, instance="c5.9xlarge")

    requests = 100_000 * 3600 * 730
    of_requests = found.routes[0].marginal_usd_per_1000 * requests / 1000
    # Marginal cost is that of CPU alone: of this machine, 9 * 36 parts of 9 * 36 + 72.
    cpu_share = Decimal(9 * 36) / (9 * 36 + 72)
    assert of_requests / cpu_share == pytest.approx(found.monthly_usd, rel=Decimal("0.005"))


# Defect 6: 94 % at 10 ms and 6 % at 2 s, a mean of 129 ms, was sized for the median: 10 ms.


def test_a_route_with_slow_requests_is_sized_by_its_mean():
    found = projected(row(values=[10 * MS] * 940 + [2000 * MS] * 60), users=1000)

    assert found.routes[0].cpu_mean_ns == pytest.approx(129.4 * MS)
    assert found.fleet.vcpu_needed == round(Decimal("129.4") / Decimal("0.6"), 6)
    assert found.routes[0].cpu.p50_ns < 10.2 * MS


# Defect 7: what takes less than a millisecond cost nothing: 100,000 requests a second on a t3.nano.


def test_requests_below_a_millisecond_are_not_free():
    found = projected(row("/", 300 * US), users=100_000)

    assert found.fleet.vcpu_needed == 50
    assert found.monthly_usd > 1000
    assert found.routes[0].marginal_usd_per_1000 > 0


# Defect 8: a t3.nano counted as two whole vCPUs; memory and headroom did not count.


def test_a_burstable_machine_is_not_two_whole_vcpus():
    found = projected(row(), users=10, instance="t3.nano")

    # 0.5 vCPUs busy at 60 %, of 0.1 that each may use for ever.
    assert found.fleet.instances == 9


def test_machines_are_not_planned_to_be_fully_busy():
    found = projected(row(), users=40, prices=only("c5.large"), rss_bytes=0)

    assert found.fleet.instances == 2
    assert found.fleet.cpu_utilisation <= Decimal("0.6")


def test_a_process_that_needs_more_memory_than_a_machine_has_gets_a_larger_one():
    found = projected(row("/", 100 * US), users=1, rss_bytes=700 * MIB)

    assert found.fleet.instance.memory_gib - SYSTEM_GIB >= Decimal(700) / 1024
    assert found.fleet.instance.name == "t3.micro"


# Defect 9: p99 of 100 was their maximum, and p50 of two the larger one.


def test_the_99th_percentile_of_a_hundred_is_not_their_maximum():
    found = projected(row(values=[10 * MS] * 99 + [5000 * MS])).routes[0]

    assert found.cpu.p99_ns < 11 * MS


def test_the_median_of_two_is_not_the_larger_one():
    found = projected(row(values=[10 * MS, 90 * MS])).routes[0]

    assert found.cpu.p50_ns < 11 * MS
    assert quantile({1: 1, 2: 1}, 0.5) == 1


def test_cents_are_not_lost_by_rounding_each_route():
    found = projected(*(row(f"/r{number}", 1 * MS) for number in range(7)), users=10)

    assert sum(route.monthly_usd for route in found.routes) == found.monthly_usd


# Defect 10, as far as it is a matter of cost: 100 sleeping requests were 20 busy cores.


def test_requests_that_sleep_need_no_cores():
    found = projected(row("/sleep", 270 * US, wall_ns=200 * MS), users=500, threads=200)

    # 500 a second for 0.2 s are 100 at once, and 0.135 busy vCPUs.
    assert found.fleet.vcpu_needed == Decimal("0.225")
    assert found.fleet.binding != "workers"


def test_observed_requests_a_second_do_not_depend_on_a_made_up_window():
    one, other = (
        projected(settled=phase(row(), seconds=seconds), users=1000) for seconds in (60.0, 3000.0)
    )

    assert one.monthly_usd == other.monthly_usd

import datetime as dt
from decimal import Context, Decimal, Inexact, localcontext

import pytest

from costmon.errors import PriceUnknownError
from costmon.meter.figures import merged_phases
from costmon.meter.histogram import bucket_of
from costmon.meter.projection import project
from costmon.meter.projection.values import Projection
from costmon.pricing.aws.tiers import Tier
from costmon.pricing.instances.prices import listed
from tests.meter.projection.parts import (
    AS_OF,
    INSTANCES,
    MIB,
    MS,
    PRICES,
    TODAY,
    S,
    instance,
    only,
    phase,
    projected,
    row,
    snapshot,
)


def by_name(found):
    return {f"{route.method} {route.route}": route for route in found.routes}


# The line: 50 ms at 1k, 10k, 100k and 1M users.


@pytest.mark.parametrize("users", [1_000, 10_000, 100_000, 1_000_000])
def test_50_ms_cost_linearly_within_one_machine(users):
    found = projected(row(), users=users)

    vcpus = users * Decimal("0.05") / Decimal("0.6")
    exact_usd = vcpus * Decimal("0.0425") * 730
    one_machine_usd = found.fleet.instance.hourly_usd * 730
    assert 0 <= found.monthly_usd - exact_usd < one_machine_usd + Decimal("0.01")
    assert found.fleet.binding == "cpu"


def test_the_published_figure_of_a_million_users_is_met():
    # 50,000 busy vCPUs are 1,389 c5.9xlarge at full use, $1.55M a month.
    found = projected(row(), users=1_000_000, target_utilisation=Decimal(1), instance="c5.9xlarge")

    assert found.fleet.instances == 1389
    assert found.monthly_usd == Decimal("1551374.10")


def test_the_sum_of_routes_is_the_fleet():
    rows = (row(f"/r{number}", (number + 1) * 37_123, times=7 + number) for number in range(300))

    found = projected(*rows, users=5000)

    assert sum(route.monthly_usd for route in found.routes) == found.monthly_usd
    assert sum(route.egress_usd for route in found.routes) == found.egress_usd


# Shares.


def test_routes_pay_by_their_cpu_and_not_by_the_clock():
    found = projected(
        row("/busy", 30 * MS, wall_ns=31 * MS), row("/sleepy", 1 * MS, wall_ns=900 * MS)
    )

    routes = by_name(found)
    assert routes["GET /busy"].monthly_usd > 29 * routes["GET /sleepy"].monthly_usd


def test_routes_pay_by_their_time_in_flight_where_that_decides():
    found = projected(
        row("/busy", 1 * MS, wall_ns=2 * MS),
        row("/sleepy", 1 * MS, wall_ns=8000 * MS),
        threads=1,
    )

    routes = by_name(found)
    assert found.fleet.binding == "workers"
    assert routes["GET /sleepy"].monthly_usd > 1000 * routes["GET /busy"].monthly_usd


def test_what_is_in_no_route_is_spread_by_requests():
    rows = row("/light", 0, times=900), row("/heavy", 10 * MS, times=100)
    found = projected(settled=phase(*rows, process_cpu_ns=1200 * MS), rss_bytes=0)

    # 1 s in /heavy, and 0.2 s in no route: 0.18 s of it for /light's requests.
    routes = by_name(found)
    share = routes["GET /light"].monthly_usd / found.monthly_usd
    assert share == pytest.approx(Decimal("0.15"), abs=Decimal("0.0001"))


def test_work_after_the_answer_is_paid():
    plain = projected(row("/a", 10 * MS))
    late = projected(row("/a", 10 * MS, late_cpu_ns=5_000 * MS))

    assert late.routes[0].cpu_mean_ns == 15 * MS
    assert late.fleet.vcpu_needed == 25
    assert plain.fleet.vcpu_needed < 17


def test_a_sample_projects_as_all_would():
    every = projected(row("/a", 10 * MS, times=1000), row("/b", 20 * MS, times=500))
    sampled = projected(
        row("/a", 10 * MS, times=100, requests=1000),
        row("/b", 20 * MS, times=50, requests=500),
        sample=10,
    )

    assert sampled.monthly_usd == every.monthly_usd
    assert [one.monthly_usd for one in sampled.routes] == [one.monthly_usd for one in every.routes]


def test_a_slower_cloud_costs_more_and_the_measured_mean_stays():
    found = projected(row(), cpu_factor=Decimal("1.5"))

    assert found.fleet.vcpu_needed == Decimal(125)
    assert found.routes[0].cpu_mean_ns == 50 * MS


def test_an_open_socket_is_charged_its_cpu():
    live = row("/live", method="WEBSOCKET", times=0)._replace(cpu_ns=50 * S)

    found = projected(row("/a", 50 * MS, times=1000), live, rss_bytes=0)

    routes = by_name(found)
    assert routes["WEBSOCKET /live"].requests == 0
    assert routes["WEBSOCKET /live"].monthly_usd == routes["GET /a"].monthly_usd


# Figures of a route.


def test_a_thousand_more_requests_cost_their_cpu_at_the_target_utilisation():
    found = projected(row(), instance="c5.large", rss_bytes=0)

    # 50 s / 0.6 on a vCPU; of 2 vCPUs and 4 GiB at 9:1, one vCPU is 9/22 of $0.085 an hour.
    hours = Decimal(50) / Decimal("0.6") / 3600
    expected = hours * Decimal("0.085") * 9 / 22
    assert found.routes[0].marginal_usd_per_1000 == round(expected, 9)


def test_a_thousand_more_requests_cost_the_servers_cpu_and_the_clouds_slowness_too():
    rows = row("/a", 1 * MS)
    plain = projected(rows, instance="c5.large")
    served = projected(settled=phase(rows, process_cpu_ns=1100 * MS), instance="c5.large")
    slow = projected(rows, instance="c5.large", cpu_factor=Decimal(2))

    marginal_usd = plain.routes[0].marginal_usd_per_1000
    for found, times in ((served, Decimal("1.1")), (slow, Decimal(2))):
        ratio = found.routes[0].marginal_usd_per_1000 / marginal_usd
        assert ratio == pytest.approx(times, rel=Decimal("0.0001"))


def test_a_vcpu_of_a_burstable_machine_costs_what_it_may_be_used_for():
    found = projected(row(), instance="t3.nano", users=1, rss_bytes=0)

    hours = Decimal(50) / Decimal("0.6") / 3600
    of_baseline = Decimal("0.0052") * 9 / (9 * Decimal("0.1") + Decimal("0.5"))
    assert found.routes[0].marginal_usd_per_1000 == round(hours * of_baseline, 9)


def test_a_burstable_machine_is_used_as_far_as_its_baseline_is():
    found = projected(row(), instance="t3.nano", users=1, rss_bytes=0)

    # 0.05 busy vCPUs of 0.1.
    assert found.fleet.cpu_utilisation == Decimal("0.5")
    assert found.attributed_usd == found.idle_usd == Decimal("1.90")


def test_marginal_costs_do_not_depend_on_what_is_idle():
    few, many = (
        projected(row(), users=users, instance="c5.large").routes[0] for users in (1, 100_000)
    )

    assert few.marginal_usd_per_1000 == many.marginal_usd_per_1000


def test_a_user_pays_their_part_of_the_month():
    found = projected(row(), users=1000)

    assert found.routes[0].user_usd == found.monthly_usd / 1000


def test_the_interval_holds_the_cost_and_narrows_with_requests():
    values = [20 * MS, 80 * MS]
    few, many = (projected(row(values=values * times)).routes[0] for times in (10, 1000))

    for one in (few, many):
        assert one.cpu_low_ns < one.cpu_mean_ns < one.cpu_high_ns
        assert one.monthly_low_usd < one.monthly_usd < one.monthly_high_usd
    assert many.cpu_high_ns - many.cpu_low_ns < (few.cpu_high_ns - few.cpu_low_ns) / 9
    low_share = many.monthly_low_usd / many.monthly_usd
    assert low_share == pytest.approx(
        Decimal(many.cpu_low_ns) / many.cpu_mean_ns, rel=Decimal("1e-5")
    )


def test_a_route_asked_once_has_no_interval():
    found = projected(row(times=1)).routes[0]

    assert found.cpu_low_ns is None
    assert found.monthly_high_usd is None
    assert found.few


def test_percentiles_of_cpu_and_of_the_clock_are_apart():
    slow = {bucket_of(10 * MS): 90, bucket_of(400 * MS): 10}

    found = projected(row("/n+1", 5 * MS, times=100, wall=slow)).routes[0]

    assert not found.cpu.flagged
    assert (found.wall.flagged, found.wall.waits) == (False, True)


def test_requests_that_do_more_work_are_flagged_by_their_cpu():
    slow = {bucket_of(10 * MS): 90, bucket_of(400 * MS): 10}

    found = projected(row("/n+1", 49 * MS, times=100, cpu=slow, wall=slow)).routes[0]

    assert found.cpu.flagged
    assert (found.wall.flagged, found.wall.waits) == (False, True)


def test_a_region_without_prices_is_projected_with_the_nearest_known_one_and_marked():
    prices = listed().nearest("AWS", "eu-west-1")
    found = projected(row("/", 5 * MS, times=100), prices=prices)

    assert (found.region, found.prices_of) == ("eu-west-1", "us-east-1")
    assert any("eu-west-1 are not known" in note for note in found.notes)
    assert found.fleet.instance.region == "us-east-1"


def test_the_recommendation_is_what_a_route_needs_alone():
    found = projected(row("/heavy", 100 * MS), row("/light", 1 * MS), users=100)

    routes = by_name(found)
    assert routes["GET /light"].recommended.vcpu_needed < Decimal("0.1")
    assert routes["GET /heavy"].recommended.vcpu_needed > 8


def test_the_dearest_route_comes_first():
    found = projected(row("/a", 1 * MS), row("/b", 9 * MS), row("/c", 3 * MS))

    assert [route.route for route in found.routes] == ["/b", "/c", "/a"]


# Traffic.


def test_the_free_allowance_is_used_once_for_all_routes():
    # 1 kB a request at 100 requests a second: 262.8 GB (10**9) a month, 244.76 GB (2**30).
    rows = [row(f"/r{number}", times=500, bytes_out=500_000) for number in range(2)]

    found = projected(*rows, users=100)

    total = Decimal(100 * 1000 * 3600 * 730) / 2**30
    assert found.egress_usd == round((total - 100) * Decimal("0.09"), 2)
    assert found.routes[0].egress_usd + found.routes[1].egress_usd == found.egress_usd


def test_traffic_is_divided_by_bytes():
    found = projected(
        row("/small", bytes_out=1_000_000), row("/large", bytes_out=99_000_000), users=1000
    )

    routes = by_name(found)
    share = routes["GET /large"].egress_usd / found.egress_usd
    assert share == pytest.approx(Decimal("0.99"), abs=Decimal("0.0001"))


def test_more_traffic_costs_what_the_next_byte_costs():
    found = projected(row(bytes_out=10**9), users=1000, instance="c5.large")
    without = projected(row(), users=1000, instance="c5.large")

    added = found.routes[0].marginal_usd_per_1000 - without.routes[0].marginal_usd_per_1000
    assert added == pytest.approx(Decimal(10**9) / 2**30 * Decimal("0.085"), rel=Decimal("1e-6"))


# Users.


def test_the_curve_goes_from_100_to_a_million_and_never_falls_or_stops():
    curve = projected(row()).curve

    assert [point.users for point in curve] == [
        step * scale for scale in (100, 1000, 10_000, 100_000) for step in (1, 2, 5)
    ] + [1_000_000]
    costs = [point.monthly_usd for point in curve]
    assert costs == sorted(costs)
    assert len(set(costs)) == len(costs)
    assert costs[-1] > 9 * costs[-4]


def test_the_curve_meets_the_projection_at_the_target():
    found = projected(row(bytes_out=10**7), users=5000)

    [point] = [point for point in found.curve if point.users == 5000]
    assert point.monthly_usd == found.monthly_usd
    assert point.fleet == found.fleet


def test_no_users_cost_one_machine():
    found = projected(row(), users=0)

    assert found.fleet.instances == 1
    assert found.routes[0].user_usd == found.monthly_usd > 0


def test_routes_without_any_cpu_share_by_their_requests():
    found = projected(row("/a", 0, times=300), row("/b", 0, times=100), instance="c5.large")

    routes = by_name(found)
    assert routes["GET /a"].monthly_usd == pytest.approx(
        3 * routes["GET /b"].monthly_usd, abs=Decimal("0.04")
    )


def test_many_workers_merged_cost_what_one_would_with_the_same_requests():
    parts = [phase(row("/a", 10 * MS, times=250)) for _ in range(4)]

    merged = projected(settled=merged_phases(parts))
    one = projected(row("/a", 10 * MS, times=1000))

    assert merged.monthly_usd == one.monthly_usd


# Around it.


def test_an_instance_that_is_not_in_the_list_is_refused():
    with pytest.raises(PriceUnknownError, match=r"m9z\.large in AWS us-east-1"):
        projected(row(), instance="m9z.large")


def test_the_applications_own_decimal_settings_do_not_matter():
    with localcontext(Context(prec=3, traps=[Inexact])):
        coarse = projected(row(bytes_out=10**9))

    assert coarse == projected(row(bytes_out=10**9))


def test_the_applications_decimal_settings_are_left_alone():
    with localcontext(Context(prec=7)) as context:
        projected(row())

        assert context.prec == 7


def test_prices_carry_their_date_and_source():
    fresh, old = (projected(row(), today=AS_OF + dt.timedelta(days=days)) for days in (180, 181))

    assert (fresh.prices_as_of, fresh.prices_source) == (AS_OF, "AWS price list")
    assert not fresh.prices_stale
    assert old.prices_stale


def test_a_merged_snapshot_of_a_list_with_one_type_is_projected():
    found = projected(row(), prices=only("m5.large"))

    assert found.fleet.instance.name == "m5.large"


def test_a_price_of_traffic_that_is_unknown_is_not_free_in_silence():
    found = projected(row(bytes_out=1000), prices=PRICES._replace(egress=()))

    assert found.egress_usd == 0
    assert any("price of traffic from AWS us-east-1 is not known" in one for one in found.notes)


def test_all_routes_of_a_list_are_there_however_many():
    rows = [row(f"/r{number}", number * 1000, times=10) for number in range(1000)]

    found = project(snapshot(*rows), PRICES, today=TODAY)

    assert isinstance(found, Projection)
    assert len(found.routes) == 1000
    assert sum(route.monthly_usd for route in found.routes) == found.monthly_usd


def test_types_that_cost_next_to_nothing_and_memory_of_terabytes_do_no_harm():
    tiny = instance("x.tiny", 1, "0.1", "0.0000000001")
    prices = PRICES._replace(instances=(tiny, *INSTANCES), egress=(Tier(Decimal(0), Decimal(9)),))

    found = projected(row(), prices=prices, rss_bytes=2 * 1024 * 1024 * MIB, instance="x.tiny")

    assert found.monthly_usd >= 0

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.errors import InputError, PriceUnknownError
from costmon.meter.projection.demand import Load, Workers
from costmon.meter.projection.machines import MOST_SMALL, SYSTEM_GIB, Machines
from costmon.meter.projection.values import HOURS_A_MONTH
from tests.meter.projection.parts import INSTANCES, MIB, PRICES, instance, only

NONE = Decimal(0)


def machines(prices=PRICES, *, rss_bytes=60 * MIB, at_once=8, utilisation="0.6", name=""):
    return Machines(
        prices,
        workers=Workers(rss_bytes, at_once),
        utilisation=Decimal(utilisation),
        only=name,
    )


def load(busy="0", in_flight="0"):
    return Load(Decimal(busy), NONE, Decimal(in_flight), 0)


def test_cpu_is_sized_at_the_target_utilisation():
    found = machines(only("c5.large")).fleet(load("3"))

    assert found.vcpu_needed == 5
    assert found.instances == 3
    assert found.binding == "cpu"
    assert found.cpu_utilisation == Decimal("0.5")
    assert found.monthly_usd == 3 * Decimal("0.085") * 730


def test_a_load_that_fills_machines_exactly_needs_no_other_one():
    # Divisions end somewhere: what is 2 vCPUs may come as a little more.
    a_little_more = Decimal("1.2") + Decimal("1e-20")

    found = machines(only("c5.large"), rss_bytes=0).fleet(Load(a_little_more, NONE, NONE, 0))

    assert found.instances == 1


def test_cpu_decides_where_memory_is_just_as_scarce():
    # 2 vCPUs and room for 2 processes.
    rss_bytes = int((4 - SYSTEM_GIB) * 1024 * MIB) // 2

    assert machines(only("c5.large"), rss_bytes=rss_bytes).fleet(load("1.2")).binding == "cpu"


def test_a_burstable_machine_counts_with_its_baseline():
    found = machines(only("t3.nano")).fleet(load("0.6"))

    assert found.vcpu_needed == 1
    assert found.instances == 10
    assert found.cpu_utilisation == Decimal("0.6")


def test_the_cheapest_types_win_and_not_the_first_or_the_largest():
    assert machines().fleet(load("0.01")).instance.name == "t3.nano"
    assert machines().fleet(load("1.1")).instance.name == "c5.large"


def test_of_what_costs_the_same_the_fewest_machines_are_taken():
    found = machines(only("c5.large", "c5.xlarge")).fleet(load("2.4"))

    assert (found.instance.name, found.instances) == ("c5.xlarge", 1)


def test_memory_of_the_processes_decides_where_it_is_scarcer():
    found = machines(only("c5.large"), rss_bytes=3 * 1024 * MIB).fleet(load("3"))

    # 5 vCPUs want 5 processes, and one has room in a machine.
    assert found.binding == "memory"
    assert found.instances == 5
    assert found.memory_gib_needed == 15


def test_more_memory_is_bought_where_it_is_worth_it():
    hungry = machines(only("c5.large", "r5.large"), rss_bytes=3 * 1024 * MIB)

    assert hungry.fleet(load("3")).instance.name == "r5.large"


def test_requests_in_flight_decide_where_they_need_more_processes_than_the_cpu():
    found = machines(only("c5.large"), at_once=1).fleet(load("0.1", in_flight="200"))

    assert found.workers_needed == 200
    assert found.binding == "workers"
    assert found.memory_gib_needed == Decimal("11.718750")
    assert found.instances == 4


def test_threads_share_a_process():
    found = machines(only("c5.large"), at_once=8).fleet(load("0.1", in_flight="200"))

    assert found.workers_needed == 25


def test_an_event_loop_waits_for_as_many_as_there_are():
    found = machines(only("c5.large"), at_once=None).fleet(load("0.1", in_flight="100000"))

    assert found.workers_needed == 1
    assert found.instances == 1


def test_a_machines_own_system_needs_memory_too():
    half_gib = Decimal("0.5") - SYSTEM_GIB
    fits = machines(only("t3.nano"), rss_bytes=int(half_gib * 1024 * MIB))
    does_not = machines(only("t3.nano"), rss_bytes=int(half_gib * 1024 * MIB) + MIB)

    assert not fits.is_cramped
    assert does_not.is_cramped


def test_a_type_without_room_for_one_process_is_left_out():
    found = machines(rss_bytes=1024 * MIB).fleet(load("0.001"))

    assert found.instance.name == "t3.small"


def test_a_pinned_type_that_is_too_small_is_sized_all_the_same():
    cramped = machines(rss_bytes=3 * 1024 * MIB, name="t3.nano")

    assert cramped.is_cramped
    # A tenth of a process has room in each.
    assert 10 <= cramped.fleet(load("0.001")).instances <= 11


def test_unknown_memory_is_not_sized_by():
    found = machines(rss_bytes=0, at_once=1).fleet(load("0.1", in_flight="5000"))

    assert found.instances == 1
    assert found.memory_gib_needed == 0


def test_a_pinned_type_is_used_whatever_is_cheaper():
    assert machines(name="R5.Large").fleet(load("0.001")).instance.name == "r5.large"


def test_an_unknown_type_is_refused_with_those_there_are():
    with pytest.raises(PriceUnknownError, match=r"m7x.large in AWS us-east-1 .* c5.12xlarge, c5"):
        machines(name="m7x.large")


def test_a_region_without_machines_is_refused():
    with pytest.raises(InputError, match="any machine in AWS us-east-1"):
        machines(PRICES._replace(instances=()))


def test_the_largest_load_takes_large_machines_and_as_many_as_it_needs():
    found = machines().fleet(load("50000"))

    assert found.instance.vcpu >= 32
    assert found.instances * found.instance.vcpu >= 83333


LOADS = st.decimals(0, 10**6, places=6)
RSS = st.integers(0, 8 * 1024 * MIB)
AT_ONCE = st.one_of(st.none(), st.integers(1, 64))
TYPES = st.lists(
    st.builds(
        lambda number, vcpu, gib, hourly, baseline: instance(
            f"x{number}", vcpu, gib, hourly, baseline=baseline
        ),
        st.integers(0, 10**6),
        st.integers(1, 192),
        st.sampled_from(["0.5", "1", "4", "16", "384"]),
        st.decimals("0.0001", "30", places=4).filter(bool),
        st.sampled_from(["0.05", "0.2", "1"]),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda one: one.name,
)


@given(TYPES, LOADS, LOADS, RSS, AT_ONCE)
def test_a_fleet_bears_its_load_in_every_resource(types, busy, in_flight, rss_bytes, at_once):
    prices = PRICES._replace(instances=tuple(types))
    of = machines(prices, rss_bytes=rss_bytes, at_once=at_once)

    found = of.fleet(Load(busy, NONE, in_flight, 0))

    one = found.instance
    assert found.cpu_utilisation <= Decimal("0.600001")
    assert found.monthly_usd == found.instances * one.hourly_usd * HOURS_A_MONTH > 0
    assert at_once is None or found.workers_needed * at_once >= in_flight - Decimal("1e-6")
    if not of.is_cramped:
        room = found.instances * (one.memory_gib - SYSTEM_GIB)
        assert found.memory_gib_needed <= room + Decimal("1e-6")


@given(TYPES, LOADS, LOADS, RSS)
def test_more_load_is_never_cheaper(types, one, other, rss_bytes):
    of = machines(PRICES._replace(instances=tuple(types)), rss_bytes=rss_bytes)

    less, more = (of.fleet(Load(busy, NONE, busy, 0)) for busy in sorted((one, other)))

    assert less.monthly_usd <= more.monthly_usd


@given(LOADS.filter(lambda busy: busy < 30))
def test_nothing_that_may_be_used_is_cheaper(busy):
    found = machines(rss_bytes=0).fleet(Load(busy, NONE, NONE, 0))

    for one in INSTANCES:
        needed = busy / Decimal("0.6") / (one.vcpu * one.baseline)
        count = max(1, int(needed - Decimal("1e-9")) + 1)
        if count <= MOST_SMALL:
            assert found.monthly_usd <= count * one.hourly_usd * HOURS_A_MONTH

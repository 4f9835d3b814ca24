"""What the simulated account holds, and when."""

import datetime as dt
import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.demo import schedule
from costmon.demo.fleet import Fleet

START = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
SEEDS = st.integers(0, 2**32)
SECONDS = st.integers(0, 20 * 86400)
BACKUPS = {None: Decimal(1), "weekly": Decimal("1.2"), "daily": Decimal("1.3")}


def at(seconds, seed=7):
    return Fleet(seed=seed, started_at=START).at(START + dt.timedelta(seconds=seconds))


def run_rate(holdings):
    """What costmon should make of it, at the vendor's list prices."""
    machines = (*holdings.droplets, *holdings.gpu_droplets)
    volumes = sum(volume.gib for volume in holdings.volumes) * Decimal("0.10")
    snapshots = sum(snapshot.gib for snapshot in holdings.snapshots) * Decimal("0.06")
    idle_ips = sum(5 for address in holdings.reserved_ips if address.droplet is None)
    return (
        sum(machine.size.monthly * BACKUPS[machine.backups] for machine in machines)
        + volumes
        + snapshots
        + idle_ips
        + 12 * len(holdings.load_balancers)
        + 15 * len(holdings.databases)
        + 40 * len(holdings.clusters)
        + holdings.registry.monthly
        + 5 * len(holdings.apps)
    )


@given(seed=SEEDS, seconds=SECONDS)
def test_the_same_seed_and_moment_give_the_same_account(seed, seconds):
    assert at(seconds, seed) == at(seconds, seed)


def test_a_demo_started_later_uses_no_id_again():
    again = Fleet(seed=7, started_at=START + dt.timedelta(minutes=3))
    passing = {droplet.id for droplet in again.at(again.started_at).droplets}
    lasting = {droplet.id for droplet in at(80).droplets if droplet.created_at < START}

    assert lasting < passing
    for seconds in range(0, 180, 10):
        assert passing - lasting != set()
        assert (passing - lasting).isdisjoint(droplet.id for droplet in at(seconds).droplets)


def test_another_seed_gives_other_ids():
    ids = {droplet.id for droplet in at(0, seed=1).droplets}

    assert ids.isdisjoint(droplet.id for droplet in at(0, seed=2).droplets)


@given(seed=SEEDS, seconds=SECONDS)
def test_costs_differ_from_one_tick_to_the_next(seed, seconds):
    assert run_rate(at(seconds, seed)) != run_rate(at(seconds + schedule.TICK_S, seed))


@given(seed=SEEDS)
def test_the_run_rate_passes_one_hundred_dollars_in_both_directions(seed):
    cycle_s = schedule.CYCLE_TICKS * schedule.TICK_S

    rates = [run_rate(at(seconds, seed)) for seconds in range(0, cycle_s, schedule.TICK_S)]

    over = [rate > 100 for rate in rates]
    assert over[0]
    assert not over[-1]
    assert sum(now and not before for before, now in itertools.pairwise(over)) >= 1


@given(seed=SEEDS, seconds=SECONDS)
def test_ids_are_unique_and_nothing_is_made_in_the_future(seed, seconds):
    holdings = at(seconds, seed)
    machines = (*holdings.droplets, *holdings.gpu_droplets)

    assert len({machine.id for machine in machines}) == len(machines)
    moment = START + dt.timedelta(seconds=seconds)
    assert all(machine.created_at <= moment for machine in machines)


def test_a_worker_keeps_its_id_and_time_while_it_lives():
    before = {droplet.id: droplet for droplet in at(20).droplets}
    after = {droplet.id: droplet for droplet in at(30).droplets}

    assert len(before.keys() & after.keys()) == len(before)
    assert all(after[number] == droplet for number, droplet in before.items())


def test_a_worker_that_comes_back_is_another_droplet():
    cycle_s = schedule.CYCLE_TICKS * schedule.TICK_S
    first = {droplet.id for droplet in at(40).droplets if "autoscale" in droplet.tags}
    second = {droplet.id for droplet in at(40 + cycle_s).droplets if "autoscale" in droplet.tags}

    assert first
    assert second
    assert first.isdisjoint(second)


def test_the_account_shows_every_kind_of_waste():
    holdings = at(0)

    assert [droplet.name for droplet in holdings.droplets if droplet.status == "off"]
    assert [volume.name for volume in holdings.volumes if volume.droplet_id is None]
    assert [address.ip for address in holdings.reserved_ips if address.droplet is None]


def test_worker_nodes_of_the_cluster_are_droplets_with_its_tag():
    holdings = at(0)
    (cluster,) = holdings.clusters

    tagged = {droplet.id for droplet in holdings.droplets if f"k8s:{cluster.id}" in droplet.tags}

    assert cluster.highly_available
    assert tagged == {worker.id for worker in cluster.workers}


def test_the_gpu_job_comes_and_goes():
    assert not at(0).gpu_droplets
    assert [droplet.size.gpu is not None for droplet in at(105).gpu_droplets] == [True]
    assert not at(125).gpu_droplets


@given(seed=SEEDS, seconds=SECONDS)
def test_the_bill_is_hours_old_and_of_this_month(seed, seconds):
    moment = START + dt.timedelta(seconds=seconds)
    balance = at(seconds, seed).balance

    assert dt.timedelta(0) <= moment - balance.generated_at <= dt.timedelta(hours=8)
    assert balance.generated_at.month == moment.month
    assert balance.month_to_date_usage >= 0
    assert balance.month_to_date_usage.as_tuple().exponent == -2


def test_the_bill_grows_within_a_month_and_starts_anew():
    late = at(9 * 86400).balance.month_to_date_usage

    assert at(0).balance.month_to_date_usage < late
    assert at(10 * 86400).balance.month_to_date_usage < late


def test_in_the_first_hours_of_a_month_the_bill_is_of_this_month_and_empty():
    first_of_december = (dt.datetime(2026, 12, 1, 1, 30, tzinfo=dt.UTC) - START).total_seconds()

    balance = at(int(first_of_december)).balance

    assert balance.generated_at == dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    assert balance.month_to_date_usage == 0


def test_the_bill_is_near_what_the_account_costs():
    lowest = min(run_rate(at(seconds)) for seconds in range(0, 180, 10))
    billed = at(9 * 86400).balance.month_to_date_usage

    assert lowest < billed < 2 * lowest


@pytest.mark.parametrize("seconds", [-3600, 0])
def test_a_clock_that_steps_back_shows_the_start(seconds):
    assert at(seconds).droplets == at(0).droplets

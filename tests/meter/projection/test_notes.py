import datetime as dt

import pytest

from tests.meter.projection.parts import (
    AS_OF,
    INSTANCES,
    MS,
    PRICES,
    S,
    instance,
    phase,
    projected,
    row,
)


def notes(*rows, **facts):
    return projected(*rows, **facts).notes


def test_nothing_is_said_where_all_is_well():
    assert notes(row()) == ()


def test_few_requests_are_said():
    [note] = notes(row(times=99))

    assert note == (
        "Only 99 requests were measured after the warm-up: with fewer than 100, figures are not "
        "reliable."
    )


def test_old_prices_are_said_with_their_date():
    [note] = notes(row(), today=AS_OF + dt.timedelta(days=200))

    assert note.startswith("The oldest price used is 200 days old (2026-07-20)")


def test_an_old_price_of_traffic_does_not_matter_where_none_is_paid():
    old = PRICES._replace(as_of=AS_OF - dt.timedelta(days=900))

    assert notes(row(), prices=old) == ()
    assert "old" in notes(row(bytes_out=10**9), prices=old)[0]


def test_a_route_that_no_sample_fell_on_is_named():
    missed = [row(route, 0, times=3, cpu_measured=0) for route in ("/b", "/c")]

    [note] = notes(row("/a", times=100, requests=1000), *missed, sample=10)

    assert note.startswith("No CPU was measured for GET /b and 1 more routes, since only 1 request")


def test_cpu_in_no_route_is_said():
    [note] = notes(settled=phase(row(times=100), seconds=10.0, process_cpu_ns=8 * S))

    assert note.startswith("38% of the CPU was not attributed to a route")


def test_a_process_that_was_nearly_idle_is_said():
    settled = phase(row("/a", 1 * MS, times=200), seconds=600.0, process_cpu_ns=3 * S)

    [note] = notes(settled=settled)

    assert note.startswith("92% of the CPU is assumed to be background work")


def test_memory_that_could_not_be_read_is_said():
    assert "could not be read" in notes(row(), rss_bytes=0)[0]


def test_a_process_that_no_machine_holds_is_said():
    found = notes(row(), rss_bytes=2**43)

    assert any("uses more memory than a" in note for note in found)


def test_what_decides_is_said_where_it_may_be_an_artefact_of_the_test():
    [note] = notes(row("/a", 1 * MS, wall_ns=9 * S), threads=2)

    assert "one process handled at most 2 at once" in note


@pytest.mark.parametrize("facts", [{"threads": 65}, {"is_loop": True}])
def test_an_event_loop_is_not_sized_by_what_waits(facts):
    found = projected(row("/a", 1 * MS, wall_ns=9 * S), **{"threads": 2, **facts})

    assert found.fleet.binding != "workers"
    assert found.notes == ()


def test_an_arm_machine_is_said_unless_it_was_asked_for():
    arm = instance("c7g.large", 2, 4, "0.0001", arch="arm64")
    prices = PRICES._replace(instances=(arm, *INSTANCES))

    assert "Arm" in notes(row(), prices=prices)[0]
    assert notes(row(), prices=prices, instance="c7g.large") == ()

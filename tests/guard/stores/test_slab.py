"""Slabs: grants without asking the store, and never more than there is."""

import os
import random
from typing import Any

import pytest

from costmon.errors import BudgetError
from costmon.guard.stores.base import Hold, Outcome, Outdated, Refusal
from costmon.guard.stores.slab import SlabStore
from tests.guard.stores.makers import HOUR, limited, line, plan

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)


@pytest.fixture
def slabs(place, clock):
    made = []

    def make(share="0.1", **named):
        made.append(SlabStore(place.open(), share=share, clock=clock, **named))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Counting:
    """Counts what the store behind is asked."""

    def __init__(self, inner):
        self._inner = inner
        self.asked = []

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        if not callable(found):
            return found
        self.asked.append(name)
        return found


def test_calls_are_granted_from_a_slice_without_asking_the_store(place, clock):
    behind = Counting(place.open())
    store: Any = SlabStore(behind, share="0.1", clock=clock)
    wanted = limited(1000)
    store.reserve(wanted, 10, 60.0)
    behind.asked.clear()

    for _ in range(9):
        store.settle(store.reserve(wanted, 10, 60.0), 10)

    assert behind.asked == []
    store.close()


def test_another_process_sees_the_slice_as_held_and_this_one_the_truth(place, slabs):
    store = slabs()
    store.settle(store.reserve(limited(1000), 10, 60.0), 7)
    store.reserve(limited(1000), 10, 60.0)

    assert store.totals([line()]) == [(7, 10)]
    assert place.open().totals([line()]) == [(0, 100)]


def test_an_idle_slab_is_given_back_and_counted_as_its_calls(place, slabs, clock):
    store = slabs()
    store.settle(store.reserve(limited(1000), 10, 60.0), 7, Outcome(1, 2, failed=True))
    store.settle(store.reserve(limited(1000), 10, 60.0), 5, Outcome(10, 20))
    store.release(store.reserve(limited(1000), 10, 60.0))
    clock.advance(1.5)

    store.sweep()

    other = place.open()
    assert other.totals([line()]) == [(12, 0)]
    (row,) = other.usage(HOUR, HOUR + 1)
    assert row._replace(changes=0) == (HOUR, "global", "call", 12, 2, 1, 0, 11, 22, 0)


def test_processes_together_never_pass_the_limit_and_reach_it(slabs):
    stores = [slabs(share="0.05") for _ in range(4)]
    rng, granted, refused = random.Random(5), 0, 0
    wanted = [limited(1000) for _ in stores]
    while refused < 200:
        number = rng.randrange(4)
        hold = stores[number].reserve(wanted[number], 7, 60.0)
        if isinstance(hold, Hold):
            granted += 7
            assert granted <= 1000
            stores[number].settle(hold, 7)
        else:
            refused += 1
            stores[number].sweep()
    for store in stores:
        store.close()

    # The last slices are as small as a call.
    assert granted > 1000 - 4 * 7
    assert stores[0].totals([line()]) == [(granted, 0)]


def test_a_dead_process_is_charged_its_slab_in_full(place, slabs, clock):
    store = slabs()
    store.settle(store.reserve(limited(1000), 10, 60.0), 1)
    del store  # as a kill would: nobody settles
    clock.advance(200)

    other = place.open()
    other.sweep()

    assert other.totals([line()]) == [(100, 0)]


def test_a_lost_call_is_charged_at_its_estimate_and_corrected_in_time(place, slabs, clock):
    store = slabs()
    hold = store.reserve(limited(1000), 10, 5.0)
    clock.advance(6)
    assert store.sweep() == 1
    assert store.totals([line()]) == [(10, 0)]

    assert store.settle(hold, 4) == "expired"

    assert store.totals([line()]) == [(4, 0)]
    clock.advance(20)
    store.sweep()
    assert place.open().totals([line()]) == [(4, 0)]


def test_a_higher_truth_is_counted_however_late(place, slabs, clock):
    store = slabs()
    hold = store.reserve(limited(1000), 10, 5.0)
    clock.advance(6)
    store.sweep()
    clock.advance(60)
    store.sweep()

    assert store.settle(hold, 25) == "expired"
    assert store.settle(hold, 25) == "settled"

    assert place.open().totals([line()]) == [(25, 0)]
    (row,) = place.open().usage(HOUR, HOUR + 1)
    assert (row.spent, row.requests) == (25, 1)


def test_a_slab_lives_as_long_as_its_calls(place, slabs, clock):
    store = slabs()
    hold = store.reserve(limited(1000), 10, 60.0)
    for _ in range(20):
        clock.advance(50)
        store.renew(hold, 60.0)
        place.open().sweep()
        store.sweep()

    assert place.open().totals([line()]) == [(0, 100)]
    assert store.settle(hold, 3) == "held"


def test_changed_settings_are_obeyed_after_a_sweep_and_at_once_in_this_process(place, slabs):
    store = slabs()
    store.reserve(limited(1000), 10, 60.0)
    place.open().update("budget", "global", lambda _: "1")

    store.sweep()
    assert store.reserve(limited(1000), 10, 60.0) == Outdated(1)

    store.update("budget", "global", lambda _: "2")
    assert store.reserve(plan(line(limit=1000), revision=1), 10, 60.0) == Outdated(2)


def test_keys_and_rates_are_asked_of_the_store_each_time(place, slabs):
    store = slabs()
    rate = plan(line(limit=1000), line("host:a", 2, period="calls/rolling:60s", fixed=1))
    first = store.reserve(limited(1000), 10, 60.0, "job")

    assert store.reserve(limited(1000), 10, 60.0, "job").id == first.id
    store.reserve(rate, 1, 60.0)
    store.reserve(rate, 1, 60.0)
    assert isinstance(store.reserve(rate, 1, 60.0), Refusal)


def test_a_forked_child_takes_slabs_of_its_own(place, slabs):
    store, wanted = slabs(), limited(1000)
    hold = store.reserve(wanted, 10, 60.0)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        answer = store.settle(hold, 1)
        mine = store.reserve(wanted, 10, 60.0)
        os.write(
            writer, f"{answer} {mine.id.partition('/')[0] != hold.id.partition('/')[0]}".encode()
        )
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reader, 100) == b"None True"
    os.close(reader)
    os.close(writer)
    assert store.settle(hold, 1) == "held"


@pytest.mark.parametrize("share", [0, -1, "1.01", "nan"])
def test_a_share_is_a_part_of_one(place, clock, share):
    with pytest.raises((BudgetError, ValueError)):
        SlabStore(place.open(), share=share, clock=clock)

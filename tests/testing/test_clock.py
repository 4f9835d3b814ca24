"""Time that a test moves, and timers that follow it."""

import datetime as dt

import pytest

from costmon.clock import Clock, Timer
from costmon.testing import FakeClock, FakeTimer


def timer():
    clock, heard = FakeClock(), []
    began_s = clock.monotonic_s()
    made = FakeTimer(clock, lambda tick: heard.append((tick.key, clock.monotonic_s() - began_s)))
    return made, clock, heard


def test_the_fakes_are_what_they_stand_for():
    made, clock, _ = timer()
    as_clock: Clock = clock
    as_timer: Timer = made

    assert as_clock.now().tzinfo is dt.UTC
    assert as_timer is made


def test_time_stands_still_until_it_is_advanced():
    clock = FakeClock()
    before = clock.now(), clock.monotonic_s()

    clock.advance(90.5)

    assert clock.now() - before[0] == dt.timedelta(seconds=90.5)
    assert clock.monotonic_s() - before[1] == 90.5


def test_the_wall_clock_can_be_set_back_while_no_time_passes():
    clock = FakeClock()
    before = clock.now(), clock.monotonic_s()

    clock.step(-3600)

    assert clock.now() < before[0]
    assert clock.monotonic_s() == before[1]


def test_time_does_not_run_backwards():
    with pytest.raises(ValueError, match="does not pass"):
        FakeClock().advance(-1)


def test_what_is_due_is_delivered_in_order_and_in_time():
    made, clock, heard = timer()
    made.after("late", 25)
    made.every("often", 10, first_s=5)
    began = clock.now()

    made.elapse(30)

    assert heard == [("often", 5.0), ("often", 15.0), ("late", 25.0), ("often", 25.0)]
    assert clock.now() - began == dt.timedelta(seconds=30)


def test_the_same_key_replaces_and_a_cancelled_one_is_silent():
    made, _, heard = timer()
    made.after("again", 1)
    made.after("again", 3)
    made.after("never", 1)
    made.cancel("never")
    made.cancel("unheard of")

    made.elapse(5)

    assert heard == [("again", 3.0)]


def test_a_timer_may_be_asked_for_while_another_is_delivered():
    clock, heard = FakeClock(), []

    def recipient(tick):
        heard.append(tick.key)
        if len(heard) < 3:
            made.after("next", 2)

    made = FakeTimer(clock, recipient)
    made.after("next", 0)

    made.elapse(10)

    assert heard == ["next"] * 3


def test_how_long_until_a_timer_is_due_can_be_asked():
    made, clock, _ = timer()
    made.after("poll", 30)
    clock.advance(10)

    assert made.due_in_s("poll") == 20.0
    assert made.due_in_s("other") is None

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.actors.timers import Timers
from tests.actors.parts import ManualClock


def due(timers: Timers, clock: ManualClock) -> list[str]:
    keys = []
    while (key := timers.take(clock.monotonic_s())) is not None:
        keys.append(key)
    return keys


def test_a_timer_is_due_at_its_time_and_not_before(clock):
    timers = Timers(clock)
    timers.after("poll", 5.0)

    clock.advance(4.9)
    early = due(timers, clock)
    clock.advance(0.1)

    assert early == []
    assert due(timers, clock) == ["poll"]


def test_a_single_timer_is_due_once(clock):
    timers = Timers(clock)
    timers.after("poll", 1.0)

    clock.advance(100.0)

    assert due(timers, clock) == ["poll"]
    assert timers.next_s is None


def test_a_repeating_timer_begins_when_asked_and_then_keeps_its_interval(clock):
    timers = Timers(clock)
    timers.every("poll", 10.0, first_s=3.0)

    times = []
    for second in range(30):
        times += [second] * len(due(timers, clock))
        clock.advance(1.0)

    assert times == [3, 13, 23]


def test_missed_ticks_are_skipped_not_piled_up(clock):
    timers = Timers(clock)
    timers.every("poll", 10.0, first_s=10.0)

    clock.advance(35.0)

    assert due(timers, clock) == ["poll"]
    assert timers.next_s == clock.monotonic_s() + 5.0


def test_the_timer_that_is_due_longest_comes_first(clock):
    timers = Timers(clock)
    timers.after("late", 2.0)
    timers.after("early", 1.0)

    clock.advance(5.0)

    assert due(timers, clock) == ["early", "late"]


def test_a_timer_replaces_the_one_of_the_same_key(clock):
    timers = Timers(clock)
    timers.after("poll", 1.0)
    timers.after("poll", 9.0)

    clock.advance(1.0)

    assert due(timers, clock) == []


def test_a_cancelled_timer_is_not_due_and_cancelling_an_unknown_one_is_no_error(clock):
    timers = Timers(clock)
    timers.every("poll", 1.0)
    timers.cancel("poll")
    timers.cancel("never heard of")

    clock.advance(10.0)

    assert due(timers, clock) == []
    assert "poll" not in timers


@pytest.mark.parametrize("interval_s", [0.0, -1.0])
def test_an_interval_that_would_never_rest_is_refused(clock, interval_s):
    with pytest.raises(ValueError, match="poll"):
        Timers(clock).every("poll", interval_s)


@given(st.lists(st.floats(0.0, 50.0), max_size=40), st.floats(0.1, 20.0))
def test_a_repeating_timer_never_fires_twice_within_one_look_and_never_dies(pauses_s, interval_s):
    clock = ManualClock()
    timers = Timers(clock)
    timers.every("poll", interval_s)

    for pause_s in pauses_s:
        clock.advance(pause_s)
        assert len(due(timers, clock)) <= 1
        assert timers.next_s is not None
        assert timers.next_s > clock.monotonic_s() - 1e-6

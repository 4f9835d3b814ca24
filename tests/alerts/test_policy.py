"""What is said, kept back and resolved."""

import datetime as dt
import itertools

from hypothesis import given
from hypothesis import strategies as st

from costmon.alerts.memory import NOTHING_SAID, Memory
from costmon.alerts.policy import judge

NOW = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)
COOLDOWN_S = 3600.0


def after(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


def judged(holds: bool, memory: Memory, now: dt.datetime, cause: str):
    return judge(holds=holds, cause=cause, memory=memory, now=now, cooldown_s=COOLDOWN_S)


def test_a_condition_is_said_when_it_begins():
    verdict, memory = judged(True, NOTHING_SAID, NOW, "a")

    assert verdict == "say"
    assert memory == Memory(announced=True, said_at=NOW, suppressed=0, last_cause="a")


def test_a_lasting_condition_is_kept_back_within_the_cooldown_and_said_again_after_it():
    _, memory = judged(True, NOTHING_SAID, NOW, "a")

    within, memory = judged(True, memory, after(COOLDOWN_S - 1), "b")
    beyond, memory = judged(True, memory, after(COOLDOWN_S), "c")

    assert (within, beyond) == ("suppress", "say")
    assert memory.suppressed == 0


def test_the_end_is_said_once():
    _, memory = judged(True, NOTHING_SAID, NOW, "a")

    first, memory = judged(False, memory, after(10), "b")
    second, _ = judged(False, memory, after(20), "c")

    assert (first, second) == ("resolve", "quiet")


def test_a_condition_that_begins_anew_within_the_cooldown_waits_and_its_end_is_not_said():
    _, memory = judged(True, NOTHING_SAID, NOW, "a")
    _, memory = judged(False, memory, after(10), "b")

    again, memory = judged(True, memory, after(20), "c")
    end, _ = judged(False, memory, after(30), "d")

    assert (again, end) == ("suppress", "quiet")


def test_the_same_cause_is_not_judged_twice():
    _, memory = judged(True, NOTHING_SAID, NOW, "a")

    verdict, again = judged(True, memory, after(COOLDOWN_S * 2), "a")

    assert verdict == "quiet"
    assert again == memory


def test_a_clock_that_was_set_back_does_not_silence_an_alert():
    _, memory = judged(True, NOTHING_SAID, NOW, "a")

    verdict, _ = judged(True, memory, after(-86_400), "b")

    assert verdict == "say"


@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(min_value=0.1, max_value=3 * COOLDOWN_S)), max_size=60
    )
)
def test_at_most_one_is_said_per_cooldown_and_ends_pair_with_beginnings(steps):
    memory, now, said, announced = NOTHING_SAID, NOW, [], False
    for number, (holds, seconds) in enumerate(steps):
        now += dt.timedelta(seconds=seconds)
        verdict, memory = judged(holds, memory, now, str(number))
        if verdict == "say":
            said.append(now)
            announced = True
        if verdict == "resolve":
            assert announced
            announced = False

    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(said)]
    assert all(gap >= COOLDOWN_S for gap in gaps)


@given(
    st.builds(
        Memory,
        announced=st.booleans(),
        said_at=st.none() | st.datetimes(timezones=st.just(dt.UTC)),
        suppressed=st.integers(min_value=0),
        last_cause=st.none() | st.text(),
    )
)
def test_memory_comes_back_as_it_was(memory):
    assert Memory.from_text(memory.to_text()) == memory

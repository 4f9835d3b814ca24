import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.actors.restarts import GiveUp, Restart, RestartHistory, RestartPolicy

POLICY = RestartPolicy()


def crashes(policy: RestartPolicy, *times_s: float, started_s: float | None = None):
    """Crash at the given times, each time a moment after the start; return the last verdict."""
    history, verdict = RestartHistory(), None
    for at_s in times_s:
        begun_s = at_s if started_s is None else started_s
        history, verdict = history.after_crash(policy, started_s=begun_s, now_s=at_s, roll=0.5)
    return history, verdict


def test_the_first_restart_is_immediate():
    _, verdict = crashes(POLICY, 100.0)

    assert verdict == Restart(delay_s=0.0)


def test_the_back_off_doubles_up_to_its_ceiling():
    delays = [POLICY.delay_s(streak, 0.5) for streak in range(1, 12)]

    assert delays == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]


@given(st.integers(2, 5000), st.floats(0, 1, exclude_max=True))
def test_jitter_moves_a_delay_by_at_most_its_share(streak, roll):
    middle = POLICY.delay_s(streak, 0.5)

    assert middle * 0.9 <= POLICY.delay_s(streak, roll) <= middle * 1.1


def test_different_rolls_give_different_delays():
    rng = random.Random(1)

    assert len({POLICY.delay_s(5, rng.random()) for _ in range(10)}) == 10


def test_a_stable_life_ends_the_streak():
    history, _ = crashes(POLICY, 100.0, 100.1, 100.2)

    history, verdict = history.after_crash(POLICY, started_s=100.3, now_s=110.3, roll=0.5)

    assert verdict == Restart(delay_s=0.0)
    assert history.streak == 1


def test_a_life_just_short_of_stable_continues_the_streak():
    history, _ = crashes(POLICY, 100.0)

    history, verdict = history.after_crash(POLICY, started_s=100.0, now_s=109.9, roll=0.5)

    assert verdict == Restart(delay_s=0.5)
    assert history.streak == 2


def test_five_crashes_in_a_minute_are_restarted_and_the_sixth_is_too_many():
    history, verdict = crashes(POLICY, 0.0, 10.0, 20.0, 30.0, 40.0)
    assert isinstance(verdict, Restart)

    _, verdict = history.after_crash(POLICY, started_s=41.0, now_s=60.0, roll=0.5)

    assert verdict == GiveUp(crashes=6, period_s=60.0)


def test_crashes_older_than_the_period_are_forgotten():
    history, _ = crashes(POLICY, 0.0, 10.0, 20.0, 30.0, 40.0)

    history, verdict = history.after_crash(POLICY, started_s=41.0, now_s=60.1, roll=0.5)

    assert isinstance(verdict, Restart)
    assert history.crashes_s == (10.0, 20.0, 30.0, 40.0, 60.1)


def test_no_restarts_at_all_can_be_asked_for():
    _, verdict = crashes(RestartPolicy(max_restarts=0), 5.0)

    assert isinstance(verdict, GiveUp)


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=60),
    st.integers(0, 8),
    st.integers(1, 120),
)
def test_no_window_ever_holds_more_restarts_than_allowed(gaps_s, max_restarts, period_s):
    policy = RestartPolicy(max_restarts=max_restarts, period_s=period_s)
    history, restarted_s, now_s = RestartHistory(), [], 0.0
    for gap_s in gaps_s:
        now_s += gap_s
        history, verdict = history.after_crash(policy, started_s=now_s, now_s=now_s, roll=0.5)
        if isinstance(verdict, Restart):
            restarted_s.append(now_s)

    for at_s in restarted_s:
        window = [other for other in restarted_s if at_s <= other <= at_s + period_s]
        assert len(window) <= max_restarts


@pytest.mark.parametrize(
    "fields",
    [
        {"max_restarts": -1},
        {"period_s": 0.0},
        {"jitter": 1.0},
        {"jitter": -0.1},
        {"factor": 0.5},
        {"min_backoff_s": 31.0},
        {"min_backoff_s": -1.0},
        {"first_delay_s": -1.0},
        {"stable_after_s": -1.0},
        {"cool_off_s": -1.0},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(fields):
    with pytest.raises(ValueError, match=r"\d"):
        RestartPolicy(**fields)

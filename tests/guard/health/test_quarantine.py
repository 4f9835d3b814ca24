"""How long a sick host is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.guard.health.quarantine import CLOSED
from costmon.guard.health.rules import USUAL

CHANCE = st.floats(0, 1, exclude_max=True)
NOW_S = 1e9


@given(st.lists(CHANCE, min_size=1, max_size=40))
def test_each_failed_probe_doubles_the_time_up_to_an_hour_less_at_most_a_fifth(chances):
    quarantine = CLOSED
    for opening, chance in enumerate(chances):
        quarantine = quarantine.opened(NOW_S, USUAL, chance)

        full_s = min(60 * 2**opening, 3600)
        assert full_s * 0.8 - 1e-6 <= quarantine.until_s - NOW_S <= full_s
        assert quarantine.state(NOW_S, USUAL) == "open"


@given(st.integers(1, 20), CHANCE, CHANCE)
def test_a_quarantine_never_lasts_less_than_the_one_before(openings, chance, other):
    quarantine = CLOSED._replace(openings=openings)

    first = quarantine.opened(NOW_S, USUAL, chance).until_s
    second = quarantine._replace(openings=openings + 1).opened(NOW_S, USUAL, other).until_s

    assert second - NOW_S >= 0.8 * (first - NOW_S)
    assert second >= first or openings >= 5


def test_only_the_first_of_two_probes_is_one():
    due = CLOSED.opened(NOW_S, USUAL, 0)
    later_s = due.until_s

    probed = due.probed("a", later_s, USUAL).probed("b", later_s, USUAL)

    assert probed.probe == "a"
    assert probed.state(later_s, USUAL) == "half_open"
    assert probed.wait_s(later_s, USUAL) == USUAL.probe_s


def test_nobody_probes_before_it_is_time():
    quarantine = CLOSED.opened(NOW_S, USUAL, 0)

    assert quarantine.probed("a", quarantine.until_s - 0.01, USUAL) == quarantine
    assert CLOSED.probed("a", NOW_S, USUAL) == CLOSED


def test_a_probe_that_never_reports_is_replaced_after_its_time():
    due = CLOSED.opened(NOW_S, USUAL, 0)
    probed = due.probed("dead", due.until_s, USUAL)

    again = probed.probed("b", due.until_s + USUAL.probe_s, USUAL)

    assert again.probe == "b"


def test_a_probe_that_was_not_made_is_another_s_at_once():
    due = CLOSED.opened(NOW_S, USUAL, 0)
    probed = due.probed("a", due.until_s, USUAL)

    assert probed.withdrawn("other") == probed
    assert probed.withdrawn("a").probed("b", due.until_s, USUAL).probe == "b"


@pytest.mark.parametrize("back_s", [7200, 86_400, 1e8])
def test_a_clock_that_was_set_back_far_lets_a_probe_through(back_s):
    quarantine = CLOSED.opened(NOW_S, USUAL, 0)

    assert quarantine.wait_s(NOW_S - back_s, USUAL) == 0


def test_who_looked_at_the_clock_before_a_probe_was_let_through_is_no_second_probe():
    due = CLOSED.opened(NOW_S, USUAL, 0)
    probed = due.probed("first", due.until_s + 0.5, USUAL)

    again = probed.probed("second", due.until_s + 0.1, USUAL)

    assert again.probe == "first"
    assert 0 < again.wait_s(due.until_s + 0.1, USUAL) <= USUAL.probe_s

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from costmon.store.positions import positions

KNOWN = st.lists(st.one_of(st.none(), st.integers(-(2**40), 2**40)))


def increases(places):
    return all(left < right for left, right in pairwise(places))


@given(KNOWN)
def test_positions_follow_the_order(known):
    places = positions(known)

    assert len(places) == len(known)
    assert increases(places)


@given(st.sets(st.integers(-100, 100)).map(sorted), st.data())
def test_positions_of_what_stays_are_kept_when_there_is_room(settled, data):
    spread = [place * 1_000_000 for place in settled]
    known = []
    for place in spread:
        known += [None] * data.draw(st.integers(0, 3)) + [place]

    places = positions(known)

    assert [p for p, k in zip(places, known, strict=True) if k is not None] == spread
    assert increases(places)


def test_a_hundred_thousand_arrivals_at_the_end_still_have_room():
    places = positions([])
    for _ in range(1000):
        places = positions([*places, *[None] * 100])[-1:]

    assert places[0] < 2**62


def test_no_room_between_two_numbers_all_anew():
    assert increases(positions([5, None, 6]))


def test_a_changed_order_numbers_all_anew():
    assert increases(positions([3, 1, 2]))

"""What waits: nothing is forgotten before it is confirmed, and nothing is kept for ever."""

from hypothesis import given
from hypothesis import strategies as st

from costmon.guard.link.outbox import Outbox

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.integers(0, 4)),
        st.tuples(st.just("send"), st.booleans()),
        st.tuples(st.just("confirm"), st.integers(0, 30)),
        st.tuples(st.just("pass"), st.integers(1, 20)),
    ),
    max_size=60,
)


@given(STEPS)
def test_nothing_is_forgotten_before_its_newest_version_is_in_the_database(steps):
    box: Outbox[int, int] = Outbox(most=100)
    newest: dict[int, int] = {}
    stored: dict[int, int] = {}
    taken: list[tuple[int, list[tuple[int, int]]]] = []
    sequence, now_s = 0, 0.0
    for step, figure in steps:
        if step == "change":
            newest[figure] = newest.get(figure, 0) + 1
            box.put(figure, newest[figure], newest[figure])
        elif step == "send":
            sequence += 1
            due = box.due(3, now_s, 30.0)
            if figure:  # its answer came
                box.sent([key for key, _ in due], sequence, now_s)
                taken.append((sequence, due))
        elif step == "confirm":
            for number, due in taken:
                if number <= figure:
                    stored.update({key: max(stored.get(key, 0), value) for key, value in due})
            box.confirm(min(figure, sequence))
        else:
            now_s += figure
        missing = [key for key, value in newest.items() if stored.get(key, 0) < value]
        assert len(box) >= len(missing)

    for _, due in taken:  # what it took it has in its database by now
        stored.update({key: max(stored.get(key, 0), value) for key, value in due})
    for _ in range(10):  # a service that is well gets everything
        sequence += 1
        now_s += 31.0
        due = box.due(3, now_s, 30.0)
        stored.update(due)
        box.sent([key for key, _ in due], sequence, now_s)
        box.confirm(sequence)
    assert stored == newest
    assert not len(box)


def test_an_older_version_does_not_replace_a_newer_one():
    box: Outbox[str, str] = Outbox(most=10)
    box.put("a", 2, "new")
    box.put("a", 1, "old")

    assert box.values() == ["new"]


def test_when_too_much_waits_the_oldest_is_given_up_and_counted():
    box: Outbox[str, str] = Outbox(most=2)
    for name in "abc":
        box.put(name, 1, name)

    assert box.values() == ["b", "c"]
    assert box.given_up == 1
    assert len(box) == 2


def test_what_was_sent_is_due_again_only_after_a_while():
    box: Outbox[str, str] = Outbox(most=10)
    box.put("a", 1, "x")
    box.sent(["a"], 1, 100.0)

    assert box.due(5, 129.0, 30.0) == []
    assert box.due(5, 130.0, 30.0) == [("a", "x")]


def test_what_changed_since_it_was_sent_is_due_at_once_and_not_confirmed():
    box: Outbox[str, str] = Outbox(most=10)
    box.put("a", 1, "x")
    box.sent(["a"], 1, 100.0)
    box.put("a", 2, "y")

    assert box.confirm(1) == 0
    assert box.due(5, 100.0, 30.0) == [("a", "y")]

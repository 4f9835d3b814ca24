"""What is particular to counters in memory: sums of rolling windows that threads share."""

from costmon.guard.stores.base import Hold, Refusal
from costmon.guard.stores.memory import MemoryStore
from costmon.testing.clock import FakeClock
from tests.guard.stores.makers import NOON, line, plan


def test_a_late_thread_does_not_make_others_forget_their_window_after_a_clock_was_set_back():
    store = MemoryStore(clock=FakeClock())

    def rolling(at):
        return plan(line("key:k", 100, period="rolling:2h", at=at), line(limit=1000))

    early, back, late = rolling(NOON - 7000), rolling(NOON), rolling(NOON + 4000)
    hold = store.reserve(early, 60, 600.0)
    assert isinstance(hold, Hold)
    store.settle(hold, 60)
    assert isinstance(store.reserve(back, 1, 600.0), Hold)

    # The clock was set back from `late` to `back`; this thread had read it before.
    assert isinstance(store.reserve(late, 80, 600.0), Hold)

    assert isinstance(store.reserve(back, 1, 600.0), Refusal)
    assert isinstance(store.reserve(late, 19, 600.0), Hold)
    assert isinstance(store.reserve(late, 1, 600.0), Refusal)

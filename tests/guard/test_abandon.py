"""A call that was dropped is settled, though a finalizer may run in the middle of anything."""

import gc
import signal
import threading

import pytest

from costmon.guard import Budget, Guard
from costmon.testing.clock import FakeClock


class Dropped:
    """A response that nobody closed; in a cycle, so that only the collector ends it."""

    def __init__(self, guard, lease):
        self._guard, self._lease, self._me = guard, lease, self

    def __del__(self):
        self._guard.abandon(self._lease, "0.3", bytes_in=7)


@pytest.fixture(params=["memory", "sqlite"])
def guard(request, tmp_path):
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'guard.db'}"
    with Guard(url, [Budget("global", "1", "total")], clock=FakeClock()) as made:
        yield made


def test_what_was_abandoned_is_settled_before_any_figure_is_read(guard):
    Dropped(guard, guard.reserve("global", "0.5"))
    gc.collect()

    assert guard.spent("global") == guard.reserve("global", "0").estimate + guard.spent("global")
    assert str(guard.spent("global")) == "0.30"
    assert guard.held("global") == 0


def test_what_was_abandoned_is_settled_before_the_next_call(guard):
    Dropped(guard, guard.reserve("global", "1"))
    gc.collect()

    lease = guard.reserve("global", "0.7")

    assert lease.state == "held"


def test_a_finalizer_in_the_middle_of_a_store_s_step_does_not_wait_for_it(guard):
    """As when the collector runs while this very thread holds the store's lock."""
    store = guard.store
    inner = getattr(store, "_inner", store)
    lock = getattr(inner, "_lock", None) or inner._file._lock
    lease = guard.reserve("global", "0.5")
    done = threading.Event()

    def drop_with_the_lock_held():
        with lock:
            Dropped(guard, lease)
            gc.collect()
        done.set()

    thread = threading.Thread(target=drop_with_the_lock_held, daemon=True)
    thread.start()

    assert done.wait(10), "the finalizer waits for the lock that its own thread holds"
    thread.join()
    assert str(guard.spent("global")) == "0.30"


def test_a_signal_handler_may_abandon_in_the_middle_of_anything(guard):
    lease = guard.reserve("global", "0.5")
    before = signal.signal(signal.SIGALRM, lambda *_: guard.abandon(lease, "0.3"))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        for _ in range(20_000):
            guard.reserve("global", "0").settle()
            if lease.state != "held":
                break
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.raise_signal(signal.SIGALRM)
    finally:
        signal.signal(signal.SIGALRM, before)

    assert str(guard.spent("global")) == "0.30"


def test_a_lease_that_was_settled_already_is_left_alone(guard):
    lease = guard.reserve("global", "0.5")
    lease.settle("0.1")
    guard.abandon(lease, "0.3")

    assert str(guard.spent("global")) == "0.10"


def test_closing_settles_what_was_abandoned(guard, tmp_path):
    lease = guard.reserve("global", "0.5")
    guard.abandon(lease, "0.3")
    guard.close()

    assert lease.state == "settled"

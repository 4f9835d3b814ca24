"""A guard in a process that forks: the child neither waits for ever nor counts twice."""

import os
import select
import signal
import threading
from decimal import Decimal

import pytest

from costmon.guard import Budget, BudgetRefused, Guard

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture(params=["memory", "sqlite"])
def guard(request, tmp_path):
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'guard.db'}"
    with Guard(url, [Budget("global", "1", "total")]) as made:
        yield made


def in_child(work):
    """Return what `work` returns in a forked child, as text; fail when that takes 10 s."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            answer = str(work())
        except BaseException as error:
            answer = f"raised {error!r}"
        os.write(write, answer.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        ready, _, _ = select.select([pipe], [], [], 10)
        if not ready:
            os.kill(child, signal.SIGKILL)
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer if ready else "hung"


def shared(guard):
    return guard.store.shared


def test_a_child_spends_by_itself_in_memory_and_together_in_a_file(guard):
    guard.reserve("global", "0.3").settle()

    def work():
        guard.reserve("global", "0.6").settle()
        return guard.spent("global")

    assert in_child(work) == "0.90"
    assert guard.spent("global") == (Decimal("0.9") if shared(guard) else Decimal("0.3"))


def test_a_child_knows_what_its_parent_had_spent(guard):
    guard.reserve("global", "0.9").settle()

    def work():
        with pytest.raises(BudgetRefused):
            guard.reserve("global", "0.2")
        return "refused"

    assert in_child(work) == "refused"


def test_a_child_does_not_end_its_parent_s_leases_in_memory(guard):
    lease = guard.reserve("global", "0.5")

    def work():
        lease.settle("0.1")
        return guard.held("global")

    held = in_child(work)

    assert Decimal(held) == 0
    assert lease.state == "held"
    assert guard.held("global") == (0 if shared(guard) else Decimal("0.5"))


def test_a_fork_while_other_threads_count_leaves_a_child_that_works(guard):
    leaving = threading.Event()

    def work():
        while not leaving.is_set():
            guard.reserve("global", "0").settle()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        answers = [in_child(lambda: guard.reserve("global", "0.01").state) for _ in range(10)]
    finally:
        leaving.set()
        for thread in threads:
            thread.join()

    assert answers == ["held"] * 10


def test_guards_in_memory_report_as_different_stores_after_a_fork(guard):
    same = in_child(guard.store.identity) == guard.store.identity()

    assert same is shared(guard)

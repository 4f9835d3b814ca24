"""The scopes of `Guard.scoped` follow work that is started inside a block, and no other work."""

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from multiprocessing.pool import ThreadPool

import pytest

from costmon.errors import InputError
from costmon.guard import Budget, BudgetRefused, Guard
from costmon.testing.clock import FakeClock


@pytest.fixture
def guard():
    return Guard(clock=FakeClock())


def scopes(guard):
    return guard.reserve("key:a", "0.01").scopes[1:-1]


def by_map(guard):
    with ThreadPoolExecutor(2) as pool:
        return next(pool.map(scopes, [guard]))


def by_submit(guard):
    with ThreadPoolExecutor(2) as pool:
        return pool.submit(scopes, guard).result()


def by_thread(guard):
    found = []
    thread = threading.Thread(target=lambda: found.append(scopes(guard)))
    thread.start()
    thread.join()
    return found[0]


def by_subclass(guard):
    class Worker(threading.Thread):
        def run(self):
            self.found = scopes(guard)

    thread = Worker()
    thread.start()
    thread.join()
    return thread.found


def by_timer(guard):
    found = []
    timer = threading.Timer(0, lambda: found.append(scopes(guard)))
    timer.start()
    timer.join()
    return found[0]


def by_to_thread(guard):
    async def main():
        return await asyncio.to_thread(scopes, guard)

    return asyncio.run(main())


def by_run_in_executor(guard):
    async def main():
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as pool:
            return (
                await loop.run_in_executor(pool, scopes, guard),
                await loop.run_in_executor(None, scopes, guard),
            )

    own, default = asyncio.run(main())
    assert own == default
    return own


def by_thread_pool(guard):
    with ThreadPool(1) as pool:
        found = {
            pool.apply(scopes, (guard,)),
            *pool.map(scopes, [guard]),
            *pool.imap(scopes, [guard]),
            *pool.imap_unordered(scopes, [guard]),
            *pool.starmap(scopes, [(guard,)]),
        }
    (one,) = found
    return one


WAYS = [
    by_map,
    by_submit,
    by_thread,
    by_subclass,
    by_timer,
    by_to_thread,
    by_run_in_executor,
    by_thread_pool,
]


@pytest.mark.parametrize("way", WAYS)
def test_scopes_follow_work_that_is_started_inside_the_block(guard, way):
    with guard.scoped("tag:run=1"), guard.scoped("key:inner"):
        inside = way(guard)
    outside = way(guard)

    assert inside == ("tag:run=1", "key:inner")
    assert outside == ()


def test_a_budget_of_a_run_holds_in_its_pool(guard):
    guard = Guard(budgets=[Budget("tag:*", "0.05", "total")], clock=FakeClock())

    def call(_):
        try:
            guard.reserve("key:a", "0.01").settle()
        except BudgetRefused:
            return 0
        return 1

    with guard.scoped("tag:run=1"), ThreadPoolExecutor(4) as pool:
        made = sum(pool.map(call, range(50)))

    assert made == 5


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ThreadPool])
def test_a_pool_that_was_started_in_a_block_runs_later_tasks_without_its_scopes(guard, kind):
    pool = None
    with guard.scoped("tag:run=1"):
        pool = kind(1)
        first = list(pool.map(scopes, [guard]))
    with guard.scoped("tag:run=2"):
        second = list(pool.map(scopes, [guard]))
    third = list(pool.map(scopes, [guard]))
    (pool.shutdown if kind is ThreadPoolExecutor else pool.terminate)()

    assert (first, second, third) == ([("tag:run=1",)], [("tag:run=2",)], [()])


def test_calls_of_a_thread_outside_do_not_get_scopes_of_a_block(guard):
    entered, done, found = threading.Event(), threading.Event(), []

    def outside():
        entered.wait(10)
        found.append(scopes(guard))
        done.set()

    thread = threading.Thread(target=outside)
    thread.start()
    with guard.scoped("tag:run=1"):
        entered.set()
        done.wait(10)
    thread.join()

    assert found == [()]


def test_a_thread_can_be_started_again_as_any_other(guard):
    with guard.scoped("tag:run=1"):
        thread = threading.Thread(target=scopes, args=(guard,))
        thread.start()
        thread.join()

        with pytest.raises(RuntimeError, match="once"):
            thread.start()
    assert "run" not in vars(thread) or callable(thread.run)


def test_a_call_that_waits_is_not_counted_for_the_scopes_of_another_that_waits():
    guard = Guard(budgets=[Budget("global", "1", "total")])
    first = guard.reserve("key:a", "1")
    leases = []

    def call(run):
        with guard.scoped(f"tag:run={run}"):
            leases.append(guard.reserve("key:a", "0.5", wait=10))

    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(call, run) for run in (1, 2)]
        while len(guard._waiting) < 2:
            wait(tasks, timeout=0.001)
        first.settle(0)
        wait(tasks)

    assert {lease.scopes for lease in leases} == {
        ("key:a", "tag:run=1", "global"),
        ("key:a", "tag:run=2", "global"),
    }


def test_a_block_that_ends_in_another_context_is_an_error(guard):
    block = guard.scoped("tag:run=1")
    contextvars.copy_context().run(block.__enter__)

    with pytest.raises(InputError, match=r"tag:run=1(.|\n)*another"):
        block.__exit__(None, None, None)

"""What is hung into the interpreter is taken down again, and leaves others' things in place."""

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context

import pytest

import costmon.meter
from costmon.meter.hooks.tasks import FollowingFactory, follow_tasks, leave_tasks
from costmon.meter.hooks.threads import FollowedThreads
from costmon.meter.measuring.aggregate import Aggregate
from costmon.meter.measuring.gc_time import FullCollections
from costmon.meter.measuring.measure import CURRENT
from costmon.meter.wsgi import MeteredWSGI


def burn(rounds=60_000):
    return sum(number * number for number in range(rounds))


@pytest.fixture
def threads():
    hook = FollowedThreads()
    hook.install()
    yield hook
    hook.remove()


@pytest.fixture
def measure():
    measure = Aggregate(warmup_s=0).begin("GET")
    token = CURRENT.set(measure)
    yield measure
    CURRENT.reset(token)


def offloaded_ns(measure):
    return sum(measure.offloaded or ())


def test_removing_puts_every_door_back():
    before = ThreadPoolExecutor.submit, threading.Thread.start
    hook = FollowedThreads()
    hook.install()
    hook.install()
    assert (ThreadPoolExecutor.submit, threading.Thread.start) != before

    hook.remove()

    assert (ThreadPoolExecutor.submit, threading.Thread.start) == before


def test_work_in_a_pool_is_the_requests_that_gave_it(threads, measure):
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(burn, [60_000] * 4)) == [burn()] * 4

    assert offloaded_ns(measure) > 1_000_000


def test_a_thread_is_the_requests_that_started_it(threads, measure):
    thread = threading.Thread(target=burn)
    thread.start()
    thread.join()

    assert offloaded_ns(measure) > 500_000


def test_a_pool_inside_a_thread_counts_once(threads, measure):
    took = []

    def work():
        began_ns = offloaded_ns(measure)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(burn, 200_000).result()
        took.append(offloaded_ns(measure) - began_ns)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert offloaded_ns(measure) < 1.5 * took[0] + 2_000_000


def test_work_of_nobodys_is_left_alone(threads):
    def work():
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(CURRENT.get).result()

    assert Context().run(work) is None


def test_what_a_thread_raises_reaches_who_waits(threads, measure):
    with ThreadPoolExecutor(1) as pool, pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 // 0).result()

    assert len(measure.offloaded) == 1


def test_a_task_factory_that_was_there_still_makes_the_tasks():
    made = []

    def factory(loop, coroutine, **options):
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **options)

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_task_factory(factory)
        follow_tasks(loop)
        follow_tasks(loop)
        assert isinstance(loop.get_task_factory(), FollowingFactory)

        assert await asyncio.create_task(asyncio.sleep(0, "done")) == "done"
        assert len(made) == 1

        leave_tasks(loop)
        assert loop.get_task_factory() is factory

    asyncio.run(main())


def test_a_task_that_is_cancelled_before_its_first_step_leaves_nothing_unawaited(measure):
    async def never():
        raise AssertionError("it was cancelled")

    async def main():
        follow_tasks(asyncio.get_running_loop())
        task = asyncio.create_task(never())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())  # a coroutine that was never awaited is a warning, and warnings are errors
    assert measure.cpu_ns >= 0


def test_a_full_collection_is_told_by_thread_and_time():
    hook = FullCollections()
    hook.install()
    try:
        from costmon.meter.measuring.cpu import CPU

        before_ns = CPU.now_ns()
        gc.collect()
        seen_ns = hook.since(before_ns)

        assert 0 < seen_ns <= CPU.now_ns() - before_ns
        assert hook.total_ns >= seen_ns
        gc.collect()
        assert hook.since(CPU.now_ns()) == 0
    finally:
        hook.remove()
    assert hook.on_collection not in gc.callbacks


def test_a_full_collection_is_in_no_route_and_told_apart():
    heap = [[number] for number in range(300_000)]

    def answer(_, start_response):
        start_response("200 OK", [])
        gc.collect()
        return [b"ok"]

    app = MeteredWSGI(answer, port=None)
    costmon.meter.reset()
    try:
        app({"REQUEST_METHOD": "GET"}, lambda *_: lambda _: None)
        whole = costmon.meter.snapshot().whole
    finally:
        costmon.meter.reset()
        costmon.meter.stop()

    assert len(heap) == 300_000
    assert whole.gc_cpu_ns > 4 * whole.routes[0].cpu_ns > 0
    assert whole.gc_cpu_ns <= whole.residual_cpu_ns

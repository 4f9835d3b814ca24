"""What is hung into the interpreter is taken down again, and leaves others' things in place."""

import asyncio
import gc
import queue
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from multiprocessing.pool import ThreadPool

import pytest

import costmon.meter
from costmon.meter.hooks.callbacks import FollowedCallbacks
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


class Sentry:
    """A task factory as Sentry's AsyncioIntegration installs it."""

    def __init__(self, loop):
        self._before = loop.get_task_factory()
        loop.set_task_factory(self)

    def __call__(self, loop, coroutine, **options):
        async def in_a_span():
            return await coroutine

        if self._before is not None:
            return self._before(loop, in_a_span(), **options)
        return asyncio.Task(in_a_span(), loop=loop, **options)


async def burns_in_steps():
    for _ in range(4):
        burn(100_000)
        await asyncio.sleep(0)
    return "done"


@pytest.mark.parametrize("is_earlier", [True, False], ids=["earlier", "later"])
def test_tasks_are_measured_whichever_task_factory_came_first(measure, is_earlier):
    async def application():
        loop = asyncio.get_running_loop()
        if is_earlier:
            Sentry(loop)
        follow_tasks(loop)
        if not is_earlier:
            Sentry(loop)
            follow_tasks(loop)
        started_ns = time.thread_time_ns()
        results = await asyncio.gather(*(asyncio.create_task(burns_in_steps()) for _ in range(3)))
        return results, time.thread_time_ns() - started_ns

    results, spent_ns = asyncio.run(application())

    assert results == ["done"] * 3
    assert spent_ns / 2 < measure.cpu_ns <= spent_ns * 1.05


@pytest.mark.parametrize("is_earlier", [True, False], ids=["earlier", "later"])
def test_a_task_of_another_factory_can_be_cancelled_and_raises(measure, is_earlier):
    async def waits():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("cancelled") from None

    async def application():
        loop = asyncio.get_running_loop()
        if is_earlier:
            Sentry(loop)
        follow_tasks(loop)
        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(ValueError, match="cancelled"):
            await task

    asyncio.run(application())


def test_a_thread_pool_made_by_a_request_works_for_whoever_gives_it_work(threads, measure):
    other = Aggregate(warmup_s=0).begin("GET")
    pool = ThreadPool(2)
    measure.end()
    CURRENT.set(other)
    pool.map(burn, [200_000] * 4)
    pool.apply(burn, (200_000,))
    list(pool.imap(burn, [200_000] * 2))
    pool.starmap(burn, [(200_000,)] * 2)
    at_the_end_ns = offloaded_ns(other)
    CURRENT.set(measure)
    pool.close()
    pool.join()

    assert at_the_end_ns > 9 * 2_000_000
    assert offloaded_ns(measure) < 1_000_000


@pytest.mark.parametrize("kind", [queue.Queue, queue.LifoQueue, queue.PriorityQueue])
def test_a_queue_thread_made_by_a_request_does_not_charge_it_for_the_work_of_others(threads, kind):
    aggregate = Aggregate(warmup_s=0)
    login = aggregate.begin("GET")
    login.route = "/login"
    work = kind()
    done: queue.Queue[None] = queue.Queue()

    def serve():
        while work.get():
            burn(400_000)
            done.put(None)

    token = CURRENT.set(login)
    thread = threading.Thread(target=serve)
    thread.start()
    CURRENT.reset(token)
    login.end()
    for _ in range(3):
        work.put(1)
        done.get()
    work.put(0)
    thread.join()

    (row,) = aggregate.phases()[0].routes
    assert row.cpu_ns + row.late_cpu_ns < 4_000_000


def test_a_thread_of_a_request_that_waits_in_between_is_measured(threads, measure):
    event = threading.Event()

    def work():
        burn(200_000)
        event.wait(5)
        burn(200_000)

    thread = threading.Thread(target=work)
    started_ns = time.process_time_ns()
    thread.start()
    event.set()
    thread.join()

    assert offloaded_ns(measure) > (time.process_time_ns() - started_ns) / 2


@pytest.fixture
def callbacks():
    hook = FollowedCallbacks()
    hook.install()
    yield hook
    hook.remove()


def in_a_pool(work):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


def in_a_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@pytest.mark.parametrize("elsewhere", [in_a_pool, in_a_thread])
def test_an_event_loop_in_a_thread_of_the_request_is_counted_once(
    threads, callbacks, measure, elsewhere
):
    spent_ns = []

    def work():
        started_ns = time.thread_time_ns()
        loop = asyncio.new_event_loop()
        loop.call_soon(burn, 400_000)
        loop.call_soon(loop.stop)
        loop.run_forever()
        loop.close()
        spent_ns.append(time.thread_time_ns() - started_ns)

    elsewhere(work)

    assert spent_ns[0] * 0.9 < measure.cpu_ns + offloaded_ns(measure) < spent_ns[0] * 1.2


@pytest.mark.parametrize("schedule", ["call_soon", "call_later", "call_soon_threadsafe"])
def test_callbacks_of_the_loop_are_the_requests_that_scheduled_them(callbacks, measure, schedule):
    async def application():
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def callback():
            burn(400_000)
            done.set_result(None)

        delay = (0.0,) if schedule == "call_later" else ()
        getattr(loop, schedule)(*delay, callback)
        started_ns = time.thread_time_ns()
        await done
        return time.thread_time_ns() - started_ns

    spent_ns = asyncio.run(application())

    assert spent_ns / 2 < measure.cpu_ns <= spent_ns * 1.05


class Burning(asyncio.Protocol):
    """Works for each piece of data."""

    def __init__(self, done):
        self._done = done

    def data_received(self, data):
        burn(400_000)
        self._done.set_result(data)


@pytest.mark.parametrize("has_ended", [False, True])
def test_data_of_a_connection_is_received_for_the_request_until_its_end(
    callbacks, measure, has_ended
):
    async def application():
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        done = loop.create_future()
        transport, _ = await loop.create_connection(lambda: Burning(done), sock=ours)
        await asyncio.sleep(0)
        if has_ended:
            measure.end()
        theirs.sendall(b"data")
        assert await done == b"data"
        transport.close()
        theirs.close()

    asyncio.run(application())

    assert (measure.cpu_ns > 4_000_000) is not has_ended


def test_steps_inside_a_callback_are_not_counted_twice(callbacks, measure):
    async def application():
        follow_tasks(asyncio.get_running_loop())
        started_ns = time.thread_time_ns()
        task = asyncio.create_task(burns_in_steps())
        task.add_done_callback(lambda _: burn(200_000))
        await task
        await asyncio.sleep(0)
        return time.thread_time_ns() - started_ns

    spent_ns = asyncio.run(application())

    assert spent_ns / 2 < measure.cpu_ns <= spent_ns * 1.05


class TestOtherLibrariesPatches:
    """Patches of others stay in place when ours is removed, and ours comes back only once."""

    @pytest.mark.parametrize(
        ("owner", "name"),
        [
            (threading.Thread, "start"),
            (ThreadPoolExecutor, "submit"),
            (threading.Condition, "wait"),
            (asyncio.Handle, "_run"),
        ],
    )
    def test_a_later_patch_survives(self, monkeypatch, owner, name):
        original = vars(owner)[name]
        threads, callbacks = FollowedThreads(), FollowedCallbacks()
        threads.install()
        callbacks.install()
        ours = vars(owner)[name]

        def theirs(*args, **kwargs):
            return ours(*args, **kwargs)

        monkeypatch.setattr(owner, name, theirs)
        threads.remove()
        callbacks.remove()
        assert vars(owner)[name] is theirs

        threads.install()
        callbacks.install()
        assert vars(owner)[name] is theirs

        monkeypatch.undo()
        threads.remove()
        callbacks.remove()
        assert vars(owner)[name] is original

    @pytest.mark.parametrize(
        ("owner", "name"), [(ThreadPoolExecutor, "submit"), (asyncio.Handle, "_run")]
    )
    def test_a_patch_that_came_while_ours_was_removed_is_wrapped(self, monkeypatch, owner, name):
        threads, callbacks = FollowedThreads(), FollowedCallbacks()
        threads.install()
        callbacks.install()
        threads.remove()
        callbacks.remove()
        original = vars(owner)[name]

        def theirs(*args, **kwargs):
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, theirs)
        threads.install()
        callbacks.install()
        assert vars(owner)[name] is not theirs

        threads.remove()
        callbacks.remove()
        assert vars(owner)[name] is theirs

    def test_ours_does_nothing_while_it_is_removed(self, monkeypatch, measure):
        hook = FollowedThreads()
        hook.install()
        ours = threading.Thread.start

        def theirs(thread):
            ours(thread)

        monkeypatch.setattr(threading.Thread, "start", theirs)
        hook.remove()

        thread = threading.Thread(target=burn)
        thread.start()
        thread.join()

        assert offloaded_ns(measure) == 0

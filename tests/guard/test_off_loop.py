"""While another program locks the store's file, an event loop goes on."""

import asyncio
import contextlib
import sqlite3
import threading
from decimal import Decimal
from functools import partial

import pytest

from costmon.guard import Budget, BudgetRefused, Costing, Guard, GuardStoreUnavailable
from costmon.guard.calls import guarded
from costmon.guard.stores import sqlite_file

TURNS = 50


@pytest.fixture
def path(tmp_path):
    return tmp_path / "guard.db"


@pytest.fixture
def guard(path):
    with Guard(f"sqlite:///{path}", [Budget("global", "1", "total")]) as guard:
        guard.spent("global")
        yield guard


@contextlib.contextmanager
def locked(path):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("COMMIT")


async def turns():
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def through_a_lock(path, work):
    """Return what `work` returns, which must not end before the file is free again."""
    with locked(path):
        task = asyncio.create_task(work)
        await turns()
        assert not task.done()
    return await task


@contextlib.asynccontextmanager
async def vendor():
    async def answer(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def test_a_reserve_waits_for_the_file_and_the_loop_does_not(guard, path):
    lease = asyncio.run(through_a_lock(path, guard.areserve("key:a", "0.5")))

    assert lease.state == "held"
    lease.settle("0.25")
    assert guard.spent("key:a") == Decimal("0.25")


def test_a_lease_that_is_settled_while_the_file_is_locked_is_settled_soon(guard, path):
    async def main():
        settled, released = [await guard.areserve("key:a", "0.5") for _ in range(2)]
        with locked(path):
            settled.settle("0.25", bytes_in=7)
            released.release()
            states = settled.state, released.state
            settled.settle("0.4")
            await turns()
        return states, await guard.areserve("key:a", "0.75")

    states, lease = asyncio.run(main())

    assert states == ("settled", "released")
    assert lease.state == "held", "what was given to be settled earlier is settled first"
    assert (guard.spent("key:a"), guard.held("key:a")) == (Decimal("0.25"), Decimal("0.75"))


def test_a_lease_is_settled_at_the_end_of_its_block(guard):
    async def main():
        with await guard.areserve("key:a", "0.5"):
            pass
        with contextlib.suppress(ValueError), await guard.areserve("key:a", "0.5"):
            raise ValueError

    asyncio.run(main())

    assert guard.spent("key:a") == 1


def test_a_refusal_reaches_the_coroutine(guard):
    async def main():
        with pytest.raises(BudgetRefused):
            await guard.areserve("key:a", "1.5")
        with guard.scoped("tag:run=1"):
            return await guard.areserve("key:a", "0.5")

    assert "tag:run=1" in asyncio.run(main()).scopes


def test_a_call_that_is_cancelled_while_it_waits_for_the_file_holds_nothing(guard, path):
    async def main():
        with locked(path):
            task = asyncio.create_task(guard.areserve("key:a", "0.5"))
            await turns()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    guard.close()

    assert guard.held("global") == 0


def test_waiting_for_budget_does_not_stop_the_loop(guard, path):
    async def main():
        first = await guard.areserve("key:a", "1")
        task = asyncio.create_task(guard.areserve("key:a", "0.5", wait=30))
        await turns()
        with locked(path):
            await asyncio.sleep(0.05)
            assert not task.done()
        first.settle("0.1")
        return await task

    assert asyncio.run(main()).state == "held"


def test_a_guarded_coroutine_does_not_stop_the_loop(guard, path):
    @guarded(guard, "key:a", "0.5", actual=lambda _: "0.25")
    async def ask():
        await asyncio.sleep(0)

    asyncio.run(through_a_lock(path, ask()))

    assert guard.spent("key:a") == Decimal("0.25")


def test_a_delivery_and_its_retries_do_not_stop_the_loop(guard, path):
    tries = []

    async def send(url, activity):
        tries.append(url)

    deliver = guard.deliver(send, retry=True, cost_headers_to=())
    asyncio.run(through_a_lock(path, deliver("https://a.example/inbox", "{}")))
    asyncio.run(
        through_a_lock(path, guard.aretry("a.example", partial(send, "", ""), amount="0.1"))
    )

    assert len(tries) == 2
    assert guard.spent("host:a.example") >= Decimal("0.1")


@pytest.mark.parametrize("library", ["httpx", "aiohttp"])
def test_a_guarded_client_does_not_stop_the_loop(guard, path, library):
    pytest.importorskip(library)
    costing = Costing(per_call="0.25")

    async def call(url):
        if library == "httpx":
            from costmon.guard.httpx import guarded_async_client

            async with guarded_async_client(guard, costing=costing) as client:
                return (await client.get(url)).text
        from costmon.guard.aiohttp import GuardedSession

        async with GuardedSession(guard, costing) as session, session.get(url) as response:
            return await response.text()

    async def main():
        async with vendor() as url:
            return await call(url), await through_a_lock(path, call(url))

    assert asyncio.run(main()) == ("ok", "ok")
    assert guard.spent("host:127.0.0.1") == Decimal("0.5")
    assert guard.held("host:127.0.0.1") == 0


def test_an_error_of_the_store_reaches_the_coroutine(guard, path, monkeypatch):
    monkeypatch.setattr(sqlite_file, "_WAIT_S", 0.01)

    async def main():
        with locked(path), pytest.raises(GuardStoreUnavailable):
            await guard.areserve("key:a", "0.5")

    asyncio.run(main())


def test_a_store_in_memory_needs_no_thread():
    guard = Guard(budgets=[Budget("global", "1")])
    before = threading.enumerate()

    async def main():
        (await guard.areserve("key:a", "0.5")).settle("0.25")
        return threading.enumerate()

    assert asyncio.run(main()) == before
    assert guard.spent("key:a") == Decimal("0.25")

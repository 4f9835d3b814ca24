"""Long streams in little memory, and answers that the collector ends at the worst moment."""

import asyncio
import gc
import tracemalloc
from decimal import Decimal

import pytest

from costmon.clock import SystemClock
from costmon.guard import Budget, Guard
from costmon.guard.aiohttp import GuardedSession as GuardedAioSession
from costmon.guard.clients.costing import Costing
from costmon.guard.httpx import guarded_async_client, guarded_client
from costmon.guard.requests import GuardedSession
from costmon.guard.stores.memory import MemoryStore
from tests.guard.clients.drivers import DRIVERS
from tests.guard.clients.wire_server import Script, WireServer

PIECE = 262_144
PIECES = 256
CHAT = b'{"model": "gpt-4o", "max_tokens": 100, "messages": []}'
AT_A_CENT = Costing(per_call="0.01", per_gb_in="1", settle=lambda *_: None)


@pytest.fixture
def server():
    with WireServer() as running:
        piece = b"x" * PIECE
        running.answer("/large", lambda _: Script(piece for _ in range(PIECES)))
        yield running


def by_requests(guard, url):
    with GuardedSession(guard, AT_A_CENT) as session, session.get(url, stream=True) as answer:
        return sum(len(piece) for piece in answer.iter_content(65536))


def by_httpx(guard, url):
    with guarded_client(guard, costing=AT_A_CENT) as client, client.stream("GET", url) as answer:
        return sum(len(piece) for piece in answer.iter_bytes())


def by_async_httpx(guard, url):
    async def read():
        async with (
            guarded_async_client(guard, costing=AT_A_CENT) as client,
            client.stream("GET", url) as answer,
        ):
            return sum([len(piece) async for piece in answer.aiter_bytes()])

    return asyncio.run(read())


def by_aiohttp(guard, url):
    async def read():
        async with GuardedAioSession(guard, AT_A_CENT) as session, session.get(url) as answer:
            return sum([len(piece) async for piece in answer.content.iter_chunked(65536)])

    return asyncio.run(read())


@pytest.mark.parametrize("read", [by_requests, by_httpx, by_async_httpx, by_aiohttp])
def test_a_long_stream_takes_little_memory(read, server):
    with Guard() as guard:
        tracemalloc.start()

        count = read(guard, f"{server.url}/large")

        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == PIECE * PIECES
        assert guard.spent("global") == Decimal("0.01") + Decimal(count) / 10**9
    assert peak < 12_000_000


class _Interrupted(MemoryStore):
    """A store in whose middle, its lock held, the collector runs."""

    def __init__(self):
        super().__init__(clock=SystemClock())
        self.garbage = []

    def reserve(self, *args, **named):
        with self._lock:
            self.garbage.clear()
            gc.collect()
        return super().reserve(*args, **named)


@pytest.mark.parametrize("name", [name for name in DRIVERS if "installed" not in name])
def test_the_collector_may_end_an_answer_in_the_middle_of_the_store(name, server):
    def pieces():
        yield b'data: {"choices": [{"delta": {"content": "Once"}}]}\n\n'
        server.leaving.wait(10)

    url = server.answer("/v1/chat/completions", lambda _: Script(pieces()))
    store = _Interrupted()
    with Guard(store, [Budget("global", "1", "total")]) as guard:
        driver = DRIVERS[name](guard, None)
        stream = driver.open("POST", url, CHAT)
        store.garbage.append(stream.response)
        stream.response = None
        held = guard.held("global", "total")

        lease = guard.reserve("global", "0.5")

        assert guard.held("global", "total") == Decimal("0.5")
        assert 0 < guard.spent("global", "total") <= held
        lease.release()
        driver.close()


def test_a_stream_is_counted_while_its_time_to_live_passes(server):
    """An expired lease is charged at its estimate, and corrected when the stream has ended."""
    url = server.answer("/v1/things", server.slow(0.2, b"12345"))
    costing = Costing(estimate=lambda _: "0.5", settle=lambda _, answer: answer.bytes_in, ttl=0.05)
    with Guard() as guard, GuardedSession(guard, costing) as session:
        answer = session.get(url, stream=True)
        server.leaving.wait(0.06)
        guard.sweep()
        meanwhile = guard.spent("global")

        assert answer.content == b"12345"

        assert (meanwhile, guard.spent("global")) == (Decimal("0.5"), Decimal(5))

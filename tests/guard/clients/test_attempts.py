"""One lease for every attempt, whoever makes it again; and every attempt once only."""

import asyncio
import contextlib
import json
import socket
import threading
from decimal import Decimal

import aiohttp
import httpx
import pytest
import requests
import urllib3

from costmon.clock import SystemClock
from costmon.errors import InputError
from costmon.guard import Budget, BudgetRefused, Guard, GuardStoreUnavailable, HealthRefused
from costmon.guard.aiohttp import GuardedSession as GuardedAioSession
from costmon.guard.botocore import guard_client
from costmon.guard.clients.costing import Costing
from costmon.guard.clients.exchange import refusal_in
from costmon.guard.httpx import GuardTransport, guarded_async_client, guarded_client
from costmon.guard.install import install
from costmon.guard.requests import GuardAdapter, GuardedSession
from costmon.guard.urllib3 import GuardedPoolManager, guard_manager
from costmon.testing import FakeClock
from tests.guard.clients.drivers import DRIVERS, boto_client
from tests.guard.clients.wire_server import Script, WireServer, whole

AT_A_CENT = Costing(per_call="0.01")


@pytest.fixture
def server():
    with WireServer() as running:
        yield running


@pytest.fixture
def guard():
    with Guard(budgets=[Budget("global", "1", "total")]) as made:
        yield made


def requests_of(guard):
    now = SystemClock().now()
    rows = guard.usage(now.replace(year=2020), now.replace(year=2100), "global")
    return sum(row.requests for row in rows)


def spent(guard):
    assert guard.held("global", "total") == 0
    return guard.spent("global", "total")


BUSY = Script(status=503, chunked=False)


def test_each_retry_of_requests_is_a_lease(guard, server):
    url = server.answer("/", BUSY, BUSY, Script(silent=True), whole({}))
    retries = urllib3.Retry(5, status_forcelist=[503], backoff_factor=0)

    with GuardedSession(guard, AT_A_CENT, max_retries=retries) as session:
        assert session.get(url).status_code == 200

    assert server.count == requests_of(guard) == 4
    assert spent(guard) == Decimal("0.04")


def test_each_retry_of_urllib3_is_a_lease(guard, server):
    url = server.answer("/", BUSY, BUSY, whole({}))
    retries = urllib3.Retry(5, status_forcelist=[503], backoff_factor=0)
    http = GuardedPoolManager(guard, costing=AT_A_CENT, retries=retries)

    assert http.request("GET", url).status == 200
    http.clear()

    assert server.count == requests_of(guard) == 3


def test_retries_end_where_the_budget_ends(guard, server):
    guard.set_budget(Budget("global", "0.03", "total"))
    url = server.answer("/", BUSY)
    retries = urllib3.Retry(9, status_forcelist=[503], backoff_factor=0)

    with (
        GuardedSession(guard, AT_A_CENT, max_retries=retries) as session,
        pytest.raises(BudgetRefused),
    ):
        session.get(url)

    assert server.count == 3
    assert spent(guard) == Decimal("0.03")


@pytest.mark.parametrize("mode", ["legacy", "standard"])
def test_each_retry_of_botocore_is_a_lease(mode, guard, server):
    server.answer("/bucket/key", BUSY, BUSY, Script([b"content"], chunked=False))
    client = guard_client(
        boto_client("s3", server.url, retries={"mode": mode, "total_max_attempts": 4}),
        guard,
        AT_A_CENT,
    )

    body = client.get_object(Bucket="bucket", Key="key")["Body"].read()
    client.close()

    assert body == b"content"
    assert server.count == requests_of(guard) == 3
    assert spent(guard) == Decimal("0.03")


@pytest.mark.parametrize("mode", ["legacy", "standard"])
def test_a_refusal_is_neither_wrapped_nor_retried_by_botocore(mode, guard, server):
    guard.set_budget(Budget("global", 0, "total"))
    client = guard_client(
        boto_client("s3", server.url, retries={"mode": mode, "total_max_attempts": 4}),
        guard,
        AT_A_CENT,
    )

    with pytest.raises(BudgetRefused):
        client.list_buckets()
    client.close()

    assert server.count == 0
    assert [count.refused for count in guard.refused()] == [1]


def test_bedrock_is_settled_by_its_usage(guard, server):
    answer = {
        "output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1000, "outputTokens": 100, "totalTokens": 1100},
        "metrics": {"latencyMs": 1},
    }
    model = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    for path in (f"/model/{model}/converse", f"/model/{model.replace(':', '%3A')}/converse"):
        server.answer(path, whole(answer))
    client = guard_client(boto_client("bedrock-runtime", server.url), guard)

    said = client.converse(
        modelId=model,
        messages=[{"role": "user", "content": [{"text": "hi"}]}],
        inferenceConfig={"maxTokens": 200},
    )
    client.close()

    assert said["usage"]["outputTokens"] == 100
    assert spent(guard) == Decimal("0.0045")
    assert guard.spent(f"model:{model}") == Decimal("0.0045")


def test_only_clients_of_botocore_can_be_guarded(guard):
    with pytest.raises(InputError, match="not a botocore client"):
        guard_client(object(), guard)


def test_a_guarded_client_under_an_installed_guard_is_counted_once(guard, server):
    url = server.answer("/", whole({}))

    async def call():
        async with GuardedAioSession(guard) as session, session.get(url):
            pass
        async with guarded_async_client(guard) as client:
            await client.get(url)

    with install(guard), GuardedSession(guard) as session, guarded_client(guard) as client:
        session.get(url)
        client.get(url)
        http = GuardedPoolManager(guard)
        http.request("GET", url)
        http.clear()
        boto = guard_client(boto_client("s3", server.url), guard)
        server.answer("/bucket", Script(chunked=False))
        boto.head_bucket(Bucket="bucket")
        boto.close()
        asyncio.run(call())

    assert server.count == requests_of(guard) == 6


def test_installing_twice_is_once_and_uninstalling_leaves_nothing(guard, server):
    url = server.answer("/", whole({}))
    before = (
        urllib3.HTTPConnectionPool._make_request,
        urllib3.HTTPSConnectionPool._prepare_proxy,
        httpx.HTTPTransport.handle_request,
        httpx.AsyncHTTPTransport.handle_async_request,
        aiohttp.ClientSession._request,
    )

    first = install(guard)
    assert install(guard) is first
    with pytest.raises(InputError, match="another guard"):
        install(Guard())
    requests.get(url, timeout=10)
    first.uninstall()
    first.uninstall()
    requests.get(url, timeout=10)

    assert first.libraries == ("urllib3", "botocore", "httpx", "httpx2", "aiohttp")
    assert requests_of(guard) == 1
    assert before == (
        urllib3.HTTPConnectionPool._make_request,
        urllib3.HTTPSConnectionPool._prepare_proxy,
        httpx.HTTPTransport.handle_request,
        httpx.AsyncHTTPTransport.handle_async_request,
        aiohttp.ClientSession._request,
    )


def test_clients_that_exist_when_a_guard_is_installed_are_guarded(guard, server):
    url = server.answer("/", whole({}))
    with requests.Session() as session, httpx.Client() as client:
        session.get(url)
        client.get(url)

        with install(guard):
            session.get(url)
            client.get(url)

    assert requests_of(guard) == 2


@pytest.fixture
def proxy():
    """A proxy that counts the connections it gets, and opens no tunnel."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        got = []

        def serve():
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    got.append(connection.recv(65536))
                    connection.sendall(b"HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", got
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def through_requests(guard, proxy):
    with GuardedSession(guard, AT_A_CENT) as session:
        session.get("https://api.example.com/", proxies={"https": proxy})


def through_urllib3(guard, proxy):
    with urllib3.ProxyManager(proxy, retries=False) as manager:
        guard_manager(manager, guard, AT_A_CENT)
        manager.request("GET", "https://api.example.com/")


def through_an_installed_guard(guard, proxy):
    with install(guard, AT_A_CENT), urllib3.ProxyManager(proxy, retries=False) as http:
        http.request("GET", "https://api.example.com/")


def through_httpx(guard, proxy):
    with guarded_client(guard, costing=AT_A_CENT, proxy=proxy) as client:
        client.get("https://api.example.com/")


PROXIED = [through_requests, through_urllib3, through_an_installed_guard, through_httpx]


@pytest.mark.parametrize("call", PROXIED)
def test_a_refusal_sends_nothing_to_a_proxy_either(call, guard, proxy):
    guard.set_budget(Budget("host:api.example.com", 0, "total"))

    with pytest.raises(BudgetRefused):
        call(guard, proxy[0])

    assert proxy[1] == []


@pytest.mark.parametrize("call", PROXIED)
def test_a_tunnel_that_is_not_opened_costs_nothing(call, guard, proxy):
    with pytest.raises((requests.ConnectionError, urllib3.exceptions.HTTPError, httpx.HTTPError)):
        call(guard, proxy[0])

    assert proxy[1][0].startswith(b"CONNECT api.example.com:443")
    assert spent(guard) in {0, Decimal("0.01")}  # httpx does not tell where its proxy failed


def test_an_adapter_for_one_host_leaves_the_others_alone(guard, server):
    url = server.answer("/", whole({}))
    with requests.Session() as session:
        session.mount(f"{server.url}/guarded", GuardAdapter(guard))
        session.get(url)
        session.get(f"{server.url}/guarded")

    assert requests_of(guard) == 1


def test_a_transport_of_your_own_can_be_guarded(guard):
    inner = httpx.MockTransport(lambda _: httpx.Response(200, json={"ok": True}))
    with httpx.Client(transport=GuardTransport(guard, inner, AT_A_CENT)) as client:
        assert client.get("https://api.example.com/").json() == {"ok": True}

    assert spent(guard) == Decimal("0.01")


def test_a_refusal_inside_of_an_sdks_own_error_is_found(guard, server):
    """OpenAI's SDK tries again after any error of its transport, and then raises one of its own."""

    class APIConnectionError(Exception):
        pass

    guard.set_budget(Budget("global", 0, "total"))
    client = guarded_client(guard, costing=AT_A_CENT)

    def ask():
        for left in (2, 1, 0):
            try:
                return client.get(server.url)
            except httpx.TimeoutException:
                continue
            except Exception as error:
                if not left:
                    raise APIConnectionError from error
        return None

    with pytest.raises(APIConnectionError) as raised:
        ask()
    client.close()

    refused = refusal_in(raised.value)
    assert isinstance(refused, BudgetRefused)
    assert server.count == 0
    assert refusal_in(ValueError("another")) is None


def test_sixty_four_tasks_spend_no_more_than_the_cap(server):
    url = server.answer("/", whole({}))
    refused = []

    async def main(session):
        async def call():
            try:
                await session(url)
            except BudgetRefused as error:
                refused.append(error)

        await asyncio.gather(*(call() for _ in range(64)))

    with Guard(budgets=[Budget("global", "0.10", "total")]) as guard:

        async def by_httpx():
            async with guarded_async_client(guard, costing=AT_A_CENT) as client:
                await main(client.get)

        asyncio.run(by_httpx())
        assert (server.count, len(refused)) == (10, 54)
        guard.reset("global", "total")

        async def by_aiohttp():
            async with GuardedAioSession(guard, AT_A_CENT) as session:

                async def get(url):
                    async with session.get(url) as answer:
                        await answer.read()

                await main(get)

        asyncio.run(by_aiohttp())
        assert (server.count, len(refused)) == (20, 108)


def test_tasks_wait_for_room_without_blocking_the_loop(server):
    url = server.answer("/", whole({}))
    costing = Costing(estimate=lambda _: "0.06", settle=lambda *_: "0.01", wait=30.0)

    async def main(narrow):
        async with guarded_async_client(narrow, costing=costing) as client:
            await asyncio.gather(*(client.get(url) for _ in range(8)))

    with Guard(budgets=[Budget("global", "0.13", "total")]) as narrow:
        asyncio.run(main(narrow))
        assert spent(narrow) == Decimal("0.08")

    assert server.count == 8


def test_calls_of_three_times_their_estimate_stay_within_the_stated_bound(server):
    """Overshoot is at most the sum over calls in flight of (actual - estimate)."""
    url = server.answer("/", server.slow(0.005))
    costing = Costing(estimate=lambda _: "0.01", settle=lambda *_: "0.03")
    with (
        Guard(budgets=[Budget("global", "0.10", "total")]) as guard,
        GuardedSession(guard, costing, pool_maxsize=64) as session,
    ):

        def call():
            with contextlib.suppress(BudgetRefused):
                session.get(url)

        threads = [threading.Thread(target=call) for _ in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert 4 <= server.count <= 10
        assert spent(guard) == Decimal("0.03") * server.count
        assert spent(guard) <= Decimal("0.10") + 10 * Decimal("0.02")


def test_ten_lost_calls_do_not_pin_the_budget(server):
    """As they do with agent-budget-guard 0.2.0, for ever."""
    clock = FakeClock()
    url = server.answer("/", whole({}))
    with (
        Guard(budgets=[Budget("global", "0.10", "hour")], clock=clock) as guard,
        GuardedSession(guard, Costing(per_call="0.01", ttl=60)) as session,
    ):
        lost = [guard.reserve("global", "0.01", ttl=60) for _ in range(10)]
        with pytest.raises(BudgetRefused):
            session.get(url)

        clock.advance(61)
        held, charged = guard.held("global"), guard.spent("global")
        lost[0].settle("0")  # the truth comes late, and makes room
        session.get(url)
        clock.advance(3600)
        session.get(url)

        assert (held, charged) == (Decimal(0), Decimal("0.10"))
        assert guard.spent("global") == Decimal("0.01")
    assert server.count == 2


@pytest.mark.parametrize("name", [name for name in DRIVERS if "installed" not in name])
def test_a_host_that_fails_is_left_alone(name, guard, server):
    url = server.answer("/", whole({}, status=500))
    driver = DRIVERS[name](guard, None)

    def call_often():
        for _ in range(20):
            driver.send("GET", url)

    with pytest.raises(HealthRefused):
        call_often()
    driver.close()

    assert 5 <= server.count < 20
    assert guard.health.get("127.0.0.1").healthy is False


class _Away:
    """A store that is away."""

    shared = True

    def __getattr__(self, name):
        def fail(*_, **__):
            raise GuardStoreUnavailable("memory://", name, "it is away")

        return fail

    def __str__(self):
        return "away://"

    def close(self):
        pass


@pytest.mark.parametrize("name", [name for name in DRIVERS if "installed" not in name])
def test_without_its_store_a_guard_lets_nothing_through(name, server):
    with Guard(_Away()) as guard:
        driver = DRIVERS[name](guard, None)

        with pytest.raises(GuardStoreUnavailable):
            driver.send("GET", server.url)
        driver.close()

    assert server.count == 0


def test_scopes_of_a_context_reach_the_calls_inside(guard, server):
    url = server.answer("/", whole({}))

    async def call():
        async with guarded_async_client(guard, costing=AT_A_CENT) as client:
            with guard.scoped("tag:run=17"):
                await client.post(url, content=json.dumps({}))

    asyncio.run(call())

    assert guard.spent("tag:run=17") == Decimal("0.01")

"""One way to drive every client library, so that one table of promises holds for all."""

import asyncio
import gc
import ssl
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import aiohttp
import botocore.session
import httpx
import httpx2
import requests
import urllib3
from botocore.awsrequest import AWSRequest
from botocore.config import Config

from costmon.guard import Guard
from costmon.guard.aiohttp import GuardedSession as GuardedAioSession
from costmon.guard.botocore import guard_client
from costmon.guard.clients.costing import Costing
from costmon.guard.httpx import guarded_async_client, guarded_client
from costmon.guard.httpx2 import guarded_async_client as guarded_async_client2
from costmon.guard.httpx2 import guarded_client as guarded_client2
from costmon.guard.install import install
from costmon.guard.requests import GuardedSession
from costmon.guard.urllib3 import GuardedPoolManager

_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Shared, for making one takes 20 ms, and no test here speaks TLS."""

_BOTO = botocore.session.Session()

Body = bytes | Iterable[bytes] | None


class Received(NamedTuple):
    """What the caller saw."""

    status: int
    body: bytes
    headers: dict[str, str]


class Stream(Protocol):
    """An answer that is being read."""

    def first(self) -> bytes:
        """Return some of the content."""
        ...

    def close(self) -> None:
        """Close it."""
        ...

    def drop(self) -> None:
        """Forget it without closing it."""
        ...

    response: Any


class Driver(Protocol):
    """A client with a guard."""

    def send(
        self, method: str, url: str, body: Body = None, headers: dict[str, str] | None = None
    ) -> Received:
        """Send a request and read the whole answer."""
        ...

    def open(self, method: str, url: str, body: Body = None) -> Stream:
        """Send a request and leave the answer to be read."""
        ...

    def close(self) -> None:
        """Close the client."""
        ...


class _Held:
    """A stream that is the only one to hold its response."""

    def __init__(
        self, response: Any, read: Any, close: Any, let_go: Callable[[Any], object] | None = None
    ) -> None:
        self.response = response
        self._read = read
        self._close = close
        self._let_go = let_go

    def first(self) -> bytes:
        return bytes(self._read(self.response))

    def close(self) -> None:
        self._close(self.response)

    def drop(self) -> None:
        if self._let_go is None:
            self.response = None
        else:
            self._let_go(self)
        gc.collect()


class Requests:
    def __init__(self, guard: Guard, costing: Costing | None) -> None:
        self.client: requests.Session = GuardedSession(guard, costing)

    def send(self, method, url, body=None, headers=None):
        answer = self.client.request(method, url, data=body, headers=headers, timeout=10)
        return Received(answer.status_code, answer.content, dict(answer.headers))

    def open(self, method, url, body=None):
        answer = self.client.request(method, url, data=body, stream=True, timeout=10)
        chunks: list[Iterator[bytes]] = []

        def read(response):
            if not chunks:
                chunks.append(response.iter_content(16))
            return next(chunks[0])

        def let_go(held):
            held.response = None
            chunks.clear()

        return _Held(answer, read, lambda one: one.close(), let_go)

    def close(self):
        self.client.close()


class PlainRequests(Requests):
    def __init__(self, guard: Guard, costing: Costing | None) -> None:
        self.installation = install(guard, costing)
        self.client = requests.Session()

    def close(self):
        super().close()
        self.installation.uninstall()


class Urllib3:
    def __init__(self, guard: Guard, costing: Costing | None) -> None:
        self.client: urllib3.PoolManager = GuardedPoolManager(guard, costing=costing, retries=False)

    def send(self, method, url, body=None, headers=None):
        retries = urllib3.Retry(5, connect=0, read=0, status=0, other=0)
        answer = self.client.request(
            method, url, body=body, headers=headers, timeout=10, retries=retries
        )
        return Received(answer.status, answer.data, dict(answer.headers))

    def open(self, method, url, body=None):
        answer = self.client.request(method, url, body=body, preload_content=False, timeout=10)
        return _Held(answer, lambda one: one.read1(16), lambda one: one.close())

    def close(self):
        self.client.clear()


class PlainUrllib3(Urllib3):
    def __init__(self, guard: Guard, costing: Costing | None) -> None:
        self.installation = install(guard, costing)
        self.client = urllib3.PoolManager(retries=False)

    def close(self):
        super().close()
        self.installation.uninstall()


class Httpx:
    def __init__(self, guard: Guard, costing: Costing | None) -> None:
        self.client: Any = guarded_client(
            guard, costing=costing, follow_redirects=True, timeout=10, verify=_TLS
        )

    def send(self, method, url, body=None, headers=None):
        answer = self.client.request(method, url, content=body, headers=headers)
        return Received(answer.status_code, answer.content, dict(answer.headers))

    def open(self, method, url, body=None):
        request = self.client.build_request(method, url, content=body)
        answer = self.client.send(request, stream=True)
        del request
        chunks: list[Iterator[bytes]] = []

        def read(response):
            if not chunks:
                chunks.append(response.iter_bytes(16))
            return next(chunks[0])

        def let_go(held):
            held.response = None
            chunks.clear()

        return _Held(answer, read, lambda one: one.close(), let_go)

    def close(self):
        self.client.close()


class PlainHttpx(Httpx):
    def __init__(self, guard: Guard, costing: Costing | None) -> None:
        self.installation = install(guard, costing)
        self.client = httpx.Client(follow_redirects=True, timeout=10, verify=_TLS)

    def close(self):
        super().close()
        self.installation.uninstall()


class Httpx2(Httpx):
    def __init__(self, guard: Guard, costing: Costing | None) -> None:
        self.client = guarded_client2(
            guard, costing=costing, follow_redirects=True, timeout=10, verify=_TLS
        )


class PlainHttpx2(PlainHttpx):
    def __init__(self, guard: Guard, costing: Costing | None) -> None:
        self.installation = install(guard, costing)
        self.client = httpx2.Client(follow_redirects=True, timeout=10, verify=_TLS)


async def _turns() -> None:
    """Let the loop close the async generators that were dropped, one inside of the other."""
    for turn in range(12):
        await asyncio.sleep(0)
        if turn % 6 == 0:
            gc.collect()


async def _pieces(body: Iterable[bytes]) -> Any:
    for piece in body:
        yield piece


def _async_body(body: Body) -> Any:
    return body if body is None or isinstance(body, bytes) else _pieces(body)


class AsyncHttpx:
    def __init__(self, guard: Guard, costing: Costing | None) -> None:
        self.runner = asyncio.Runner()
        self.client: Any = guarded_async_client(
            guard, costing=costing, follow_redirects=True, timeout=10, verify=_TLS
        )

    def send(self, method, url, body=None, headers=None):
        return self.runner.run(self._send(method, url, body, headers))

    async def _send(self, method, url, body, headers):
        answer = await self.client.request(method, url, content=_async_body(body), headers=headers)
        return Received(answer.status_code, answer.content, dict(answer.headers))

    def open(self, method, url, body=None):
        async def begin():
            request = self.client.build_request(method, url, content=_async_body(body))
            return await self.client.send(request, stream=True)

        answer = self.runner.run(begin())
        chunks: list[Any] = []

        def read(response):
            if not chunks:
                chunks.append(response.aiter_bytes(16))
            return self.runner.run(anext(chunks[0]))

        def let_go(held):
            async def inside():
                held.response = None
                chunks.clear()
                await _turns()

            self.runner.run(inside())

        return _Held(answer, read, lambda one: self.runner.run(one.aclose()), let_go)

    def close(self):
        self.runner.run(self.client.aclose())
        self.runner.close()


class PlainAsyncHttpx(AsyncHttpx):
    def __init__(self, guard: Guard, costing: Costing | None) -> None:
        self.installation = install(guard, costing)
        self.runner = asyncio.Runner()
        self.client = httpx.AsyncClient(follow_redirects=True, timeout=10, verify=_TLS)

    def close(self):
        super().close()
        self.installation.uninstall()


class AsyncHttpx2(AsyncHttpx):
    def __init__(self, guard: Guard, costing: Costing | None) -> None:
        self.runner = asyncio.Runner()
        self.client = guarded_async_client2(
            guard, costing=costing, follow_redirects=True, timeout=10, verify=_TLS
        )


class PlainAsyncHttpx2(PlainAsyncHttpx):
    def __init__(self, guard: Guard, costing: Costing | None) -> None:
        self.installation = install(guard, costing)
        self.runner = asyncio.Runner()
        self.client = httpx2.AsyncClient(follow_redirects=True, timeout=10, verify=_TLS)


class Aiohttp:
    def __init__(self, guard: Guard, costing: Costing | None) -> None:
        self.runner = asyncio.Runner()
        self.client = self.runner.run(self._made(guard, costing))

    async def _made(self, guard, costing):
        return GuardedAioSession(guard, costing)

    def send(self, method, url, body=None, headers=None):
        return self.runner.run(self._send(method, url, body, headers))

    async def _send(self, method, url, body, headers):
        async with self.client.request(
            method, url, data=_async_body(body), headers=headers
        ) as answer:
            return Received(answer.status, await answer.read(), dict(answer.headers))

    def open(self, method, url, body=None):
        async def begin():
            return await self.client.request(method, url, data=_async_body(body))

        answer = self.runner.run(begin())

        def close(response):
            async def closing():
                response.close()

            self.runner.run(closing())

        def let_go(held):
            async def inside():
                held.response = None
                await _turns()

            self.runner.run(inside())

        return _Held(
            answer,
            lambda one: self.runner.run(one.content.read(16)),
            close,
            let_go,
        )

    def close(self):
        self.runner.run(self.client.close())
        self.runner.close()


class PlainAiohttp(Aiohttp):
    def __init__(self, guard: Guard, costing: Costing | None) -> None:
        self.installation = install(guard, costing)
        super().__init__(guard, costing)

    async def _made(self, guard, costing):
        return aiohttp.ClientSession()

    def close(self):
        super().close()
        self.installation.uninstall()


def boto_client(service: str, url: str, **config: Any) -> Any:
    """Return a botocore client of a service that is at `url`."""
    return _BOTO.create_client(
        service,
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="none",
        aws_secret_access_key="none",
        config=Config(**config),
    )


class Botocore:
    """Drives the session under a client, for a client itself only knows its service's requests."""

    def __init__(self, guard: Guard, costing: Costing | None) -> None:
        self.client = guard_client(self._plain(), guard, costing)

    def _plain(self) -> Any:
        return boto_client("s3", "http://127.0.0.1:1")

    def _request(self, method, url, body, headers=None, *, stream=False):
        request = AWSRequest(method, url, headers or {}, body, stream_output=stream)
        return self.client._endpoint.http_session.send(request.prepare())

    def send(self, method, url, body=None, headers=None):
        answer = self._request(method, url, body, headers)
        if answer.status_code in {301, 302, 307} and "location" in answer.headers:
            url = url.partition("//")[0] + "//" + url.split("/")[2] + answer.headers["location"]
            answer = self._request(method, url, body, headers)
        return Received(answer.status_code, answer.content, dict(answer.headers))

    def open(self, method, url, body=None):
        answer = self._request(method, url, body, stream=True)
        return _Held(answer, lambda one: one.raw.read1(16), lambda one: one.raw.close())

    def close(self):
        self.client.close()


class PlainBotocore(Botocore):
    def __init__(self, guard: Guard, costing: Costing | None) -> None:
        self.installation = install(guard, costing)
        self.client = self._plain()

    def close(self):
        super().close()
        self.installation.uninstall()


DRIVERS: dict[str, Callable[[Guard, Costing | None], Driver]] = {
    "requests": Requests,
    "httpx": Httpx,
    "httpx-async": AsyncHttpx,
    "httpx2": Httpx2,
    "httpx2-async": AsyncHttpx2,
    "urllib3": Urllib3,
    "aiohttp": Aiohttp,
    "botocore": Botocore,
    "installed-requests": PlainRequests,
    "installed-httpx": PlainHttpx,
    "installed-httpx-async": PlainAsyncHttpx,
    "installed-httpx2": PlainHttpx2,
    "installed-httpx2-async": PlainAsyncHttpx2,
    "installed-urllib3": PlainUrllib3,
    "installed-aiohttp": PlainAiohttp,
    "installed-botocore": PlainBotocore,
}

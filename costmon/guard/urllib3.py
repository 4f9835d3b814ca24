"""Guard urllib3: one lease for every request that is sent, including retries and redirects.

```python
http = GuardedPoolManager(guard)
http.request("GET", "https://api.example.com/v1/things")
```

`guard_manager(manager, guard)` guards any other manager, such as a `ProxyManager`. The guard
overrides `HTTPConnectionPool._make_request`, which urllib3 calls once for each attempt; it is not
part of urllib3's public interface, so importing this module fails with a version that lacks it. A
refusal is raised unchanged, because urllib3 retries only its own errors.
"""

import io
from collections.abc import Iterator
from functools import partial
from typing import Any

import urllib3
from urllib3.connectionpool import HTTPConnectionPool

from costmon.guard.clients.costing import Costing
from costmon.guard.clients.exchange import Exchange
from costmon.guard.clients.gatekeeper import Gatekeeper
from costmon.guard.clients.reentrancy import covered, is_covered
from costmon.guard.clients.urllib3_answer import watch_answer
from costmon.guard.clients.wire_call import WireCall, wire_call
from costmon.guard.health.failures import nothing_was_sent

if not hasattr(HTTPConnectionPool, "_make_request"):
    raise ImportError("costmon.guard does not support this version of urllib3")


class GuardedPoolManager(urllib3.PoolManager):
    """A `PoolManager` whose requests need a guard's permission.

    Args:
        guard: The guard that allows or refuses each call.
        num_pools: As for `PoolManager`.
        headers: As for `PoolManager`.
        costing: What requests cost.
        options: As for `PoolManager`.
    """

    def __init__(
        self,
        guard: Gatekeeper,
        num_pools: int = 10,
        headers: Any = None,
        *,
        costing: Costing | None = None,
        **options: Any,
    ) -> None:
        super().__init__(num_pools, headers, **options)
        guard_manager(self, guard, costing)


def guard_manager(
    manager: urllib3.PoolManager, guard: Gatekeeper, costing: Costing | None = None
) -> None:
    """Guard all requests of a manager; its open connections are closed."""
    manager.pool_classes_by_scheme = guarded_pools(
        manager.pool_classes_by_scheme, guard, costing or Costing()
    )
    manager.clear()


def guarded_pools(classes: Any, guard: Gatekeeper, costing: Costing) -> dict[str, Any]:
    """Return subclasses of pool classes that ask a guard."""
    return {scheme: guarded_pool(one, guard, costing) for scheme, one in classes.items()}


def guarded_pool(pool: type[Any], guard: Gatekeeper, costing: Costing) -> type[Any]:
    """Return a subclass of a pool class that asks a guard before each request."""

    def _prepare_proxy(self: Any, conn: Any) -> None:
        defer_tunnel(self, conn, partial(pool._prepare_proxy, self))

    def _make_request(self: Any, conn: Any, method: str, url: str, **options: Any) -> Any:
        send = partial(pool._make_request, self)
        return guarded_request(guard, costing, self, conn, method, url, options, send)

    methods = {"_prepare_proxy": _prepare_proxy, "_make_request": _make_request}
    return type(f"Guarded{pool.__name__}", (pool,), methods)


def defer_tunnel(pool: Any, conn: Any, prepare: Any) -> None:
    """Delay the tunnel through a proxy: nothing may be sent before the guard is asked."""
    if is_covered():
        prepare(conn)
    else:
        conn._costmon_tunnel = lambda: _tunnel(pool, conn, prepare)


def _tunnel(pool: Any, conn: Any, prepare: Any) -> None:
    """Set up the tunnel as `urlopen` does."""
    try:
        prepare(conn)
    except OSError as error:  # including TLS errors and timeouts
        pool._raise_timeout(err=error, url=pool.proxy.url, timeout_value=conn.timeout)
        raise


def guarded_request(
    guard: Gatekeeper,
    costing: Costing,
    pool: Any,
    conn: Any,
    method: str,
    url: str,
    options: dict[str, Any],
    send: Any,
) -> Any:
    """Send one request if the guard allows it."""
    tunnel = conn.__dict__.pop("_costmon_tunnel", None)
    if is_covered():
        if tunnel is not None:
            tunnel()
        return send(conn, method, url, **options)
    exchange = Exchange.begin(guard, costing, _call(pool, method, url, options))
    begun: list[bool] = []
    preload = options.get("preload_content", True)
    options = options | {"preload_content": False}
    if exchange.headers:
        options["headers"] = {**dict(options.get("headers") or {}), **exchange.headers}
    if _size(options.get("body")) is None:
        options["body"] = _counted(options["body"], exchange)
    request = conn.request

    def begin(*args: Any, **named: Any) -> Any:
        begun.append(True)
        return request(*args, **named)

    conn.request = begin
    try:
        with covered():
            if tunnel is not None:
                tunnel()
            response = send(conn, method, url, **options)
    except BaseException as error:
        exchange.failed(error, unsent=not begun or _unsent(error))
        raise
    finally:
        del conn.request
    watch_answer(response, exchange)
    if preload:
        try:
            response.read(decode_content=options.get("decode_content", True), cache_content=True)
        except BaseException:
            exchange.broken()
            raise
    return response


def _unsent(error: BaseException) -> bool:
    # A TLS connection that broke had been established; a failed handshake is not `begun`.
    return not isinstance(error, urllib3.exceptions.SSLError) and nothing_was_sent(error)


def _call(pool: Any, method: str, url: str, options: dict[str, Any]) -> WireCall:
    if url.startswith("/"):
        host = f"[{pool.host}]" if ":" in pool.host else pool.host
        port = "" if pool.port is None else f":{pool.port}"
        url = f"{pool.scheme}://{host}{port}{url}"
    body = options.get("body")
    if isinstance(body, str):
        body = body.encode()
    whole = bytes(body) if isinstance(body, bytes | bytearray) else None
    headers = options.get("headers") or {}
    return wire_call(method, url, headers.items(), whole, _size(body))


def _size(body: object) -> int | None:
    """Return the bytes of a body; `None` if they are only known while they are sent."""
    if body is None:
        return 0
    if isinstance(body, str):
        return len(body.encode())
    try:
        return memoryview(body).nbytes  # type: ignore[arg-type]  # raises for types without a buffer
    except TypeError:
        return None


def _counted(body: Any, exchange: Exchange) -> Any:
    """Return a body that counts what is read from it; the caller's own does not change."""
    return (
        _CountedFile(body, exchange) if hasattr(body, "read") else _counted_pieces(body, exchange)
    )


def _counted_pieces(pieces: Any, exchange: Exchange) -> Iterator[bytes]:
    for piece in pieces:
        data = piece.encode() if isinstance(piece, str) else piece
        exchange.sent(len(data))
        yield data


class _CountedFile:
    """A file that is sent."""

    def __init__(self, file: Any, exchange: Exchange) -> None:
        self._file = file
        self._exchange = exchange
        self._text = isinstance(file, io.TextIOBase)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        """Read from the file; text is encoded as UTF-8."""
        data = self._file.read(size)
        piece: bytes = data.encode() if self._text or isinstance(data, str) else data
        self._exchange.sent(len(piece))
        return piece

"""A guard under httpx2: one lease for every request that is sent, redirects included.

```python
client = guarded_client(guard)                 # an httpx2.Client; or guarded_async_client(guard)
anthropic.Anthropic(http_client=client)
```

A client that exists already is guarded by `guard_client(client, guard)`, a transport of your own by
`GuardTransport(guard, transport)`. Refusals (`CallRefused`) are raised as they are; of an SDK that
takes every error of its transport for a broken connection, and wraps it in an error of its own,
`costmon.guard.clients.exchange.refusal_in` finds them.
"""

from typing import Any, TypeVar

import httpx2

from costmon.guard.clients.costing import Costing
from costmon.guard.clients.gatekeeper import Gatekeeper
from costmon.guard.clients.httpx_wire import AsyncGuard, HttpxWire, SyncGuard, wrap_transports

C = TypeVar("C", httpx2.Client, httpx2.AsyncClient)

WIRE = HttpxWire(httpx2)


class GuardTransport(SyncGuard, httpx2.BaseTransport):
    """A transport that asks a guard before each request."""

    wire = WIRE


class AsyncGuardTransport(AsyncGuard, httpx2.AsyncBaseTransport):
    """A transport for asyncio that asks a guard before each request."""

    wire = WIRE


def guard_client(client: C, guard: Gatekeeper, costing: Costing | None = None) -> C:
    """Put a guard before all requests of a client, and return the client.

    Raises:
        InputError: It is no such client.
    """
    asynchronous = isinstance(client, httpx2.AsyncClient)
    transport = AsyncGuardTransport if asynchronous else GuardTransport
    wrap_transports(client, transport, guard, costing)
    return client


def guarded_client(
    guard: Gatekeeper,
    *,
    costing: Costing | None = None,
    **options: Any,
) -> httpx2.Client:
    """Return an `httpx2.Client` with a guard; `options` are the client's."""
    return guard_client(httpx2.Client(**options), guard, costing)


def guarded_async_client(
    guard: Gatekeeper,
    *,
    costing: Costing | None = None,
    **options: Any,
) -> httpx2.AsyncClient:
    """Return an `httpx2.AsyncClient` with a guard; `options` are the client's."""
    return guard_client(httpx2.AsyncClient(**options), guard, costing)

"""Guard httpx2: one lease for every request that is sent, including redirects.

```python
client = guarded_client(guard)                 # an httpx2.Client; or guarded_async_client(guard)
anthropic.Anthropic(http_client=client)
```

`guard_client(client, guard)` guards a client that already exists, `GuardTransport(guard,
transport)` a transport of your own. Refusals (`CallRefused`) are raised unchanged. Some SDKs wrap
every error of their transport in a connection error of their own:
`costmon.guard.clients.exchange.refusal_in` finds the refusal in it.
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
    """Guard all requests of a client, and return the client.

    Raises:
        InputError: It is not such a client.
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
    """Return an `httpx2.Client` with a guard; `options` are passed to the client."""
    return guard_client(httpx2.Client(**options), guard, costing)


def guarded_async_client(
    guard: Gatekeeper,
    *,
    costing: Costing | None = None,
    **options: Any,
) -> httpx2.AsyncClient:
    """Return an `httpx2.AsyncClient` with a guard; `options` are passed to the client."""
    return guard_client(httpx2.AsyncClient(**options), guard, costing)

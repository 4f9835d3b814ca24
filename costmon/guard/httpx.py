"""Guard httpx: one lease for every request that is sent, including redirects.

```python
client = guarded_client(guard)                 # an httpx.Client; or guarded_async_client(guard)
openai.OpenAI(http_client=client)
```

`guard_client(client, guard)` guards a client that already exists, `GuardTransport(guard,
transport)` a transport of your own. Refusals (`CallRefused`) are raised unchanged. Some SDKs wrap
every error of their transport in a connection error of their own:
`costmon.guard.clients.exchange.refusal_in` finds the refusal in it.
"""

from typing import Any, TypeVar

import httpx

from costmon.guard.clients.costing import Costing
from costmon.guard.clients.gatekeeper import Gatekeeper
from costmon.guard.clients.httpx_wire import AsyncGuard, HttpxWire, SyncGuard, wrap_transports

C = TypeVar("C", httpx.Client, httpx.AsyncClient)

WIRE = HttpxWire(httpx)


class GuardTransport(SyncGuard, httpx.BaseTransport):
    """A transport that asks a guard before each request."""

    wire = WIRE


class AsyncGuardTransport(AsyncGuard, httpx.AsyncBaseTransport):
    """A transport for asyncio that asks a guard before each request."""

    wire = WIRE


def guard_client(client: C, guard: Gatekeeper, costing: Costing | None = None) -> C:
    """Guard all requests of a client, and return the client.

    Raises:
        InputError: It is not such a client.
    """
    asynchronous = isinstance(client, httpx.AsyncClient)
    transport = AsyncGuardTransport if asynchronous else GuardTransport
    wrap_transports(client, transport, guard, costing)
    return client


def guarded_client(
    guard: Gatekeeper,
    *,
    costing: Costing | None = None,
    **options: Any,
) -> httpx.Client:
    """Return an `httpx.Client` with a guard; `options` are passed to the client."""
    return guard_client(httpx.Client(**options), guard, costing)


def guarded_async_client(
    guard: Gatekeeper,
    *,
    costing: Costing | None = None,
    **options: Any,
) -> httpx.AsyncClient:
    """Return an `httpx.AsyncClient` with a guard; `options` are passed to the client."""
    return guard_client(httpx.AsyncClient(**options), guard, costing)

"""Guard botocore and boto3: one lease for every attempt of every request.

```python
client = guard_client(boto3.client("bedrock-runtime"), guard)
```

A client and its own retries do not change; its connections come from guarded pools. Refusals
(`CallRefused`) are raised unchanged, and botocore does not retry them.
"""

from typing import Any, TypeVar

from botocore.exceptions import HTTPClientError

from costmon.errors import GuardError, InputError
from costmon.guard.clients.costing import Costing
from costmon.guard.clients.gatekeeper import Gatekeeper
from costmon.guard.urllib3 import guarded_pools

C = TypeVar("C")


def guard_client(client: C, guard: Gatekeeper, costing: Costing | None = None) -> C:
    """Guard all requests of a client, and return the client.

    Args:
        client: Made by botocore or boto3.
        guard: The guard that allows or refuses each call.
        costing: What requests cost.

    Raises:
        InputError: It is not a botocore client, or one with unknown connections.
    """
    session = getattr(getattr(client, "_endpoint", None), "http_session", None)
    pools = getattr(session, "_pool_classes_by_scheme", None)
    if session is None or not isinstance(pools, dict):
        raise InputError(f"{type(client).__name__} is not a botocore client that can be guarded")
    # The session shares this dictionary with its pool manager and those of proxies.
    pools.update(guarded_pools(pools, guard, costing or Costing()))
    session.close()
    session.send = _unwrapping(session.send)
    return client


def _unwrapping(send: Any) -> Any:
    """Return `send`, raising a guard's refusal unchanged."""

    def unwrapped(request: Any) -> Any:
        try:
            return send(request)
        except HTTPClientError as error:
            raise unwrap(error) from None

    return unwrapped


def unwrap(error: HTTPClientError) -> BaseException:
    """Return the guard's error that botocore has wrapped, or the error itself."""
    inner = error.kwargs.get("error")
    return inner if isinstance(inner, GuardError | InputError) else error

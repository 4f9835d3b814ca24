"""Classify exceptions and responses of any client library as kinds of failures.

No client library is imported: exceptions are recognised by the names of their classes and bases
(requests, urllib3, httpx, httpcore, aiohttp, botocore, http.client, urllib, socket, ssl), by their
error number, and by their causes. Responses are classified by their status.

What counts against a host: `timeout`, `refused`, `dns`, `tls`, `network` and `5xx`. A rate limit,
`429`, is worth a retry, but the host works, as with any other status. Everything else (a
`ValueError`, a full local connection pool) says nothing about the host.
"""

import errno
from collections.abc import Iterator
from typing import Literal

from costmon.guard.errors import CallRefused

FailureClass = Literal["timeout", "refused", "dns", "tls", "5xx", "429", "network"]

RETRYABLE: frozenset[FailureClass] = frozenset(
    ("timeout", "refused", "dns", "5xx", "429", "network")
)
"""Not `tls`: a certificate does not become valid within seconds."""

_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
_STATUSES = range(100, 600)
_DEEPEST = 12
"""How many causes are inspected; requests nests four."""

# The first kind that matches anything in the chain of causes wins: urllib3 1.x wraps a refused
# connection in a connect timeout, and an unknown host name in a "connection error".
_OURS = frozenset(("PoolTimeout", "EmptyPoolError", "FullPoolError", "ClosedPoolError"))
_CUT = frozenset(("SSLEOFError", "SSLZeroReturnError", "SSLSyscallError"))
_NAMES: tuple[tuple[FailureClass, frozenset[str]], ...] = (
    ("dns", frozenset(("gaierror", "herror", "NameResolutionError", "ClientConnectorDNSError"))),
    (
        "tls",
        frozenset(
            (
                "SSLError",
                "SSLCertVerificationError",
                "CertificateError",
                "ClientSSLError",
                "ClientConnectorCertificateError",
            )
        ),
    ),
    ("refused", frozenset(("ConnectionRefusedError",))),
    (
        "timeout",
        frozenset(
            (
                "TimeoutError",
                "Timeout",
                "TimeoutException",
                "ConnectTimeoutError",
                "ReadTimeoutError",
                "ServerTimeoutError",
                "APITimeoutError",
            )
        ),
    ),
    (
        "network",
        frozenset(
            (
                "ConnectionError",
                "ChunkedEncodingError",
                "ProtocolError",
                "NewConnectionError",
                "HTTPException",
                "NetworkError",
                "RemoteProtocolError",
                "ClientConnectionError",
                "ClientPayloadError",
                "EndpointConnectionError",
                "ConnectionClosedError",
                "IncompleteReadError",
                "APIConnectionError",
            )
        ),
    ),
)
_NUMBERS: dict[int, FailureClass] = {
    errno.ECONNREFUSED: "refused",
    errno.ETIMEDOUT: "timeout",
    errno.EHOSTUNREACH: "network",
    errno.ENETUNREACH: "network",
    errno.ENETDOWN: "network",
    errno.EHOSTDOWN: "network",
}
_CONNECTING = frozenset(
    ("ConnectTimeout", "ConnectTimeoutError", "ConnectionTimeoutError", "NewConnectionError")
)


def failure_of(error: BaseException) -> FailureClass | None:
    """Return the kind of the host's failure; `None` if `error` says nothing about the host."""
    if refusal_of(error) is not None:
        return None
    status = status_of(error)
    if status is not None:
        return failure_of_status(status)
    chain = tuple(_causes(error))
    names = [{base.__name__ for base in type(cause).__mro__} for cause in chain]
    if names[0] & _OURS:
        return None
    if any(named & _CUT for named in names):
        return "network"
    numbers = {_NUMBERS.get(getattr(cause, "errno", None) or 0) for cause in chain}
    for failure, known in _NAMES:
        if failure in numbers or any(named & known for named in names):
            return failure
    return None


def failure_of_status(status: int) -> FailureClass | None:
    """Return the kind of failure of a status; `None`: the host works."""
    if status == _TOO_MANY_REQUESTS:
        return "429"
    return "5xx" if status >= _SERVER_ERROR else None


def status_of(result: object) -> int | None:
    """Return the HTTP status of a response or an exception; `None` if it has none."""
    for holder in (result, getattr(result, "response", None)):
        for name in ("status_code", "status", "code"):
            status = getattr(holder, name, None)
            if isinstance(status, int) and not isinstance(status, bool) and status in _STATUSES:
                return int(status)
        if isinstance(holder, dict):  # botocore's ClientError
            status = (holder.get("ResponseMetadata") or {}).get("HTTPStatusCode")
            if isinstance(status, int) and status in _STATUSES:
                return status
    return None


def refusal_of(error: BaseException) -> CallRefused | None:
    """Return the guard's refusal that an error is, or was raised from.

    OpenAI's client, for example, treats a refusal by its transport as a failed connection.
    """
    cause: BaseException | None = error
    for _ in range(_DEEPEST):
        if cause is None or isinstance(cause, CallRefused):
            return cause
        cause = cause.__cause__
    return None


def nothing_was_sent(error: BaseException) -> bool:
    """Return whether `error` proves that nothing was sent, because there was no connection."""
    failure = failure_of(error)
    if failure in {"dns", "refused", "tls"}:
        return True
    return failure == "timeout" and any(
        base.__name__ in _CONNECTING for cause in _causes(error) for base in type(cause).__mro__
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes, each once."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(seen) < _DEEPEST:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or any(cause is one for one in seen):
            continue
        seen.append(cause)
        yield cause
        waiting += [getattr(cause, "reason", None), getattr(cause, "os_error", None)]
        waiting += [cause.__cause__, None if cause.__suppress_context__ else cause.__context__]
        waiting += cause.args[:2]
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions

"""Tell what kind of failure an exception or an answer is, whichever client library it is from.

No client library is imported: exceptions are known by the names of their classes and base classes
(requests, urllib3, httpx, httpcore, aiohttp, botocore, http.client, urllib, socket, ssl), by their
error number, and by the causes they carry. Answers are known by their status.

What counts against a host: `timeout`, `refused`, `dns`, `tls`, `network`, `429` and `5xx`. Any
other status is an answer of a host that works. Everything else (a `ValueError`, a full pool of our
own) says nothing about the host.
"""

import errno
from collections.abc import Iterator
from typing import Literal

from costmon.guard.errors import CallRefused

FailureClass = Literal["timeout", "refused", "dns", "tls", "5xx", "429", "network"]

RETRYABLE: frozenset[FailureClass] = frozenset(
    ("timeout", "refused", "dns", "5xx", "429", "network")
)
"""Not `tls`: a certificate does not become right within seconds."""

_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
_STATUSES = range(100, 600)
_DEEPEST = 12
"""How many causes are looked at; requests nests four."""

# The first class that anything in the chain of causes belongs to wins: a refused connection is
# wrapped in what urllib3 1.x calls a connect timeout, a missing name in a "connection error".
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
    """Return what kind of failure of the host `error` is; `None` when it says nothing of one."""
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
    """Return what kind of failure a status is; `None`: the host works."""
    if status == _TOO_MANY_REQUESTS:
        return "429"
    return "5xx" if status >= _SERVER_ERROR else None


def status_of(result: object) -> int | None:
    """Return the HTTP status that an answer or an exception carries; `None` when it has none."""
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
    """Return the refusal of a guard that an error is, or says it was raised from.

    OpenAI's client, for one, takes a refusal by its transport for a failed connection.
    """
    cause: BaseException | None = error
    for _ in range(_DEEPEST):
        if cause is None or isinstance(cause, CallRefused):
            return cause
        cause = cause.__cause__
    return None


def nothing_was_sent(error: BaseException) -> bool:
    """Tell whether `error` proves that no byte of the request left: there was no connection."""
    failure = failure_of(error)
    if failure in {"dns", "refused", "tls"}:
        return True
    return failure == "timeout" and any(
        base.__name__ in _CONNECTING for cause in _causes(error) for base in type(cause).__mro__
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it says caused it, each once."""
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

"""What counts against a host, whichever client library says so."""

import errno
import http.client
import socket
import ssl
import urllib.error

import pytest
import requests
import urllib3

from costmon.guard.errors import TierRefused
from costmon.guard.health.failures import (
    RETRYABLE,
    failure_of,
    failure_of_status,
    nothing_was_sent,
    refusal_of,
    status_of,
)


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def like(name, *bases, **fields):
    """Return an exception of a library that need not be installed, by its classes' names."""
    parents = tuple(type(base, (Exception,), {}) for base in bases) or (Exception,)
    error = type(name, parents, {})("said something")
    for field, value in fields.items():
        setattr(error, field, value)
    return error


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "call",
    [
        lambda port: requests.get(f"http://127.0.0.1:{port}/", timeout=5),
        lambda port: urllib3.PoolManager(retries=False).request("GET", f"http://127.0.0.1:{port}/"),
        lambda port: urllib3.PoolManager(retries=1).request("GET", f"http://127.0.0.1:{port}/"),
        lambda port: http.client.HTTPConnection("127.0.0.1", port).request("GET", "/"),
        lambda port: socket.create_connection(("127.0.0.1", port)),
    ],
    ids=["requests", "urllib3", "urllib3 with retries", "http.client", "socket"],
)
def test_a_refused_connection_is_refused_and_nothing_was_sent(call):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each library has its own
        call(closed_port())

    assert failure_of(caught.value) == "refused"
    assert nothing_was_sent(caught.value)


def test_a_host_that_never_answers_is_a_timeout_and_may_have_got_the_request():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"

        with pytest.raises(requests.ReadTimeout) as caught:
            requests.get(url, timeout=(5, 0.05))

    assert failure_of(caught.value) == "timeout"
    assert not nothing_was_sent(caught.value)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (TimeoutError(), "timeout"),
        (OSError(errno.ETIMEDOUT, "timed out"), "timeout"),
        (OSError(errno.EHOSTUNREACH, "no route"), "network"),
        (ConnectionResetError(), "network"),
        (http.client.RemoteDisconnected(""), "network"),
        (http.client.IncompleteRead(b""), "network"),
        (urllib.error.URLError(ConnectionRefusedError()), "refused"),
        (urllib.error.URLError(socket.gaierror(-2, "unknown")), "dns"),
        (ssl.SSLCertVerificationError(1, "expired"), "tls"),
        (ssl.SSLEOFError(8, "cut"), "network"),
        (requests.ConnectTimeout(), "timeout"),
        (requests.exceptions.SSLError(ssl.SSLError()), "tls"),
        (requests.exceptions.ChunkedEncodingError(), "network"),
        (urllib3.exceptions.NameResolutionError("h", None, socket.gaierror(-2, "x")), "dns"),  # type: ignore[arg-type]  # no connection is needed
        (caused(like("ConnectError", "NetworkError"), ConnectionRefusedError()), "refused"),
        (caused(like("ConnectError", "NetworkError"), socket.gaierror(-2, "x")), "dns"),
        (caused(like("ConnectError", "NetworkError"), ssl.SSLError(1, "x")), "tls"),
        (like("ConnectError", "NetworkError"), "network"),
        (like("ReadTimeout", "TimeoutException"), "timeout"),
        (like("RemoteProtocolError"), "network"),
        (like("ClientConnectorError", os_error=ConnectionRefusedError()), "refused"),
        (like("ServerDisconnectedError", "ClientConnectionError"), "network"),
        (like("ClientConnectorDNSError", "ClientConnectionError"), "dns"),
        (like("ServerTimeoutError", "TimeoutError"), "timeout"),
        (like("EndpointConnectionError"), "network"),
        (ExceptionGroup("all tried", [ConnectionRefusedError()]), "refused"),
        (like("HTTPError", response=like("Response", status_code=503)), "5xx"),
        (like("HTTPStatusError", response=like("Response", status_code=429)), "429"),
        (like("ClientResponseError", status=500), "5xx"),
        (like("ClientError", response={"ResponseMetadata": {"HTTPStatusCode": 503}}), "5xx"),
    ],
    ids=repr,
)
def test_every_library_s_failures_of_the_host_are_known(error, failure):
    assert failure_of(error) == failure


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a bug"),
        FileNotFoundError(errno.ENOENT, "no file"),
        KeyboardInterrupt(),
        like("PoolTimeout", "TimeoutException"),
        like("HTTPError", response=like("Response", status_code=404)),
        like("HTTPError", response=like("Response", status_code=401)),
    ],
    ids=repr,
)
def test_what_is_no_fault_of_the_host_is_no_failure(error):
    assert failure_of(error) is None


def test_an_error_that_was_silenced_on_purpose_is_not_looked_at():
    def cut():
        raise ConnectionResetError

    def parse():
        try:
            cut()
        except ConnectionResetError:
            raise ValueError("bad") from None

    with pytest.raises(ValueError, match="bad") as caught:
        parse()

    assert failure_of(caught.value) is None


def test_a_refusal_that_a_client_takes_for_a_failed_connection_is_none():
    refused = TierRefused("host:a.example")
    wrapped = caused(like("APIConnectionError"), refused)

    assert failure_of(wrapped) is None
    assert refusal_of(wrapped) is refused


def test_a_failure_while_a_refusal_was_handled_is_a_failure():
    failed = TimeoutError()
    failed.__context__ = TierRefused("host:a.example")

    assert failure_of(failed) == "timeout"
    assert refusal_of(failed) is None


def test_causes_in_a_circle_end():
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first

    assert failure_of(first) is None


@pytest.mark.parametrize(
    ("status", "failure"),
    [(200, None), (301, None), (400, None), (404, None), (410, None), (429, "429"), (500, "5xx"),
     (503, "5xx"), (599, "5xx")],
)  # fmt: skip
def test_only_429_and_5xx_count_among_statuses(status, failure):
    assert failure_of_status(status) == failure


@pytest.mark.parametrize("result", [None, "text", {"a": 1}, like("X", status="ok"), True])
def test_what_is_no_response_has_no_status(result):
    assert status_of(result) is None


def test_a_certificate_is_not_tried_again():
    assert "tls" not in RETRYABLE

"""Slow clients and many connections: who is let in, who is closed, and what is logged."""

import contextlib
import http.client
import select
import socket

import pytest
from cheroot.connections import ConnectionManager
from structlog.testing import capture_logs

from costmon.api import HttpServer, connections, streams
from costmon.testing import FakeClock

HEAD = b"POST /x HTTP/1.1\r\nHost: localhost\r\n"


def echo(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def serve(monkeypatch, clock):
    """Return a function that serves with few workers, and a deadline by a clock that we move."""
    with contextlib.ExitStack() as stack:

        def start(app=echo, most=1_000):
            monkeypatch.setattr("costmon.api.server.most_connections", lambda: most)
            monkeypatch.setattr("costmon.api.server._Server.clock", clock)
            server = HttpServer(app, "127.0.0.1", 0, "http")
            server.prepare()
            server.start()
            stack.callback(lambda: server.stop(5.0))
            return server.port

        yield start


@pytest.fixture
def connect():
    """Return a function that opens connections until the test ends."""
    with contextlib.ExitStack() as stack:
        yield lambda port: stack.enter_context(
            socket.create_connection(("127.0.0.1", port), timeout=5)
        )


def answers(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    finally:
        connection.close()


def until_closed(client):
    return b"".join(iter(lambda: client.recv(65536), b""))


def test_ninety_clients_that_drip_bytes_hold_no_worker(serve, connect):
    port = serve()
    clients = [connect(port) for _ in range(90)]

    for byte in (HEAD[:1], HEAD[1:2], HEAD[2:3]):
        for client in clients:
            client.sendall(byte)
        assert answers(port)


@pytest.mark.parametrize(
    "sent",
    [
        b"G",
        HEAD,
        HEAD + b"Content-Length: 5\r\n\r\nab",
        HEAD + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
def test_each_kind_of_unfinished_request_holds_no_worker_and_ends_at_the_deadline(
    serve, connect, clock, sent
):
    port = serve()
    clients = [connect(port) for _ in range(15)]  # there are ten workers
    for client in clients:
        client.sendall(sent)
    assert answers(port)

    clock.advance(streams.REQUEST_S + 0.1)

    for client in clients:
        assert b"408 Request Timeout" in until_closed(client)


def test_a_byte_now_and_then_does_not_extend_the_deadline(serve, connect, clock):
    port = serve()
    client = connect(port)
    client.sendall(b"G")
    assert answers(port), "and so the first byte has been received"
    for _ in range(4):
        clock.advance(streams.REQUEST_S / 4 + 0.1)
        with contextlib.suppress(OSError):
            client.sendall(b"E")

    with contextlib.suppress(ConnectionResetError):
        assert b"408" in until_closed(client)


@pytest.mark.parametrize(
    ("sent", "echoed"),
    [
        ([b"POST / HT", b"TP/1.1\r\nHost: a\r\nContent-", b"Length: 3\r\n\r\na", b"bc"], b"abc"),
        ([HEAD, b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"0\r\n\r\n"], b"abc"),
        ([HEAD + b"content-length:3\r\n\r", b"\nabc"], b"abc"),
        ([HEAD + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", b"abc"], b"abc"),
        ([HEAD + b"Content-Length: 60000\r\n\r\n", b"x" * 60_000], b"x" * 60_000),
    ],
)
def test_a_request_in_pieces_is_answered_whole(serve, connect, sent, echoed):
    client = connect(serve())
    for piece in sent:
        client.sendall(piece)
        select.select([client], [], [], 0.02)

    received = b""
    while not received.endswith(echoed):
        received += client.recv(65536)

    assert b"HTTP/1.1 200" in received
    assert received.count(b"100 Continue") == (1 if b"Expect" in sent[0] else 0)


def test_several_requests_at_once_are_all_answered(serve, connect):
    client = connect(serve())

    client.sendall((HEAD + b"Content-Length: 1\r\n\r\nz") * 5)

    received = b""
    while received.count(b"\r\n\r\nz") < 5:
        received += client.recv(65536)
    assert received.count(b"HTTP/1.1 200") == 5


def test_at_the_cap_the_longest_idle_connection_is_closed_for_the_new_one(serve, connect, clock):
    port = serve(most=5)
    clients = []
    with capture_logs() as logs:
        for _ in range(20):
            clients.append(connect(port))
            clock.advance(0.01)
        assert answers(port)
        ended = [client for client in clients if select.select([client], [], [], 0.1)[0]]

    assert len(ended) == 16
    assert ended == clients[:16], "the oldest went first"
    limited = [line for line in logs if line["event"] == "api.connections_limited"]
    assert len(limited) == 1


def test_an_idle_connection_is_closed_after_a_while_without_a_word(serve, connect, clock):
    port = serve()
    client = connect(port)
    assert answers(port), "and so the other one has been accepted"

    clock.advance(6)

    assert until_closed(client) == b""


def test_when_no_descriptor_is_left_idle_connections_make_room_and_one_line_is_logged(
    serve, connect, monkeypatch
):
    port = serve()
    idle = [connect(port) for _ in range(5)]
    real = ConnectionManager._from_server_socket  # type: ignore[attr-defined]  # cheroot's types leave it out
    left = [3]

    def full(self, listening):
        if left[0]:
            left[0] -= 1
            raise OSError(24, "Too many open files")
        return real(self, listening)

    assert answers(port)
    with capture_logs() as logs:
        monkeypatch.setattr(connections.Connections, "_from_server_socket", full)
        assert answers(port)

    assert sum(bool(select.select([client], [], [], 0.1)[0]) for client in idle) == 3
    assert [line["event"] for line in logs] == ["api.connections_limited"]


LARGE = b"x" * 5_000_000
"""More than the buffers of a connection take."""


def large(environ, start_response):
    body = LARGE if environ["PATH_INFO"] == "/large" else b"well"
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def ask_for_large(client, ending=b""):
    client.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n" + ending + b"\r\n")
    assert client.recv(1)  # a worker has begun to answer


def body(client, size):
    """Read the rest of a head, and a body."""
    with client.makefile("rb") as reader:
        while reader.readline() != b"\r\n":
            pass
        return reader.read(size)


def test_clients_that_do_not_take_large_answers_hold_no_worker(serve, connect):
    port = serve(large)
    for ending in (b"", b"Connection: close\r\n") * 10:
        ask_for_large(connect(port), ending)

    assert answers(port)


@pytest.mark.parametrize("ending", [b"", b"Connection: close\r\n"], ids=["kept", "closed"])
def test_a_large_answer_that_is_taken_late_is_whole_and_ends_as_was_agreed(serve, connect, ending):
    client = connect(serve(large))
    ask_for_large(client, ending)

    assert body(client, len(LARGE)) == LARGE
    if ending:
        assert client.recv(1) == b""
    else:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert body(client, 4) == b"well"


def test_a_large_answer_that_nobody_takes_is_given_up_at_its_deadline(serve, connect, clock):
    client = connect(serve(large))
    ask_for_large(client)

    clock.advance(streams.ANSWER_S + len(LARGE) / streams.LEAST_BYTES_A_SECOND + 1)

    with contextlib.suppress(ConnectionResetError):
        assert len(until_closed(client)) < len(LARGE)


def test_what_is_kept_for_slow_clients_is_bounded_and_given_back(clock):
    ours, theirs = socket.socketpair()
    unsent = streams.Unsent(2 * len(LARGE))
    with ours, theirs:
        sent = streams.Sent(ours, clock, unsent)
        assert sent.write(LARGE) == len(LARGE)
        assert sent.write(LARGE) == len(LARGE)
        kept = len(sent.rest)
        assert not unsent.take(2 * len(LARGE) - kept + 1)

        sent.drop()

        assert unsent.take(2 * len(LARGE))


def test_a_client_that_takes_its_answer_slowly_is_given_up(clock):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sent = streams.Sent(ours, clock, streams.Unsent(0))
        sent.write(b"x" * 1_000)
        clock.advance(streams.ANSWER_S - 1)
        sent.write(b"x")
        clock.advance(1.1)

        with pytest.raises(TimeoutError):
            sent.write(b"x")


def test_a_large_answer_that_is_taken_steadily_is_sent_whole(clock):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sent = streams.Sent(ours, clock, streams.Unsent(0))
        for _ in range(30):
            assert sent.write(b"x" * 60_000) == 60_000
            theirs.recv(60_000, socket.MSG_WAITALL)
            clock.advance(0.6 + streams.ANSWER_S / 40)


@pytest.mark.parametrize(("soft", "most"), [(1024, 448), (65_536, 1_000), (100, 16), (-1, 1_000)])
def test_two_listeners_and_everything_else_fit_into_the_limit_of_files(monkeypatch, soft, most):
    monkeypatch.setattr("resource.getrlimit", lambda _: (soft, soft))

    assert connections.most_connections() == most

import http.client
import json
import socket
import threading

import pytest
import structlog

from costmon.api import HttpServer


def hello(_environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"hi"]


@pytest.fixture
def serve():
    """Return a function that serves an application until the test ends."""
    servers = []

    def start(app=hello):
        server = HttpServer(app, "127.0.0.1", 0, "http")
        server.prepare()
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        assert server.stop(5.0)


def get(port, path="/", headers=()):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def talk(port, sent):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_it_serves_the_whole_application(serve, world):
    world.poll()
    server = serve(world.app())

    status, headers, body = get(server.port, "/api/v1/costs/current")

    assert status == 200
    assert json.loads(body)["meta"]["stale"] is False
    assert headers["Server"] == "costmon"


def test_a_port_in_use_is_an_error_where_it_is_prepared(serve):
    taken = serve().port

    with pytest.raises(OSError, match="Address already in use"):
        HttpServer(hello, "127.0.0.1", taken, "second").prepare()


def test_a_stopped_server_can_be_followed_on_the_same_port():
    first = HttpServer(hello, "127.0.0.1", 0, "first")
    first.prepare()
    first.start()
    port = first.port
    assert get(port)[0] == 200
    assert first.stop(5.0)

    second = HttpServer(hello, "127.0.0.1", port, "second")
    second.prepare()
    second.start()

    assert get(port)[2] == b"hi"
    assert second.stop(5.0)


def test_stopping_before_starting_leaves_no_thread():
    server = HttpServer(hello, "127.0.0.1", 0, "http")
    server.prepare()

    assert server.stop(5.0)


def test_a_request_in_hand_is_answered_before_the_stop():
    entered, leave = threading.Event(), threading.Event()

    def slow(environ, start_response):
        entered.set()
        assert leave.wait(5)
        return hello(environ, start_response)

    server = HttpServer(slow, "127.0.0.1", 0, "http")
    server.prepare()
    server.start()
    answers = []
    client = threading.Thread(target=lambda: answers.append(get(server.port)[2]))
    client.start()
    assert entered.wait(5)
    stopped = []
    stopping = threading.Thread(target=lambda: stopped.append(server.stop(5.0)))
    stopping.start()

    leave.set()
    stopping.join(5)
    client.join(5)

    assert answers == [b"hi"]
    assert stopped == [True]


def test_a_request_that_never_ends_does_not_hold_the_stop():
    entered, leave = threading.Event(), threading.Event()

    def stuck(environ, start_response):
        entered.set()
        assert leave.wait(30)
        return hello(environ, start_response)

    server = HttpServer(stuck, "127.0.0.1", 0, "http")
    server.prepare()
    server.start()
    client = threading.Thread(target=lambda: get(server.port))
    client.start()
    assert entered.wait(5)

    stopped = server.stop(0.2)
    leave.set()
    client.join(5)

    assert not stopped


def test_headers_that_are_too_long_are_a_json_413(serve):
    status, _, body = get(serve().port, headers={"X-Long": "x" * 20_000})

    assert status == 413
    assert set(json.loads(body)) == {"error", "message"}


def test_a_body_that_is_too_long_is_a_json_413(serve):
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n"

    answer = talk(serve().port, head)

    assert answer.startswith(b"HTTP/1.1 413")
    assert set(json.loads(answer.partition(b"\r\n\r\n")[2])) == {"error", "message"}


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"POST /refresh HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\nConnection: close\r\n\r\n",
        b"\x00\xff\r\n\r\n",
    ],
)
def test_nonsense_is_refused_in_json_and_the_server_lives(serve, world, sent):
    server = serve(world.app())

    answer = talk(server.port, sent)

    assert answer.partition(b" ")[2][:1] in {b"4", b"5"}
    assert set(json.loads(answer.partition(b"\r\n\r\n")[2])) == {"error", "message"}
    assert get(server.port, "/healthz")[0] == 200


@pytest.mark.parametrize("length", [b"-1", b"+2", b"1_0", b"", b"0x2", b"2, 2", b"9" * 30])
def test_a_length_that_http_does_not_know_is_a_400_or_413(serve, world, length):
    head = b"POST /refresh HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: "

    answer = talk(serve(world.app()).port, head + length + b"\r\n\r\n{}")

    assert answer[9:12] in {b"400", b"413"}
    assert world.requests == []


def test_a_length_beside_chunks_is_a_400(serve, world):
    head = b"POST /refresh HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"

    answer = talk(serve(world.app()).port, head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400")
    assert world.requests == []


@pytest.mark.parametrize("target", [b"//[", b"http://[", b"//[::1"])
def test_a_target_that_is_no_url_is_a_400(serve, world, target):
    answer = talk(
        serve(world.app()).port,
        b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    )

    assert answer.startswith(b"HTTP/1.1 400")


def test_half_sent_requests_do_not_take_all_threads(serve):
    server = serve()
    held = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(8)]
    for connection in held:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: loc")

    status, _, _ = get(server.port)

    for connection in held:
        connection.close()
    assert status == 200


def test_an_application_that_fails_is_logged_and_not_printed(serve, capfd):
    def broken(_environ, _start_response):
        raise RuntimeError("boom")

    with structlog.testing.capture_logs() as logs:
        server = serve(broken)
        status, _, body = get(server.port)

    assert status == 500
    assert b"boom" not in body
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == [
        "api.connection_failed"
    ]
    assert "boom" not in capfd.readouterr().err

"""What the client makes of services that are not there, not ours or not well."""

import socket
import threading

import pytest

from costmon.clock import SystemClock
from costmon.console.client import ConsoleClient
from costmon.console.command import COMMANDS
from costmon.errors import ConsoleRequestError, ConsoleUnavailableError
from costmon.messages import GetChildren, RestartChild


@pytest.fixture
def answer_with(path):
    """Listen once and send these bytes, whatever is asked."""
    threads = []

    def listen(data):
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(str(path))
        listening.listen()

        def serve():
            connection, _ = listening.accept()
            with listening, connection:
                connection.recv(4096)
                connection.sendall(data)

        threads.append(threading.Thread(target=serve))
        threads[-1].start()

    yield listen
    for thread in threads:
        thread.join(5)


def test_no_service_is_an_error_that_says_how_to_start_one(client, path):
    with pytest.raises(ConsoleUnavailableError, match="costmon run") as caught:
        client.ask(GetChildren())

    assert str(path) in str(caught.value)


def test_a_path_that_no_socket_can_have_is_the_same_error(tmp_path):
    client = ConsoleClient(tmp_path / ("x" * 200), clock=SystemClock())

    with pytest.raises(ConsoleUnavailableError, match="AF_UNIX path too long"):
        client.ask(GetChildren())


@pytest.mark.parametrize(
    "reply", [b"HTTP/1.1 400 Bad Request\n", b'{"answer": [{"name": 1}]}\n', b"\xff\n", b"[]\n"]
)
def test_something_else_at_the_socket_is_said_to_be_so(answer_with, client, reply):
    answer_with(reply)

    with pytest.raises(ConsoleUnavailableError, match="not from this version of costmon"):
        client.ask(GetChildren())


def test_an_answer_that_breaks_off_is_no_answer(answer_with, client):
    answer_with(b'{"answer": [')

    with pytest.raises(ConsoleUnavailableError, match="ended before the line was complete"):
        client.ask(GetChildren())


def test_an_answer_without_an_answer_is_a_refusal(answer_with, client):
    answer_with(b'{"error": "no", "valid": ["a", "b"]}\n')

    with pytest.raises(ConsoleRequestError, match="no; known: a, b") as caught:
        client.ask(RestartChild(name="x"))

    assert caught.value.valid == ("a", "b")


def test_a_service_that_hangs_is_given_up_after_the_time_limit(serve, supervisor, path):
    serve()
    supervisor.hold.clear()
    client = ConsoleClient(path, clock=SystemClock(), timeout_s=0.1)

    with pytest.raises(ConsoleUnavailableError, match=r"within 0\.1 s"):
        client.ask(GetChildren())


def test_what_is_no_message_never_leaves_the_client(client):
    with pytest.raises(ConsoleRequestError, match="str is not a console message") as caught:
        client.ask("import os")

    assert caught.value.valid == tuple(kind.__name__ for kind in COMMANDS.values())

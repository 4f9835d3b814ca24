"""The console's socket: who gets in, what is taken, and what a bad client cannot do."""

import dataclasses
import os
import stat
import tempfile
import threading
from pathlib import Path

import msgspec
import pytest

from costmon.clock import SystemClock
from costmon.config.user import name_of_user
from costmon.console.client import ConsoleClient
from costmon.console.command import COMMANDS
from costmon.console.messages import GetBudgets, GetCircuits, GetGuards
from costmon.console.server import ConsoleServer
from costmon.errors import ConsoleRequestError, ConsoleUnavailableError
from costmon.messages import GetChildren, OpenCircuit, RestartAnswer, RestartChild
from costmon.testing.clock import FakeClock

NOBODY = 65534


def test_the_children_come_back_as_they_are(serve, client, supervisor):
    serve()

    assert client.ask(GetChildren()) == supervisor.children


def test_a_restart_reaches_the_supervisor_and_its_answer_comes_back(serve, client, supervisor):
    serve()

    answer = client.ask(RestartChild(name="poller"))

    assert supervisor.asked == [RestartChild(name="poller")]
    assert answer == RestartAnswer(
        restarted=("poller.digitalocean",), known=("messenger", "poller", "poller.digitalocean")
    )


def test_a_circuit_is_opened_through_the_socket_and_its_answer_comes_back(
    serve, client, supervisor
):
    serve()
    message = OpenCircuit(
        id="1", scope="host:*", reason="a loop", author="ada", expires_at=FakeClock().now()
    )

    answer = client.ask(message)

    assert supervisor.asked == [dataclasses.replace(message, author=name_of_user(os.geteuid()))], (
        "the author is who connected, whatever the message says"
    )
    assert answer.confirmed
    assert answer.circuit.expires_at == message.expires_at
    assert client.ask(GetCircuits()) == supervisor.circuits
    assert client.ask(GetBudgets()) == supervisor.budgets
    assert client.ask(GetGuards()) == supervisor.guards


def test_a_wrong_name_is_answered_with_the_valid_ones(serve, client):
    serve()

    answer = client.ask(RestartChild(name="nobody"))

    assert answer.restarted == ()
    assert "poller.digitalocean" in answer.known


@pytest.mark.parametrize(
    "request_line",
    [
        b'{"command":"__import__","name":"os"}\n',
        b'{"command":"shutdown"}\n',
        b'{"command":["children"]}\n',
        b"{}\n",
    ],
)
def test_an_unknown_command_is_answered_with_the_valid_ones(serve, say, supervisor, request_line):
    serve()

    reply = msgspec.json.decode(say(request_line))

    assert reply["error"].startswith("unknown command")
    assert reply["valid"] == list(COMMANDS)
    assert supervisor.asked == []


@pytest.mark.parametrize(
    ("request_line", "words"),
    [
        (b"import os\n", "one line with a JSON object"),
        (b"[1]\n", "one line with a JSON object"),
        (b"\xff\xfe\n", "one line with a JSON object"),
        (b'{"command":"restart_child"}\n', "missing required field `name`"),
        (b'{"command":"restart_child","name":3}\n', "Expected `str`, got `int`"),
        (b'{"command":"restart_child","name":"x","code":"1"}\n', "takes name, not 'code'"),
        (b'{"command":"children","name":"x"}\n', "takes no arguments, not 'name'"),
    ],
)
def test_a_request_that_is_not_one_is_refused_in_words(serve, say, supervisor, request_line, words):
    serve()

    reply = msgspec.json.decode(say(request_line))

    assert words in reply["error"]
    assert supervisor.asked == []


def test_a_line_that_is_too_long_is_refused(serve, say):
    serve()

    reply = msgspec.json.decode(say(b"x" * 4097))

    assert reply["error"] == "the line is longer than 4096 bytes"


def test_a_half_sent_line_is_refused_after_the_time_limit(serve, connect):
    serve(request_timeout_s=0.1)
    connection = connect()

    connection.sendall(b'{"command":')

    assert b"no complete line arrived within 0.1 s" in connection.recv(4096)


def test_bytes_that_drip_do_not_lengthen_the_time_limit(serve, connect):
    serve(request_timeout_s=0.3)
    connection = connect()
    answered = threading.Event()

    def drip():
        while not answered.wait(0.05):
            try:
                connection.sendall(b" ")
            except OSError:
                return  # the server has hung up, as it should

    dripping = threading.Thread(target=drip)
    dripping.start()
    reply = connection.recv(4096)
    answered.set()
    dripping.join()

    assert b"no complete line arrived" in reply


def test_a_line_that_ends_with_the_connection_is_refused(serve, connect):
    serve()
    connection = connect()

    connection.sendall(b'{"command":"children"}')
    connection.shutdown(1)

    assert b"ended before the line was complete" in connection.recv(4096)


def test_silent_clients_keep_nobody_waiting(serve, client, connect, supervisor):
    serve(request_timeout_s=30)
    for _ in range(5):
        connect()

    assert client.ask(GetChildren()) == supervisor.children


def test_many_clients_at_once_are_all_answered(serve, path, supervisor):
    serve(most_clients=64)
    answers = []

    def ask():
        answers.append(ConsoleClient(path, clock=SystemClock()).ask(GetChildren()))

    threads = [threading.Thread(target=ask) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert answers == [supervisor.children] * 40


def served(client):
    for _ in range(500):
        try:
            return client.ask(GetChildren())
        except ConsoleRequestError:
            threading.Event().wait(0.01)
    return client.ask(GetChildren())


def test_one_client_more_than_are_served_is_told_to_come_back(serve, client, supervisor):
    serve(most_clients=1)
    supervisor.hold.clear()
    first = threading.Thread(target=client.ask, args=(GetChildren(),))
    first.start()
    assert supervisor.entered.wait(5)

    with pytest.raises(
        ConsoleRequestError, match="1 clients are connected already; try again later"
    ):
        client.ask(GetChildren())

    supervisor.hold.set()
    first.join(5)
    # The first client has its answer a moment before its connection is closed.
    assert served(client) == supervisor.children


def test_a_supervisor_that_fails_is_reported_and_the_console_lives_on(serve, client, supervisor):
    serve()
    supervisor.fault = TimeoutError("no answer in 5 s")

    with pytest.raises(ConsoleRequestError, match="the supervisor did not answer: TimeoutError"):
        client.ask(GetChildren())

    supervisor.fault = None
    assert client.ask(GetChildren()) == supervisor.children


def test_the_socket_is_for_its_owner_alone_whatever_the_umask(serve, path):
    before = os.umask(0)
    try:
        serve()
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_user_who_is_not_allowed_is_refused_and_told_so(serve, client, supervisor):
    serve(allowed_uids=())

    with pytest.raises(ConsoleRequestError, match=f"user {os.geteuid()} may not use this console"):
        client.ask(RestartChild(name="poller"))

    assert supervisor.asked == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize(
    ("mode", "outcome"),
    [(0o600, b"cannot connect to the service"), (0o666, b"user 65534 may not use this console")],
    ids=["by the file's mode", "by the peer's uid"],
)
def test_another_user_is_refused(supervisor, mode, outcome):
    with tempfile.TemporaryDirectory(prefix="costmon-") as folder:
        Path(folder).chmod(0o711)
        path = Path(folder, "c.sock")
        server = ConsoleServer(path, supervisor.ask, SystemClock())
        server.start()
        try:
            path.chmod(mode)
            told = _ask_as(NOBODY, path)
        finally:
            server.close()

    assert outcome in told
    assert supervisor.asked == []


def _ask_as(uid, path):
    """Ask from a forked process of another user and return what it was told."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setuid(uid)
            answer = repr(ConsoleClient(path, clock=SystemClock(), timeout_s=5).ask(GetChildren()))
        except (ConsoleRequestError, ConsoleUnavailableError) as error:
            answer = str(error)
        finally:
            os.write(writing, answer.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return told


def test_closing_removes_the_socket_and_leaves_no_thread(serve, client, path, connect):
    before = set(threading.enumerate())
    server = serve(request_timeout_s=30)
    client.ask(GetChildren())
    connect()  # says nothing

    server.close()

    assert not path.exists()
    assert set(threading.enumerate()) == before
    server.close()


def test_an_answer_on_its_way_still_arrives_when_the_console_closes(serve, client, supervisor):
    server = serve()
    supervisor.hold.clear()
    answers = []
    asking = threading.Thread(target=lambda: answers.append(client.ask(GetChildren())))
    asking.start()
    assert supervisor.entered.wait(5)
    closing = threading.Thread(target=server.close)
    closing.start()

    supervisor.hold.set()
    closing.join(5)
    asking.join(5)

    assert answers == [supervisor.children]


def test_closing_does_not_wait_for_a_hung_supervisor(serve, client, supervisor):
    server = serve()
    supervisor.hold.clear()
    errors = []

    def ask():
        try:
            client.ask(GetChildren())
        except ConsoleUnavailableError as error:
            errors.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert supervisor.entered.wait(5)

    server.close(deadline_s=0.1)

    supervisor.hold.set()
    asking.join(5)


def test_a_prepared_console_lets_clients_wait_until_it_starts(path, supervisor, connect):
    server = ConsoleServer(path, supervisor.ask, SystemClock())
    server.prepare()
    connection = connect()
    connection.sendall(b'{"command":"children"}\n')

    server.start()

    assert connection.recv(65536).startswith(b'{"answer":')
    server.close()


def test_a_console_that_was_only_prepared_can_be_closed(path, supervisor):
    server = ConsoleServer(path, supervisor.ask, SystemClock())
    server.prepare()

    server.close()

    assert not path.exists()


def test_a_console_that_never_started_can_be_closed(path, supervisor):
    ConsoleServer(path, supervisor.ask, SystemClock()).close()

    assert not path.exists()

"""The intake's socket: who is served, what a bad client cannot do, and how it ends."""

import contextlib
import json
import socket
import stat
import struct
import threading

import pytest

from costmon.clock import SystemClock
from costmon.errors import StateDirectoryError
from costmon.intake.frame import LONGEST, frame
from costmon.intake.server import IntakeServer


class ConsoleHandler:
    """Answers with what it was told; `hold` keeps answers back until it is set or nobody waits."""

    def __init__(self):
        self.heard = []
        self.entered = threading.Semaphore(0)
        self.hold = threading.Event()
        self.hold.set()
        self.left = threading.Event()

    def __call__(self, content, gone):
        self.heard.append(content)
        self.entered.release()
        while not self.hold.wait(0.01):
            if gone():
                self.left.set()
                break
        if content == b"break":
            raise RuntimeError("broken")
        return b"heard " + content


@pytest.fixture
def desk():
    return ConsoleHandler()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "r.sock"


@pytest.fixture
def serve(path, desk):
    servers = []

    def start(**limits):
        server = IntakeServer(path, desk, SystemClock(), **limits)
        server.start()
        servers.append(server)
        return server

    yield start
    desk.hold.set()
    for server in servers:
        assert server.close()


class Caller:
    """A client that speaks frames, and worse."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(str(path))

    def say(self, content):
        self.socket.sendall(frame(content))

    def hear(self):
        """Return the next answer; `None` when the server has hung up."""
        head = self._exactly(4)
        return None if head is None else self._exactly(struct.unpack("!I", head)[0])

    def _exactly(self, size):
        received = b""
        while len(received) < size:
            try:
                chunk = self.socket.recv(size - len(received))
            except ConnectionResetError:
                return None
            if not chunk:
                return None
            received += chunk
        return received


@pytest.fixture
def call(path):
    with contextlib.ExitStack() as stack:

        def connect():
            caller = Caller(path)
            stack.enter_context(caller.socket)
            return caller

        yield connect


def test_frames_on_one_connection_are_answered_in_order(serve, call, desk):
    serve()
    caller = call()

    for number in range(50):
        caller.say(b"%d" % number)

    assert [caller.hear() for _ in range(50)] == [b"heard %d" % number for number in range(50)]


def test_a_frame_may_come_in_pieces(serve, call):
    serve()
    caller = call()

    for byte in frame(b"in pieces"):
        caller.socket.sendall(bytes([byte]))

    assert caller.hear() == b"heard in pieces"


def test_the_longest_frame_is_taken(serve, call, desk):
    serve()
    caller = call()

    caller.say(b"x" * LONGEST)

    answer = caller.hear()
    assert answer is not None
    assert len(answer) == LONGEST + len("heard ")


@pytest.mark.parametrize("length", [LONGEST + 1, 0xFFFFFFFF])
def test_a_frame_that_is_too_long_is_answered_413_unread_and_the_connection_ends(
    serve, call, desk, length
):
    serve()
    caller = call()

    caller.socket.sendall(struct.pack("!I", length))

    assert json.loads(caller.hear())["status"] == 413
    assert caller.hear() is None
    assert desk.heard == []


def test_http_spoken_at_the_socket_is_refused(serve, call, desk):
    serve()
    caller = call()

    caller.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")

    assert json.loads(caller.hear())["status"] == 413
    assert desk.heard == []


def test_a_half_sent_frame_ends_its_connection_in_time(serve, call, desk):
    serve(frame_s=0.1)
    caller = call()

    caller.socket.sendall(frame(b"whole")[:6])

    assert caller.hear() is None
    assert desk.heard == []


def test_bytes_that_drip_do_not_lengthen_the_time(serve, call, desk):
    serve(frame_s=0.3)
    caller = call()
    ended = threading.Event()

    def drip():
        for byte in frame(b"x" * 1000):
            try:
                caller.socket.sendall(bytes([byte]))
            except OSError:
                return
            if ended.wait(0.02):
                return

    dripping = threading.Thread(target=drip)
    dripping.start()
    assert caller.hear() is None
    ended.set()
    dripping.join()

    assert desk.heard == []


def test_a_client_that_does_not_read_its_answers_is_left(serve, call, desk):
    serve(frame_s=0.2)
    caller = call()

    with pytest.raises(OSError, match=r"Broken pipe|reset|timed out"):
        caller.socket.sendall(frame(b"x" * LONGEST) * 200)

    other = call()
    other.say(b"still here")
    assert other.hear() == b"heard still here"


def test_a_quiet_connection_ends_after_a_while(serve, call):
    serve(idle_s=0.1)

    assert call().hear() is None


def test_a_fault_of_one_answer_is_seen_by_its_own_client_only(serve, call):
    serve()
    broken, good = call(), call()

    broken.say(b"break")
    good.say(b"fine")

    assert broken.hear() is None
    assert good.hear() == b"heard fine"


def test_of_65_busy_connections_the_last_is_told_to_come_back(serve, call, desk):
    serve()
    desk.hold.clear()
    callers = [call() for _ in range(64)]
    for caller in callers:
        caller.say(b"wait")
    for _ in callers:
        assert desk.entered.acquire(timeout=10)

    last = call()
    refusal = json.loads(last.hear())

    assert refusal["status"] == 503
    assert "try again" in refusal["body"]["message"]
    assert last.hear() is None
    desk.hold.set()
    assert [caller.hear() for caller in callers] == [b"heard wait"] * 64


def test_64_silent_connections_keep_nobody_out(serve, call):
    serve(patience_s=0)
    silent = [call() for _ in range(64)]

    late = call()
    late.say(b"here")

    assert late.hear() == b"heard here"
    assert silent[0].hear() is None
    silent[1].say(b"me too")
    assert silent[1].hear() == b"heard me too"


def test_whoever_has_just_come_does_not_have_to_make_room(serve, call):
    serve(most_connections=1, patience_s=30)
    first = call()
    first.say(b"1")
    assert first.hear() == b"heard 1"

    assert json.loads(call().hear())["status"] == 503

    first.say(b"2")
    assert first.hear() == b"heard 2"


def test_an_answer_that_nobody_waits_for_any_more_is_given_up(serve, call, desk):
    serve()
    desk.hold.clear()
    caller = call()
    caller.say(b"wait")
    assert desk.entered.acquire(timeout=10)

    caller.socket.close()

    assert desk.left.wait(10)


def test_the_next_frame_does_not_make_a_waiting_client_look_gone(serve, call, desk):
    serve()
    desk.hold.clear()
    caller = call()
    caller.say(b"1")
    caller.say(b"2")
    assert desk.entered.acquire(timeout=10)
    assert not desk.left.wait(0.05)

    desk.hold.set()

    assert [caller.hear(), caller.hear()] == [b"heard 1", b"heard 2"]


def test_the_group_may_connect_and_others_may_not(serve, path):
    serve()

    assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_a_stale_socket_is_replaced_and_one_that_answers_is_not(serve, path, desk):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    serve()

    with pytest.raises(StateDirectoryError, match="choose another COSTMON_REPORT_SOCKET"):
        IntakeServer(path, desk, SystemClock()).prepare()


def test_closing_removes_the_socket_and_leaves_no_thread(serve, call, path):
    before = set(threading.enumerate())
    server = serve()
    caller = call()
    caller.say(b"x")
    assert caller.hear() == b"heard x"
    silent = call()

    assert server.close()

    assert silent.hear() is None
    assert not path.exists()
    assert set(threading.enumerate()) == before
    assert server.close()


def test_an_answer_on_its_way_still_arrives_when_the_intake_closes(serve, call, desk):
    server = serve()
    desk.hold.clear()
    caller = call()
    caller.say(b"x")
    assert desk.entered.acquire(timeout=10)
    closing = threading.Thread(target=server.close)
    closing.start()

    desk.hold.set()

    assert caller.hear() == b"heard x"
    closing.join(5)


def test_closing_does_not_wait_longer_than_its_deadline(path, call):
    hold = threading.Event()
    entered = threading.Event()

    def stuck(content, gone):
        entered.set()
        hold.wait(10)
        return content

    server = IntakeServer(path, stuck, SystemClock())
    server.start()
    call().say(b"x")
    assert entered.wait(5)

    assert server.close(deadline_s=0.1) is False

    hold.set()


def test_a_prepared_intake_lets_clients_wait_until_it_starts(path, desk, call):
    server = IntakeServer(path, desk, SystemClock())
    server.prepare()
    caller = call()
    caller.say(b"early")

    server.start()

    assert caller.hear() == b"heard early"
    assert server.close()


def test_an_intake_that_was_only_prepared_or_not_even_that_can_be_closed(path, desk):
    server = IntakeServer(path, desk, SystemClock())
    assert server.close()
    server = IntakeServer(path, desk, SystemClock())
    server.prepare()

    assert server.close()

    assert not path.exists()

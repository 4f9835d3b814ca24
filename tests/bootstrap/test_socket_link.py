"""Applications find the service's socket where they look, whatever was there before."""

import socket

import pytest
from structlog.testing import capture_logs

from costmon.bootstrap.socket_link import SocketLink


@pytest.fixture
def runtime(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def listening(tmp_path):
    """Return what makes a socket that somebody listens at."""
    made = []

    def listen(name):
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.bind(str(tmp_path / name))
        server.listen()
        made.append(server)
        return tmp_path / name

    yield listen
    for server in made:
        server.close()


def link(runtime):
    return runtime / "costmon" / "report.sock"


def connects(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        return client.connect_ex(str(path)) == 0


def test_who_connects_where_applications_look_reaches_the_service(runtime, listening):
    sign = SocketLink(runtime, listening("a"))
    sign.put()

    assert connects(link(runtime))
    assert link(runtime).parent.stat().st_mode & 0o777 == 0o700

    sign.remove()
    assert not link(runtime).is_symlink()


def test_another_service_that_answers_is_left_in_its_place(runtime, listening):
    first, second = SocketLink(runtime, listening("a")), SocketLink(runtime, listening("b"))
    first.put()
    second.put()
    second.remove()

    assert link(runtime).readlink().name == "a"


def test_the_link_of_a_service_that_was_killed_is_replaced(runtime, listening, tmp_path):
    SocketLink(runtime, tmp_path / "gone").put()
    SocketLink(runtime, listening("b")).put()

    assert connects(link(runtime))


def test_a_folder_that_cannot_be_written_does_not_stop_the_service(runtime, listening):
    (runtime / "costmon").write_text("in the way")

    with capture_logs() as logs:
        SocketLink(runtime, listening("a")).put()

    assert [entry["event"] for entry in logs] == ["bootstrap.socket_link_failed"]


def test_a_socket_that_is_there_already_needs_no_link(runtime):
    (runtime / "costmon").mkdir()
    sign = SocketLink(runtime, link(runtime))
    sign.put()
    sign.remove()

    assert not link(runtime).exists()

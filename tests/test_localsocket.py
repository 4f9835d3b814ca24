"""Making and removing a Unix socket beside what may already be there."""

import os
import socket
import stat

import pytest

from costmon.errors import StateDirectoryError
from costmon.localsocket import LONGEST_PATH, LocalSocket, Purpose

PURPOSE = Purpose("the test's socket", "COSTMON_STATE_DIR", 0o600)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "c.sock"


def leave_stale(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))


def test_a_socket_that_nobody_listens_on_is_replaced(path):
    leave_stale(path)

    listener = LocalSocket(path, PURPOSE)

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.connect(str(path))
    listener.close()
    assert not path.exists()


def test_the_socket_of_a_running_service_is_left_alone(path):
    first = LocalSocket(path, PURPOSE)

    with pytest.raises(StateDirectoryError, match="another service uses"):
        LocalSocket(path, PURPOSE)

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.connect(str(path))
    first.close()


def test_a_file_in_the_way_is_not_deleted(path):
    path.write_text("precious")

    with pytest.raises(StateDirectoryError, match="is not a socket; move it"):
        LocalSocket(path, PURPOSE)

    assert path.read_text() == "precious"


def test_a_path_that_is_too_long_says_what_to_shorten(tmp_path):
    path = tmp_path / ("x" * LONGEST_PATH)

    with pytest.raises(
        StateDirectoryError, match=r"accepts at most 107: choose a shorter COSTMON_STATE_DIR"
    ):
        LocalSocket(path, PURPOSE)


def test_the_longest_path_is_taken(tmp_path):
    path = tmp_path / ("x" * (LONGEST_PATH - len(str(tmp_path)) - 1))

    listener = LocalSocket(path, PURPOSE)

    assert path.is_socket()
    listener.close()


def test_a_missing_directory_is_an_error_that_names_it(tmp_path):
    with pytest.raises(StateDirectoryError, match="No such file or directory"):
        LocalSocket(tmp_path / "absent" / "c.sock", PURPOSE)


def test_closing_leaves_the_socket_of_a_successor(path):
    first = LocalSocket(path, PURPOSE)
    path.unlink()
    second = LocalSocket(path, PURPOSE)

    first.close()

    assert path.exists()
    second.close()


@pytest.mark.parametrize("mode", [0o600, 0o660])
@pytest.mark.parametrize("umask", [0, 0o077])
def test_the_mode_is_the_chosen_one_whatever_the_umask(path, mode, umask):
    before = os.umask(umask)
    try:
        listener = LocalSocket(path, PURPOSE._replace(mode=mode))
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == mode
    listener.close()

"""Making and removing the console's socket beside what may already be there."""

import socket

import pytest

from costmon.console.listener import LONGEST_PATH, Listener
from costmon.errors import StateDirectoryError


def leave_stale(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))


def test_a_socket_that_nobody_listens_on_is_replaced(path):
    leave_stale(path)

    listener = Listener(path)

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.connect(str(path))
    listener.close()
    assert not path.exists()


def test_the_socket_of_a_running_service_is_left_alone(path):
    first = Listener(path)

    with pytest.raises(StateDirectoryError, match="another service answers"):
        Listener(path)

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.connect(str(path))
    first.close()


def test_a_file_in_the_way_is_not_deleted(path):
    path.write_text("precious")

    with pytest.raises(StateDirectoryError, match="is in the way"):
        Listener(path)

    assert path.read_text() == "precious"


def test_a_path_that_is_too_long_says_what_to_shorten(tmp_path):
    path = tmp_path / ("x" * LONGEST_PATH)

    with pytest.raises(StateDirectoryError, match=r"takes 107: choose a shorter COSTMON_STATE_DIR"):
        Listener(path)


def test_the_longest_path_is_taken(tmp_path):
    path = tmp_path / ("x" * (LONGEST_PATH - len(str(tmp_path)) - 1))

    listener = Listener(path)

    assert path.is_socket()
    listener.close()


def test_a_missing_directory_is_an_error_that_names_it(tmp_path):
    with pytest.raises(StateDirectoryError, match="No such file or directory"):
        Listener(tmp_path / "absent" / "c.sock")


def test_closing_leaves_the_socket_of_a_successor(path):
    first = Listener(path)
    path.unlink()
    second = Listener(path)

    first.close()

    assert path.exists()
    second.close()

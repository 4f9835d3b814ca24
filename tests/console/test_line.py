"""One line from a socket, within a length and a time."""

import socket

import pytest

from costmon.clock import SystemClock
from costmon.console.line import LineError, read_line


class LateClock:
    """Says that the first look took nearly all of the time."""

    def __init__(self):
        self._says = iter([100.0, 109.9])

    def now(self):
        raise AssertionError("a line is no matter of the wall clock")

    def monotonic_s(self):
        return next(self._says)


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def read(connection, limit):
    return read_line(connection, limit=limit, timeout_s=5, clock=SystemClock())


def test_the_line_comes_without_its_end_and_without_what_follows(pair):
    ours, theirs = pair
    theirs.sendall(b"one\ntwo\n")

    assert read(ours, limit=100) == b"one"


def test_a_line_of_exactly_the_limit_is_taken(pair):
    ours, theirs = pair
    theirs.sendall(b"x" * 10 + b"\n")

    assert read(ours, limit=10) == b"x" * 10


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_one_byte_more_is_refused_whether_the_line_ends_or_not(pair, end):
    ours, theirs = pair
    theirs.sendall(b"x" * 11 + end)

    with pytest.raises(LineError, match="longer than 10 bytes"):
        read(ours, limit=10)


def test_a_wait_lasts_only_for_what_is_left_of_the_time(pair):
    ours, theirs = pair
    theirs.sendall(b"x\n")

    read_line(ours, limit=10, timeout_s=10, clock=LateClock())

    assert ours.gettimeout() == pytest.approx(0.1)


def test_a_connection_that_breaks_is_an_error_in_words(pair):
    ours, _ = pair
    ours.shutdown(socket.SHUT_RDWR)

    with pytest.raises(LineError, match="ended before the line was complete"):
        read(ours, limit=10)

"""Frames, cut into pieces in every way."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.clock import SystemClock
from costmon.intake.frame import FrameError, frame, read_frame


def read(data, *, count=1):
    """Return what is read of these bytes, which end the connection."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        return [read_frame(ours, idle_s=5, whole_s=5, clock=SystemClock()) for _ in range(count)]


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_contents_survive_the_way_in_order_and_then_there_is_an_end(contents):
    found = read(b"".join(map(frame, contents)), count=len(contents) + 1)

    assert found == [*contents, None]


@given(st.binary(min_size=1, max_size=50), st.data())
def test_a_frame_that_breaks_off_is_no_frame(content, data):
    whole = frame(content)
    cut = data.draw(st.integers(1, len(whole) - 1))

    with pytest.raises(FrameError):
        read(whole[:cut])


@given(st.binary(min_size=4, max_size=20))
def test_no_bytes_are_more_than_a_typed_error(data):
    try:
        (content,) = read(data)
    except FrameError:
        return
    assert content is not None
    assert data.startswith(frame(content))

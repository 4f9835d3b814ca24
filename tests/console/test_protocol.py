"""The lines that cross the socket."""

import datetime as dt
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from costmon.console.protocol import (
    decode_answer,
    decode_request,
    encode_answer,
    encode_error,
    encode_request,
)
from costmon.errors import ConsoleRequestError, ConsoleUnavailableError
from costmon.messages import ChildState, ChildStatus, GetChildren, RestartAnswer, RestartChild

TEXT = st.text(max_size=30)
COUNT = st.integers(0, 2**40)
STATUSES = st.builds(
    ChildStatus,
    name=TEXT,
    role=TEXT,
    state=st.sampled_from(get_args(ChildState)),
    generation=COUNT,
    restarts=COUNT,
    mailbox=COUNT,
    dead_letters=COUNT,
    dropped=COUNT,
    busy_s=st.none() | st.floats(0, 1e6),
    last_error=st.none() | TEXT,
    started_at=st.none() | st.datetimes(timezones=st.just(dt.UTC)),
)


@given(st.lists(STATUSES, max_size=5).map(tuple))
def test_children_survive_the_way(children):
    line = encode_answer(children)

    assert line.count(b"\n") == 1
    assert decode_answer(GetChildren(), line) == children


@given(st.builds(RestartAnswer, restarted=st.tuples(TEXT, TEXT), known=st.tuples(TEXT)))
def test_restart_answers_survive_the_way(answer):
    assert decode_answer(RestartChild(name="x"), encode_answer(answer)) == answer


@given(st.builds(RestartChild, name=TEXT) | st.builds(GetChildren))
def test_messages_survive_the_way(message):
    line = encode_request(message)

    assert line.count(b"\n") == 1
    assert decode_request(line) == message


@given(st.binary(max_size=200) | st.text(max_size=50).map(str.encode))
def test_no_bytes_are_more_than_a_refusal(line):
    try:
        message = decode_request(line)
    except ConsoleRequestError:
        return
    assert isinstance(message, GetChildren | RestartChild)


@given(st.binary(max_size=200))
def test_no_answer_is_more_than_a_typed_error(line):
    try:
        answer = decode_answer(GetChildren(), line)
    except (ConsoleRequestError, ConsoleUnavailableError):
        return
    assert isinstance(answer, tuple)


def test_a_refusal_brings_the_valid_words_along():
    line = encode_error(ConsoleRequestError("no", ("a", "b")))

    assert line == b'{"error":"no","valid":["a","b"]}\n'

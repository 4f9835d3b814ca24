"""The lines that cross the socket."""

import datetime as dt
import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.console.command import COMMANDS
from costmon.console.messages import CircuitDecided, GetBudgets, GetCircuits, GetGuards, GuardStatus
from costmon.console.protocol import (
    decode_answer,
    decode_request,
    encode_answer,
    encode_error,
    encode_request,
)
from costmon.domain.budget import Budget, Thresholds
from costmon.domain.child import ChildState, ChildStatus
from costmon.domain.circuit import Circuit
from costmon.domain.policy import PolicyBudget
from costmon.errors import ConsoleRequestError, ConsoleUnavailableError
from costmon.messages import CloseCircuit, GetChildren, OpenCircuit, RestartAnswer, RestartChild

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


SCOPES = st.sampled_from(["global", "host:a.example", "host:*", "key:batch"])
WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
MOMENTS = st.datetimes(
    min_value=dt.datetime(2000, 1, 1),
    max_value=dt.datetime(2200, 1, 1),
    timezones=st.just(dt.UTC),
)
OPENINGS = st.builds(
    OpenCircuit,
    id=WORDS,
    scope=SCOPES,
    reason=WORDS,
    author=WORDS,
    expires_at=st.none() | MOMENTS,
)
CLOSINGS = st.builds(CloseCircuit, id=WORDS, scope=SCOPES, reason=WORDS, author=WORDS)
CIRCUITS = st.builds(
    Circuit,
    scope=SCOPES,
    state=st.sampled_from(["open", "closed"]),
    reason=TEXT,
    author=TEXT,
    changed_at=MOMENTS,
    expires_at=st.none() | MOMENTS,
    revision=COUNT,
)


@given(st.lists(CIRCUITS, max_size=3).map(tuple))
def test_circuits_survive_the_way(circuits):
    assert decode_answer(GetCircuits(), encode_answer(circuits)) == circuits


@given(st.builds(CircuitDecided, confirmed=st.booleans(), circuit=st.none() | CIRCUITS), CLOSINGS)
def test_what_became_of_a_circuit_survives_the_way(answer, message):
    assert decode_answer(message, encode_answer(answer)) == answer


def test_budgets_survive_the_way():
    budgets = (
        PolicyBudget(Budget("host:*", "10.50", "month", "USD", Thresholds(70, 95)), "api", "ada"),
        PolicyBudget(Budget("global", "1000"), "file", None),
    )

    assert decode_answer(GetBudgets(), encode_answer(budgets)) == budgets


@given(
    st.builds(
        GuardStatus,
        guard=TEXT,
        app=TEXT,
        host=TEXT,
        pid=COUNT,
        seen_at=MOMENTS,
        age_s=st.floats(0, 1e6),
        scopes=COUNT,
        leases=COUNT,
        refused=COUNT,
    )
)
def test_guards_survive_the_way(guard):
    assert decode_answer(GetGuards(), encode_answer((guard,))) == (guard,)


@given(
    st.builds(RestartChild, name=TEXT)
    | st.sampled_from([GetChildren(), GetCircuits(), GetBudgets(), GetGuards()])
    | OPENINGS
    | CLOSINGS
)
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
    assert isinstance(message, tuple(COMMANDS.values()))


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


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"command":"open_circuit","reason":"x"}', "missing required field `scope`"),
        (b'{"command":"open_circuit","scope":"x","reason":"x"}', "'x' is not a valid scope"),
        (b'{"command":"open_circuit","scope":"global","reason":" "}', "reason must not be empty"),
        (b'{"command":"close_circuit","scope":"global","reason":"a\\nb"}', "U+000A"),
        (
            b'{"command":"open_circuit","scope":"global","reason":"x","expires_at":"2026-11-21T10:00:00"}',
            "expires_at needs a time zone",
        ),
        (b'{"command":"circuits","scope":"global"}', "circuits takes no arguments"),
    ],
)
def test_a_circuit_that_cannot_be_opened_is_refused_in_words(line, words):
    with pytest.raises(ConsoleRequestError, match=re.escape(words)):
        decode_request(line)


def test_a_scope_gets_its_one_spelling_and_what_need_not_be_said_is_filled_in():
    message = decode_request(
        b'{"command":"open_circuit","scope":"host:API.Example.COM:443","reason":"x"}'
    )

    assert isinstance(message, OpenCircuit)
    assert message.scope == "host:api.example.com"
    assert message.expires_at is None
    assert message.author
    assert message.id

"""The lines that cross the console's socket: one JSON object each way, then the end.

Asked: `{"command": "restart_child", "name": "poller"}` or `{"command": "circuits"}`.
Answered: `{"answer": ...}`, or `{"error": "...", "valid": [...]}`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import msgspec

from costmon.console.command import Answer, Message, command_of, message_of
from costmon.console.messages import CircuitDecided, GetBudgets, GetCircuits, GetGuards, GuardStatus
from costmon.domain.child import ChildStatus
from costmon.domain.circuit import Circuit
from costmon.domain.policy import PolicyBudget
from costmon.errors import ConsoleError, ConsoleRequestError, ConsoleUnavailableError
from costmon.messages import CloseCircuit, GetChildren, OpenCircuit, RestartAnswer, RestartChild

A = TypeVar("A")

_encode = msgspec.json.Encoder().encode


class _Reply(msgspec.Struct, Generic[A]):
    answer: A | None = None
    error: str | None = None
    valid: tuple[str, ...] = ()


_REPLIES: Mapping[type[Message], Any] = MappingProxyType(
    {
        GetChildren: _Reply[tuple[ChildStatus, ...]],
        RestartChild: _Reply[RestartAnswer],
        GetCircuits: _Reply[tuple[Circuit, ...]],
        OpenCircuit: _Reply[CircuitDecided],
        CloseCircuit: _Reply[CircuitDecided],
        GetBudgets: _Reply[tuple[PolicyBudget, ...]],
        GetGuards: _Reply[tuple[GuardStatus, ...]],
    }
)


def encode_request(message: object) -> bytes:
    """Return the line that asks `message`.

    Raises:
        ConsoleRequestError: It is not a message that the console takes.
    """
    command, arguments = command_of(message)
    return _encode({"command": command, **arguments}) + b"\n"


def decode_request(line: bytes) -> Message:
    """Return the message that a line asks.

    Raises:
        ConsoleRequestError: It is not JSON, no command of ours, or has the wrong arguments.
    """
    try:
        asked = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        detail = f"a request must be one line with a JSON object: {error}"
        raise ConsoleRequestError(detail) from error
    return message_of(asked.pop("command", None), asked)


def encode_answer(answer: object) -> bytes:
    """Return the line that carries an answer."""
    return _encode({"answer": answer}) + b"\n"


def encode_error(error: ConsoleError) -> bytes:
    """Return the line that says why there is no answer."""
    request = error if isinstance(error, ConsoleRequestError) else None
    detail = str(error) if request is None else request.detail
    valid = () if request is None else request.valid
    return _encode({"error": detail, "valid": valid}) + b"\n"


def decode_answer(message: Message, line: bytes) -> Answer:
    """Return the answer to `message` that a line carries.

    Raises:
        ConsoleRequestError: The service refused what was asked.
        ConsoleUnavailableError: The line is not an answer: another version, or not costmon.
    """
    try:
        reply: _Reply[Answer] = msgspec.json.decode(line, type=_REPLIES[type(message)])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        detail = f"the response is not from this version of costmon: {error}"
        raise ConsoleUnavailableError(detail) from error
    if reply.answer is None:
        raise ConsoleRequestError(reply.error or "the service sent no response", reply.valid)
    return reply.answer

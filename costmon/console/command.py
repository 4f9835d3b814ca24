"""What the console can be asked: a few messages, by name, and nothing else."""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from costmon.config.user import user_name
from costmon.console.messages import CircuitDecided, GetBudgets, GetCircuits, GetGuards, GuardStatus
from costmon.domain.child import ChildStatus
from costmon.domain.circuit import Circuit
from costmon.domain.policy import PolicyBudget
from costmon.domain.scope import scope_of
from costmon.errors import ConsoleRequestError, InputError
from costmon.intake.wording import NAME_CHARACTERS, REASON_CHARACTERS, wording
from costmon.messages import CloseCircuit, GetChildren, OpenCircuit, RestartAnswer, RestartChild

Query = GetChildren | GetCircuits | GetBudgets | GetGuards
Message = RestartChild | OpenCircuit | CloseCircuit | Query
Answer = (
    RestartAnswer
    | CircuitDecided
    | tuple[ChildStatus, ...]
    | tuple[Circuit, ...]
    | tuple[PolicyBudget, ...]
    | tuple[GuardStatus, ...]
)
Ask = Callable[[Message], object]

COMMANDS: Mapping[str, type[Message]] = MappingProxyType(
    {
        "children": GetChildren,
        "restart_child": RestartChild,
        "circuits": GetCircuits,
        "open_circuit": OpenCircuit,
        "close_circuit": CloseCircuit,
        "budgets": GetBudgets,
        "guards": GetGuards,
    }
)


# What need not be said, by the field's name.
_UNSAID: Mapping[str, Callable[[], object]] = MappingProxyType(
    {"id": lambda: uuid.uuid4().hex, "author": user_name, "expires_at": lambda: None}
)


def message_of(command: object, arguments: Mapping[str, object]) -> Message:
    """Return the message that a command with these arguments means.

    Raises:
        ConsoleRequestError: There is no such command, or the arguments are not its own.
    """
    kind = COMMANDS.get(command) if isinstance(command, str) else None
    if kind is None:
        detail = f"unknown command {command!r}"
        raise ConsoleRequestError(detail, tuple(COMMANDS))
    fields = tuple(field.name for field in dataclasses.fields(kind))
    unknown = sorted(set(arguments) - set(fields))
    if unknown:
        detail = f"{command} takes {' and '.join(fields) or 'no arguments'}, not {unknown[0]!r}"
        raise ConsoleRequestError(detail)
    unsaid = {name: _UNSAID[name]() for name in fields if name in _UNSAID}
    try:
        return _checked(msgspec.convert({**unsaid, **arguments}, kind, strict=True))
    except (msgspec.ValidationError, InputError) as error:
        detail = f"{command}: {error}"
        raise ConsoleRequestError(detail) from error


def _checked(message: Message) -> Message:
    """Return the message with its scope in canonical form and its texts checked."""
    if not isinstance(message, OpenCircuit | CloseCircuit):
        return message
    checked = dataclasses.replace(
        message,
        id=_words("id", message.id, NAME_CHARACTERS),
        scope=scope_of(message.scope, pattern=True),
        reason=_words("reason", message.reason, REASON_CHARACTERS),
        author=_words("author", message.author, NAME_CHARACTERS),
    )
    if isinstance(checked, OpenCircuit) and checked.expires_at is not None:
        if checked.expires_at.tzinfo is None:
            raise InputError("expires_at needs a time zone")
        checked = dataclasses.replace(checked, expires_at=checked.expires_at.astimezone(dt.UTC))
    return checked


def _words(name: str, text: str, longest: int) -> str:
    try:
        return wording(text, longest)
    except InputError as error:
        raise InputError(f"{name} {error}") from None


def command_of(message: object) -> tuple[str, dict[str, object]]:
    """Return the command and the arguments that mean `message`.

    Raises:
        ConsoleRequestError: It is not a message that the console takes.
    """
    for command, kind in COMMANDS.items():
        if isinstance(message, kind):
            return command, dataclasses.asdict(message)
    names = tuple(kind.__name__ for kind in COMMANDS.values())
    detail = f"{type(message).__name__} is not a console message"
    raise ConsoleRequestError(detail, names)

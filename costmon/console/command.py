"""What the console can be asked: two messages, by name, and nothing else."""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from costmon.errors import ConsoleRequestError
from costmon.messages import ChildStatus, GetChildren, RestartAnswer, RestartChild

Message = RestartChild | GetChildren
Answer = RestartAnswer | tuple[ChildStatus, ...]
Ask = Callable[[Message], object]

COMMANDS: Mapping[str, type[RestartChild] | type[GetChildren]] = MappingProxyType(
    {"children": GetChildren, "restart_child": RestartChild}
)


def message_of(command: object, arguments: Mapping[str, object]) -> Message:
    """Return the message that a command with these arguments means.

    Raises:
        ConsoleRequestError: There is no such command, or the arguments are not its own.
    """
    kind = COMMANDS.get(command) if isinstance(command, str) else None
    if kind is None:
        detail = f"there is no command {command!r}"
        raise ConsoleRequestError(detail, tuple(COMMANDS))
    fields = tuple(field.name for field in dataclasses.fields(kind))
    unknown = sorted(set(arguments) - set(fields))
    if unknown:
        detail = f"{command} takes {' and '.join(fields) or 'no arguments'}, not {unknown[0]!r}"
        raise ConsoleRequestError(detail)
    try:
        return msgspec.convert(dict(arguments), kind, strict=True)
    except msgspec.ValidationError as error:
        detail = f"{command}: {error}"
        raise ConsoleRequestError(detail) from error


def command_of(message: object) -> tuple[str, dict[str, object]]:
    """Return the command and the arguments that mean `message`.

    Raises:
        ConsoleRequestError: It is not a message that the console takes.
    """
    for command, kind in COMMANDS.items():
        if isinstance(message, kind):
            return command, dataclasses.asdict(message)
    names = tuple(kind.__name__ for kind in COMMANDS.values())
    detail = f"{type(message).__name__} is not a message of the console"
    raise ConsoleRequestError(detail, names)

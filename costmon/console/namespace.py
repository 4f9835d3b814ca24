"""What can be said at the prompt."""

import pydoc
from collections.abc import Callable
from typing import Any, Never, TextIO

from costmon.console.command import Ask, command_of, message_of
from costmon.console.text import harmless, render_children
from costmon.errors import ConsoleUnavailableError, UnknownChildError
from costmon.messages import ChildStatus, GetChildren, RestartAnswer, RestartChild

HELP = """\
children()                                        the children: state, restarts, mailbox, last error
supervisor.tell(RestartChild(name="poller"))      restart every child of a role
supervisor.tell(RestartChild(name="poller.eu"))   restart one child by its full name
send(supervisor, "restart_child", name="poller")  the same, with the message's name as text
supervisor.ask(GetChildren())                     the children as values
help(thing)                                       what Python knows about a thing
exit()                                            leave the prompt (or Ctrl-D)

The Tab key completes names. Before a restart the message in hand finishes; what waits is kept."""


class Supervisor:
    """The supervisor of the running service, as far as the prompt reaches it."""

    def __init__(self, ask: Ask, out: TextIO) -> None:
        """Speak through `ask` and print to `out`."""
        self._ask = ask
        self._out = out

    def __repr__(self) -> str:
        return "<the supervisor: .tell(message), .ask(message)>"

    def ask(self, message: object) -> object:
        """Return the answer to `message`.

        Raises:
            ConsoleRequestError: It is not a message that the console takes.
            ConsoleUnavailableError: The service does not answer.
        """
        command, arguments = command_of(message)
        try:
            return self._ask(message_of(command, arguments))
        except TimeoutError as error:
            detail = f"the supervisor did not answer: {error}"
            raise ConsoleUnavailableError(detail) from error

    def tell(self, message: object) -> None:
        """Send `message` and print what became of it.

        Raises:
            UnknownChildError: No child has that name; the text has those that exist.
            ConsoleRequestError: It is not a message that the console takes.
            ConsoleUnavailableError: The service does not answer.
        """
        answer = self.ask(message)
        if isinstance(message, RestartChild) and isinstance(answer, RestartAnswer):
            if not answer.restarted:
                raise UnknownChildError(message.name, answer.known)
            print_line(f"restarting {', '.join(answer.restarted)}", self._out)
        else:
            print_line(render_children(statuses(answer)), self._out)


class Help:
    """Shows what the console can do; with an argument, what Python knows about it."""

    def __init__(self, source: TextIO, out: TextIO) -> None:
        """Read from `source` and print to `out`."""
        self._out = out
        self._python = pydoc.Helper(source, out)

    def __repr__(self) -> str:
        return "Type help() for what the console can do, help(thing) for a thing."

    def __call__(self, *things: object) -> None:
        """Explain the console, or each of the things."""
        if not things:
            print_line(HELP, self._out)
        for thing in things:
            self._python.help(thing)


class Leave:
    """Ends the prompt and nothing else."""

    def __repr__(self) -> str:
        return "Use exit() or Ctrl-D to leave the prompt; the service runs on."

    def __call__(self, code: int = 0) -> Never:
        """Leave with an exit code."""
        raise SystemExit(code)


def namespace(ask: Ask, *, source: TextIO, out: TextIO) -> dict[str, Any]:
    """Return the names of the prompt.

    Args:
        ask: Brings a message to the supervisor, directly or through the socket.
        source: Where `help` reads from.
        out: Where everything is printed.
    """
    supervisor = Supervisor(ask, out)
    return {
        "__name__": "__console__",
        "__doc__": None,
        "supervisor": supervisor,
        "send": send,
        "children": _children(supervisor),
        "RestartChild": RestartChild,
        "GetChildren": GetChildren,
        "help": Help(source, out),
        "exit": Leave(),
        "quit": Leave(),
    }


def send(to: Supervisor, command: str, **arguments: object) -> None:
    """Send the message that a command means, such as `send(supervisor, "restart_child", name="x")`.

    Raises:
        ConsoleRequestError: There is no such command; the text has those that exist.
    """
    to.tell(message_of(command, arguments))


def statuses(answer: object) -> tuple[ChildStatus, ...]:
    """Return an answer to `GetChildren` as what it must be.

    Raises:
        TypeError: Something else came back.
    """
    if isinstance(answer, tuple) and all(isinstance(child, ChildStatus) for child in answer):
        return answer
    msg = f"the supervisor answered with {type(answer).__name__}"
    raise TypeError(msg)


def print_line(text: str, out: TextIO) -> None:
    """Write lines to a terminal that may not know every letter."""
    encoding = getattr(out, "encoding", None) or "utf-8"
    safe = "\n".join(harmless(line) for line in text.split("\n"))
    out.write(safe.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    out.flush()


def _children(supervisor: Supervisor) -> Callable[[], None]:
    def children() -> None:
        """Print the children with state, generation, restarts, mailbox depth and last error."""
        supervisor.tell(GetChildren())

    return children

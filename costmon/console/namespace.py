"""The names that are defined at the prompt."""

import datetime as dt
import pydoc
from collections.abc import Callable
from typing import Any, Never, TextIO, TypeVar

from costmon.clock import Clock, SystemClock
from costmon.console.command import Ask, Message, command_of, message_of
from costmon.console.messages import CircuitDecided, GetBudgets, GetCircuits, GetGuards, GuardStatus
from costmon.console.render import (
    render_budgets,
    render_children,
    render_circuit_answer,
    render_circuits,
    render_guards,
)
from costmon.console.text import harmless
from costmon.domain.child import ChildStatus
from costmon.domain.circuit import Circuit
from costmon.domain.policy import PolicyBudget
from costmon.errors import ConsoleRequestError, ConsoleUnavailableError, UnknownChildError
from costmon.messages import CloseCircuit, GetChildren, OpenCircuit, RestartAnswer, RestartChild

HELP = """\
children()                                        the children: state, restarts, mailbox, last error
supervisor.tell(RestartChild(name="poller"))      restart every child of a role
supervisor.tell(RestartChild(name="poller.eu"))   restart one child by its full name
send(supervisor, "restart_child", name="poller")  the same, with the message's name as text
supervisor.ask(GetChildren())                     the children as values
circuits()                                        the circuits: scope, state, author and reason
open_circuit("host:api.example.com", "too much")  stop all calls of a scope; hours=2 sets an end
close_circuit("host:api.example.com", "fixed")    allow them again
budgets()                                         the budgets that guards enforce
guards()                                          the guards that report: host, last report, load
help(thing)                                       Python's help on a thing
exit()                                            leave the prompt (or Ctrl-D)

The Tab key completes names. A restart waits for the current message; queued messages are kept."""

V = TypeVar("V")

_LONGEST_HOURS = 366 * 24


class Supervisor:
    """The supervisor of the running service, as far as the prompt reaches it."""

    def __init__(self, ask: Ask, out: TextIO) -> None:
        """Send through `ask` and print to `out`."""
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
        print_line(_rendered(message, self.ask(message)), self._out)


class Help:
    """Shows what the console can do; with an argument, what Python knows about it."""

    def __init__(self, source: TextIO, out: TextIO) -> None:
        """Read from `source` and print to `out`."""
        self._out = out
        self._python = pydoc.Helper(source, out)

    def __repr__(self) -> str:
        return "Type help() for the commands of the console, help(thing) for help on an object."

    def __call__(self, *things: object) -> None:
        """Explain the console, or each of the things."""
        if not things:
            print_line(HELP, self._out)
        for thing in things:
            self._python.help(thing)


class Leave:
    """Ends the prompt and nothing else."""

    def __repr__(self) -> str:
        return "Use exit() or Ctrl-D to leave the prompt; the service keeps running."

    def __call__(self, code: int = 0) -> Never:
        """Leave with an exit code."""
        raise SystemExit(code)


def namespace(
    ask: Ask, *, source: TextIO, out: TextIO, clock: Clock | None = None
) -> dict[str, Any]:
    """Return the names of the prompt.

    Args:
        ask: Brings a message to the service, directly or through the socket.
        source: Where `help` reads from.
        out: Where everything is printed.
        clock: Tells when a circuit that is opened for some hours ends; the machine's by default.
    """
    supervisor = Supervisor(ask, out)
    return {
        "__name__": "__console__",
        "__doc__": None,
        "supervisor": supervisor,
        "send": send,
        "children": _query(supervisor, GetChildren(), "Print the children and their states."),
        "circuits": _query(supervisor, GetCircuits(), "Print the circuits."),
        "budgets": _query(supervisor, GetBudgets(), "Print the budgets that guards enforce."),
        "guards": _query(supervisor, GetGuards(), "Print the guards that report."),
        "open_circuit": _open_circuit(supervisor, clock or SystemClock()),
        "close_circuit": _close_circuit(supervisor),
        "RestartChild": RestartChild,
        "OpenCircuit": OpenCircuit,
        "CloseCircuit": CloseCircuit,
        "GetChildren": GetChildren,
        "GetCircuits": GetCircuits,
        "GetBudgets": GetBudgets,
        "GetGuards": GetGuards,
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
    return _all(answer, ChildStatus)


def _all(answer: object, kind: type[V]) -> tuple[V, ...]:
    if isinstance(answer, tuple) and all(isinstance(value, kind) for value in answer):
        return answer
    msg = f"the supervisor answered with {type(answer).__name__}"
    raise TypeError(msg)


def print_line(text: str, out: TextIO) -> None:
    """Write lines to a terminal whose encoding may lack some characters."""
    encoding = getattr(out, "encoding", None) or "utf-8"
    safe = "\n".join(harmless(line) for line in text.split("\n"))
    out.write(safe.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    out.flush()


def _query(supervisor: Supervisor, message: Message, what: str) -> Callable[[], None]:
    def query() -> None:
        supervisor.tell(message)

    query.__name__ = query.__qualname__ = command_of(message)[0]
    query.__doc__ = what
    return query


def _open_circuit(supervisor: Supervisor, clock: Clock) -> Callable[..., None]:
    def open_circuit(scope: str, reason: str, hours: float | None = None) -> None:
        """Stop all calls of a scope, for good or for some hours, and print what became of it."""
        expires_at = None if hours is None else clock.now() + _hours(hours)
        supervisor.tell(
            message_of("open_circuit", {"scope": scope, "reason": reason, "expires_at": expires_at})
        )

    return open_circuit


def _close_circuit(supervisor: Supervisor) -> Callable[..., None]:
    def close_circuit(scope: str, reason: str) -> None:
        """Let the calls of a scope pass again, and print what became of it."""
        supervisor.tell(message_of("close_circuit", {"scope": scope, "reason": reason}))

    return close_circuit


def _hours(given: object) -> dt.timedelta:
    if not isinstance(given, int | float) or not 0 < given <= _LONGEST_HOURS:
        detail = f"hours={given!r}: give a number above 0, at most {_LONGEST_HOURS}"
        raise ConsoleRequestError(detail)
    return dt.timedelta(hours=given)


def _rendered(message: object, answer: object) -> str:
    """Return what became of a message, in words or as a table."""
    match message, answer:
        case RestartChild(name=name), RestartAnswer(restarted=restarted, known=known):
            if not restarted:
                raise UnknownChildError(name, known)
            return f"restarting {', '.join(restarted)}"
        case OpenCircuit(scope=scope) | CloseCircuit(scope=scope), CircuitDecided():
            return render_circuit_answer(scope, answer)
        case GetCircuits(), _:
            return render_circuits(_all(answer, Circuit), SystemClock().now())
        case GetBudgets(), _:
            return render_budgets(_all(answer, PolicyBudget))
        case GetGuards(), _:
            return render_guards(_all(answer, GuardStatus))
        case _:
            return render_children(statuses(answer))

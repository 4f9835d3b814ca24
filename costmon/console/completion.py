"""Complete what is typed at the prompt with the Tab key."""

import contextlib
import readline
import rlcompleter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from costmon.console.command import Message
from costmon.console.messages import GetBudgets, GetCircuits
from costmon.console.namespace import Supervisor, statuses
from costmon.domain.circuit import Circuit
from costmon.domain.policy import PolicyBudget
from costmon.errors import CostmonError
from costmon.messages import GetChildren

_QUOTES = "\"'"
_HISTORY_LINES = 1000


class Completer:
    """Completes names of the namespace, and inside quotes what the service knows by name.

    That is the scopes of circuits and budgets after `open_circuit(` and `close_circuit(`, and
    the names and roles of children elsewhere.
    """

    def __init__(
        self, names: dict[str, Any], supervisor: Supervisor, line: Callable[[], tuple[str, int]]
    ) -> None:
        """Prepare.

        Args:
            names: The prompt's namespace.
            supervisor: Is asked after the children.
            line: The line as typed, and where the word to complete begins.
        """
        self._python = rlcompleter.Completer(names)
        self._supervisor = supervisor
        self._line = line
        self._found: list[str] = []

    def complete(self, text: str, state: int) -> str | None:
        """Return the `state`th completion of `text`; `None` when there are no more."""
        line, begin = self._line()
        quoted = _quoted(line[:begin])
        if quoted is None:
            return self._python.complete(text, state)
        if state == 0:
            names = self._scopes() if "_circuit" in line[:begin] else self._child_names()
            # What stands between the quote and the word is typed already: words end at : and -.
            self._found = [name[len(quoted) :] for name in names if name.startswith(quoted + text)]
        return self._found[state] if state < len(self._found) else None

    def _child_names(self) -> list[str]:
        children = statuses(self._ask(GetChildren()))
        return sorted({name for child in children for name in (child.role, child.name)})

    def _scopes(self) -> list[str]:
        circuits, budgets = self._ask(GetCircuits()), self._ask(GetBudgets())
        return sorted(
            {circuit.scope for circuit in circuits if isinstance(circuit, Circuit)}
            | {told.budget.scope for told in budgets if isinstance(told, PolicyBudget)}
        )

    def _ask(self, message: Message) -> tuple[object, ...]:
        try:
            answer = self._supervisor.ask(message)
        except CostmonError:
            # A message here would land in the middle of what is being typed. Sent off, the line
            # says the same error in full.
            return ()
        return answer if isinstance(answer, tuple) else ()


def _quoted(line: str) -> str | None:
    """Return what follows the quote that is still open; `None` when none is."""
    opened: str | None = None
    start = 0
    for index, character in enumerate(line):
        if character in _QUOTES and opened in {None, character}:
            opened = None if opened else character
            start = index + 1
    return line[start:] if opened else None


@contextlib.contextmanager
def line_editing(
    names: dict[str, Any], supervisor: Supervisor, history: Path | None, say: Callable[[str], None]
) -> Iterator[None]:
    """Edit lines with completion while inside, and remember them in `history` afterwards.

    Args:
        names: The prompt's namespace.
        supervisor: Is asked after the children.
        history: A file of earlier lines; made readable for its owner alone.
        say: Reports that the file cannot be used; the prompt works without it.
    """
    before = readline.get_completer()
    completer = Completer(
        names, supervisor, lambda: (readline.get_line_buffer(), readline.get_begidx())
    )
    readline.set_completer(completer.complete)
    uses_libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if uses_libedit else "tab: complete")
    if history is not None:
        try:
            history.touch(mode=0o600)
            readline.read_history_file(history)
        except OSError as error:
            say(f"the command history cannot be read: {error}")
    try:
        yield
    finally:
        readline.set_completer(before)
        if history is not None:
            readline.set_history_length(_HISTORY_LINES)
            try:
                readline.write_history_file(history)
            except OSError as error:
                say(f"the command history cannot be saved: {error}")

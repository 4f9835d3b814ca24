"""The console's prompt, in the service's own terminal or attached to a running service."""

import contextlib
import sys
import termios
import threading
from pathlib import Path
from typing import Any, TextIO

from costmon.clock import Clock
from costmon.console.client import ConsoleClient
from costmon.console.command import Ask
from costmon.console.namespace import namespace, print_line
from costmon.console.prompt import Prompt, ReadLine
from costmon.messages import GetChildren

_WELCOME = "costmon console ({where}). Type help() for commands, Ctrl-D to leave."


def attach(path: Path, *, clock: Clock, history: Path | None = None) -> int:
    """Run the prompt against a running service and return the exit code; the service runs on.

    Args:
        path: The console's socket in the service's state directory.
        clock: Measures the wait for answers.
        history: Where typed lines are remembered; `None` forgets them.

    Raises:
        ConsoleUnavailableError: No service answers there.
    """
    client = ConsoleClient(path, clock=clock)
    client.ask(GetChildren())  # no service is an error of the command, not of the first line typed
    return run_prompt(client.ask, where=f"attached to {path}", history=history)


def run_prompt(ask: Ask, *, where: str, history: Path | None = None) -> int:
    """Run the prompt on standard input until it ends, and return the exit code.

    Args:
        ask: Brings a message to the supervisor.
        where: Said in the welcome.
        history: Where typed lines are remembered; `None` forgets them.
    """
    out = sys.stdout
    names = namespace(ask, source=sys.stdin, out=out)
    if not sys.stdin.isatty():
        prompt = Prompt(names, read_line=_reader(sys.stdin), err=sys.stderr, interactive=False)
        return prompt.run()
    print_line(_WELCOME.format(where=where), out)
    with _line_editing(names, history):
        return Prompt(names, read_line=input, err=sys.stderr, interactive=True).run()


class PromptThread(threading.Thread):
    """Runs the prompt beside the service (`run --repl`), where the main thread waits for signals.

    Attributes:
        exit_code: What the prompt ended with; `None` while it runs.
    """

    def __init__(self, ask: Ask, *, history: Path | None = None) -> None:
        """Prepare; `start` shows the prompt."""
        # A thread that waits for a line cannot be stopped, so it must not keep the process.
        super().__init__(name="console-prompt", daemon=True)
        self._ask = ask
        self._history = history
        self._terminal = _terminal_settings()
        self.exit_code: int | None = None

    def run(self) -> None:
        """Run the prompt until it ends; the service runs on."""
        self.exit_code = run_prompt(self._ask, where="inside the service", history=self._history)

    def restore_terminal(self) -> None:
        """Give the terminal back as it was found: call it when the process ends.

        While a line is being typed the terminal does not echo by itself; a process that ended then
        would leave a shell that shows nothing.
        """
        if self._terminal is not None and self.is_alive():
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._terminal)


def _terminal_settings() -> list[Any] | None:
    return termios.tcgetattr(sys.stdin.fileno()) if sys.stdin.isatty() else None


def _line_editing(
    names: dict[str, Any], history: Path | None
) -> contextlib.AbstractContextManager[None]:
    try:
        # Here, because some builds of Python come without readline; the prompt works without it.
        from costmon.console.completion import line_editing  # noqa: PLC0415 - readline may be missing
    except ImportError:
        return contextlib.nullcontext()
    return line_editing(
        names, names["supervisor"], history, lambda text: print_line(text, sys.stderr)
    )


def _reader(source: TextIO) -> ReadLine:
    def read_line(_: str) -> str:
        line = source.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")

    return read_line

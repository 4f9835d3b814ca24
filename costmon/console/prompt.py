"""A Python prompt that reads lines, runs them and reports errors in few words."""

import code
import sys
from collections.abc import Callable
from typing import Any, TextIO

from costmon.console.namespace import print_line
from costmon.errors import CostmonError

_FIRST = ">>> "
_MORE = "... "

ReadLine = Callable[[str], str]


class Prompt(code.InteractiveInterpreter):
    """Runs what is typed, in its own namespace.

    At a terminal it goes on after an error. Otherwise it shows no prompts, stops at the first error
    and its exit code is 1, so that a script can rely on it.
    """

    def __init__(
        self, names: dict[str, Any], *, read_line: ReadLine, err: TextIO, interactive: bool
    ) -> None:
        """Prepare.

        Args:
            names: The namespace.
            read_line: Shows a prompt and returns a line without its end; raises EOFError.
            err: Where errors are written.
            interactive: Whether somebody types at a terminal.
        """
        super().__init__(names)
        self._read_line = read_line
        self._err = err
        self._interactive = interactive
        self._failed = False

    def run(self) -> int:
        """Read and run lines until the end of input or an exit, and return the exit code."""
        lines: list[str] = []
        while True:
            try:
                line = self._read_line(self._prompt(lines))
            except KeyboardInterrupt:
                print_line("\nKeyboardInterrupt", self._err)
                lines = []
                continue
            except EOFError:
                return self._finish(lines)
            lines.append(line)
            try:
                incomplete = self.runsource("\n".join(lines), "<console>")
            except SystemExit as leaving:
                return _exit_code(leaving)
            lines = lines if incomplete else []
            if self._failed and not self._interactive:
                return 1

    def write(self, data: str) -> None:
        """Write a traceback, harmless for the terminal."""
        print_line(data.rstrip("\n"), self._err)

    def showtraceback(self) -> None:
        """Show an error of ours in one line, any other with its traceback."""
        self._failed = True
        error = sys.exc_info()[1]
        if isinstance(error, CostmonError):
            self.write(str(error))
        else:
            super().showtraceback()

    def showsyntaxerror(self, filename: str | None = None, **kwargs: Any) -> None:  # noqa: ANN401 - 3.13 added one
        """Show where a line is not valid Python."""
        self._failed = True
        super().showsyntaxerror(filename, **kwargs)

    def _prompt(self, lines: list[str]) -> str:
        if not self._interactive:
            return ""
        return _MORE if lines else _FIRST

    def _finish(self, lines: list[str]) -> int:
        """End the last block, which a script need not end with an empty line."""
        if self._interactive:
            print_line("", self._err)
            return 0
        if not lines:
            return 0
        try:
            if self.runsource("\n".join([*lines, ""]), "<console>"):
                self.write("the input ended in the middle of a statement")
                return 1
        except SystemExit as leaving:
            return _exit_code(leaving)
        return 1 if self._failed else 0


def _exit_code(leaving: SystemExit) -> int:
    if leaving.code is None:
        return 0
    return leaving.code if isinstance(leaving.code, int) else 1

"""Ask a person at a terminal; what is secret is not shown while it is typed."""

import getpass
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import TypeVar

from costmon.config.parsers import Refused
from costmon.errors import InputError

T = TypeVar("T")

# In its usual mode a terminal cuts a line after 4,095 characters, without a word.
_LONGEST = 4_000


class CancelledError(Exception):
    """The person ended the dialog (Ctrl-D)."""


class Dialog:
    """Questions on the terminal of this process."""

    def say(self, text: str = "") -> None:
        """Print a text."""
        print(text, flush=True)

    def text(self, prompt: str) -> str:
        """Return what is typed, without outer blanks.

        Raises:
            CancelledError: The input ended.
        """
        return self._answer(_shown, prompt)

    def parsed(self, prompt: str, parse: Callable[[str], T], *, secret: bool = False) -> T | None:
        """Return the value of what is typed; `None` if nothing is typed.

        Args:
            prompt: What is asked.
            parse: Raises `Refused`, and then the question is repeated with what is accepted.
            secret: Whether the answer is not shown.

        Raises:
            CancelledError: The input ended.
            InputError: The terminal cannot hide what is typed.
        """
        while True:
            answer = self._answer(_hidden, prompt) if secret else self.text(prompt)
            if not answer:
                return None
            try:
                if len(answer) > _LONGEST:
                    raise Refused("a shorter text: a terminal cuts long lines")  # noqa: TRY301 - one handler
                return parse(answer)
            except Refused as refused:
                self.say(f"  That is not valid. Accepted: {refused}.")

    def confirmed(self, question: str, *, default: bool) -> bool:
        """Return the answer to a question of yes or no."""
        choices = {"y": "yes", "n": "no"}
        marks, enter = ("Y/n", "y") if default else ("y/N", "n")
        return self.choice(f"{question} [{marks}] ", choices, enter) == "y"

    def choice(self, prompt: str, choices: Mapping[str, str], default: str) -> str:
        """Return one of the letters; their words are accepted, too."""
        while True:
            answer = self.text(prompt).lower() or default
            for letter, word in choices.items():
                if answer in {letter, word}:
                    return letter
            self.say(f"  Please answer {' or '.join(choices)}.")

    def _answer(self, ask: Callable[[str], str], prompt: str) -> str:
        while True:
            try:
                return ask(prompt).strip()
            except EOFError:
                self.say()
                raise CancelledError from None
            except UnicodeDecodeError:
                # Raised no further: the error holds what was typed.
                self.say("\n  That is not text in this terminal's encoding; please type it again.")


def _shown(prompt: str) -> str:
    # Not input(): it loses a Ctrl-C that comes between its prompt and its read.
    print(prompt, end="", flush=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


def _hidden(prompt: str) -> str:
    with warnings.catch_warnings():
        # Where echo cannot be switched off, getpass would warn and show what is typed.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt)
        except getpass.GetPassWarning:
            raise InputError(
                "this terminal cannot hide what is typed: put the tokens into .env by hand, as in "
                ".env.example"
            ) from None

"""Where the text of a secret `X` comes from: `X` itself, `X_FILE`, or `X_COMMAND`."""

import shlex
from pathlib import Path
from typing import Protocol

from costmon import program
from costmon.config.parsers import Refused

_MOST_BYTES = 65_536
_COMMAND_S = 15.0


class CredentialSource(Protocol):
    """One way to name a secret in `.env` or the environment.

    Attributes:
        suffix: What follows the name of the secret's variable.
        is_shown: Whether an error may show the variable's text.
    """

    suffix: str
    is_shown: bool

    def secret(self, given: str) -> str:
        """Return the secret, given the text of the variable; it is not empty.

        Raises:
            Refused: There is no secret; the text says what is accepted.
        """
        ...


class EnvironmentSource:
    """The variable holds the secret."""

    suffix = ""
    is_shown = False

    def secret(self, given: str) -> str:
        """Return the text."""
        return given


class FileSource:
    """The variable names a file that contains only the secret."""

    suffix = "_FILE"
    is_shown = True

    def secret(self, given: str) -> str:
        """Return the file's text; see `CredentialSource.secret`."""
        try:
            with Path(given).open("rb") as stream:
                content = stream.read(_MOST_BYTES + 1)
        except OSError as error:
            msg = f"a readable file that contains the secret ({error.strerror})"
            raise Refused(msg) from None
        return _text(content, "file that contains")


class CommandSource:
    """The variable is a command that prints only the secret, such as `pass show openai`.

    It is run without a shell, with the environment of this process.
    """

    suffix = "_COMMAND"
    is_shown = False

    def secret(self, given: str) -> str:
        """Return what the command prints; see `CredentialSource.secret`."""
        try:
            arguments = shlex.split(given)
            finished = program.run(arguments, timeout_s=_COMMAND_S)
        except ValueError as error:
            msg = f"a command with its arguments ({error})"
            raise Refused(msg) from None
        except program.ProgramError as error:
            msg = f"a command that prints the secret (it {error})"
            raise Refused(msg) from None
        if finished.code:
            msg = f"a command that prints the secret (it ended with exit code {finished.code})"
            raise Refused(msg)
        return _text(finished.output, "command that prints")


SOURCES: tuple[CredentialSource, ...] = (EnvironmentSource(), FileSource(), CommandSource())
SUFFIXES = tuple(source.suffix for source in SOURCES if source.suffix)


def _text(content: bytes, what: str) -> str:
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        msg = f"a {what} the secret as text"
        raise Refused(msg) from None
    if not text or len(content) > _MOST_BYTES:
        msg = f"a {what} only the secret"
        raise Refused(msg)
    return text

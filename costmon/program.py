"""Run another program without a shell, for a limited time."""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_MOST_BYTES = 65_536
_ENDS_WITHIN_S = 2.0


class ProgramError(Exception):
    """A program could not be started, or did not end in time; the text holds no argument of it."""


class Finished(NamedTuple):
    """What a program left.

    Attributes:
        code: Its exit code; negative when a signal ended it.
        output: At most 64 KiB and one byte of its standard output.
    """

    code: int
    output: bytes


def run(
    arguments: Sequence[str], *, timeout_s: float, environ: Mapping[str, str] | None = None
) -> Finished:
    """Run a program and return what it left; its error output is dropped.

    Args:
        arguments: The program and its arguments; nothing is expanded.
        timeout_s: Seconds after which it is killed with all that it has started.
        environ: Its environment; `None` for this process's.

    Raises:
        ProgramError: It could not be started, or did not end in time.
    """
    # A file and no pipe: what the program leaves running must not keep us waiting for its end.
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(  # noqa: S603 - no shell; the user's own settings name it
                list(arguments),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.DEVNULL,
                env=None if environ is None else dict(environ),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it has a NUL character"
            raise ProgramError(f"cannot be started: {reason}") from None
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise ProgramError(f"did not end within {timeout_s:g} s and was killed") from None
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait(_ENDS_WITHIN_S)
        output.seek(0)
        return Finished(code, output.read(_MOST_BYTES + 1))

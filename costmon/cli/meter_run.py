"""`costmon meter run -- COMMAND`: run a program and measure it, without changing its code."""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import costmon
from costmon.cli.meter_options import measuring, projecting
from costmon.errors import InputError
from costmon.meter.launch.environment import environment_of
from costmon.meter.option_parsing import parse_options
from costmon.meter.options import Options


def run(arguments: argparse.Namespace) -> int:
    """Replace this process with the program, so that signals and exit code are its own.

    Raises:
        InputError: An option is not valid, or the program does not exist.
        OSError: The program cannot be started.
    """
    command = _command(arguments.command)
    given = {**projecting(arguments), **measuring(arguments)}
    options = parse_options(given)
    program = shutil.which(command[0])
    if program is None:
        raise InputError(
            f"program {command[0]!r} not found; to run a script, use `python {command[0]}`"
        )
    environ = environment_of(
        os.environ,  # noqa: TID251 - handed on to the program, not read
        package=str(Path(costmon.__file__).parent),
        options=given,
        separator=os.pathsep,
    )
    sys.stderr.write(f"costmon: {described(command[0], options)}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(program, command, environ)  # noqa: S606 - the user's own command, no shell


def described(program: str, options: Options) -> str:
    """Return one line that says what is about to run."""
    where = (
        "no dashboard"
        if options.port is None
        else f"dashboard at http://localhost:{options.port}"
        if options.port
        else "dashboard on a free port"
    )
    return (
        f"measuring {program}, projecting for {options.target_users:,} users on {options.provider} "
        f"{options.region}; {where}"
    )


def _command(given: Sequence[str]) -> list[str]:
    command = list(given)
    if command[:1] == ["--"]:
        del command[0]
    if not command:
        raise InputError(
            "no command given: use for example `costmon meter run -- gunicorn app:app`"
        )
    return command

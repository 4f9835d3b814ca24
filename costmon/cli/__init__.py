"""The command line: arguments in, exit code out.

Exit codes: 0 success, 1 a check failed or a problem was found (for example, a budget is exceeded),
2 wrong usage or configuration. Commands
import what they need when they are executed, so that `costmon --version` is quick, and so that
`guard`, `meter`, `prices` and the commands that call the service's HTTP API need only the standard
library.
"""

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from costmon import __version__
from costmon.cli import (
    alerts,
    backtest,
    check,
    circuits,
    components,
    console,
    costs,
    db,
    guard,
    history,
    init,
    login,
    meter,
    notify,
    prices,
    run,
    status,
)
from costmon.cli.command import Command, add_action
from costmon.errors import (
    ConfigError,
    CostmonError,
    InputError,
    MissingPackageError,
    StoreOutdatedError,
    StoreTooNewError,
)

COMMANDS: tuple[Command, ...] = (
    init,
    run,
    status,
    costs,
    history,
    backtest,
    guard,
    meter,
    prices,
    circuits,
    alerts,
    login,
    components,
    check,
    notify,
    console,
    db,
)

FAILED = 1
MISUSED = 2
# Starting again would not help: a person has to decide something first.
_MISUSES = (InputError, MissingPackageError, StoreOutdatedError, StoreTooNewError)


def main(argv: Sequence[str] | None = None) -> int:
    """Execute a command and return the exit code; errors are one line on stderr."""
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as leaving:  # argparse leaves after --help, --version and wrong usage
        return leaving.code if isinstance(leaving.code, int) else FAILED
    try:
        code: int = arguments.execute(arguments)
        sys.stdout.flush()
    except ConfigError as error:
        _say_faults(error)
        return MISUSED
    except BrokenPipeError:
        # Whoever read our output has enough (`costmon history | head`); nothing went wrong. What
        # is still in the buffer must go somewhere, or the interpreter complains at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (CostmonError, OSError) as error:
        return _say(error, MISUSED if isinstance(error, _MISUSES) else FAILED)
    except KeyboardInterrupt:
        return _say("interrupted", FAILED)
    return code


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(
        prog="costmon",
        description="Show what your cloud costs now and what changed, and alert before the bill "
        "arrives.",
        epilog="Exit codes: 0 success, 1 a check failed or a problem was found (for example, a "
        "budget is exceeded), 2 wrong usage or configuration.",
    )
    parser.add_argument("--version", action="version", version=f"costmon {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    for command in COMMANDS:
        own = add_action(commands, command.NAME, command.HELP)
        command.add_arguments(own)
        own.set_defaults(execute=command.execute)
    return parser


class _Parser(argparse.ArgumentParser):
    """Reports an error in one line, without the usage text that would hide it."""

    def error(self, message: str) -> NoReturn:
        self.exit(MISUSED, f"{self.prog}: {message}; see {self.prog} --help\n")


def _say(what: object, code: int) -> int:
    text = " ".join(_text(what).split()) or type(what).__name__
    sys.stderr.write(f"costmon: {text}\n")
    return code


def _text(what: object) -> str:
    """Return what was said, and where and what to do when a disk is full."""
    if isinstance(what, OSError) and what.errno in {errno.ENOSPC, errno.EDQUOT}:
        where = f" ({what.filename})" if what.filename else ""
        return f"there is no space left on the disk{where}; free some space and try again"
    return str(what)


def _say_faults(error: ConfigError) -> None:
    lines = [str(fault) for fault in error.faults]
    if len(lines) == 1:
        _say(lines[0], MISUSED)
        return
    sys.stderr.write(f"costmon: {len(lines)} settings are not valid:\n")
    for line in lines:
        sys.stderr.write(f"  {' '.join(line.split())}\n")

"""What every command offers, and the options that commands share."""

import argparse
from pathlib import Path
from typing import Protocol

from costmon.config import Loaded, load
from costmon.config.parsers import duration


class Command(Protocol):
    """A module of this room."""

    NAME: str
    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's own options."""
        ...

    def execute(self, arguments: argparse.Namespace) -> int:
        """Do it and return the exit code."""
        ...


# Option on the command line -> the variable that it sets.
_OVERRIDES = {
    "config": "COSTMON_CONFIG",
    "state_dir": "COSTMON_STATE_DIR",
    "host": "COSTMON_HOST",
    "port": "COSTMON_PORT",
    "poll_interval": "COSTMON_POLL_INTERVAL",
    "log_format": "COSTMON_LOG_FORMAT",
    "log_level": "COSTMON_LOG_LEVEL",
}


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Declare where settings come from; the command line wins over every other source."""
    group = parser.add_argument_group("settings")
    group.add_argument("--env-file", type=Path, metavar="FILE", help="read FILE instead of .env")
    group.add_argument("--config", metavar="FILE", help="read FILE instead of costmon.toml")
    group.add_argument("--state-dir", metavar="DIR", help="keep state in DIR instead of data")
    group.add_argument(
        "--demo", action="store_true", help="the simulated vendor, with a state directory apart"
    )


def add_listener(parser: argparse.ArgumentParser) -> None:
    """Declare where the service is."""
    group = parser.add_argument_group("where the service is")
    group.add_argument("--host", metavar="HOST", help="the service's host")
    group.add_argument("--port", metavar="PORT", help="the service's port")


_LONGEST_S = 366 * 86_400


def duration_of(text: str) -> float:
    """Return an option's `30s`, `5m`, `2h` or `1d` in seconds.

    Raises:
        ArgumentTypeError: It is none, or longer than a year.
    """
    try:
        return duration(1, _LONGEST_S)(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: give {error}") from None


def load_settings(arguments: argparse.Namespace, *, accounts_required: bool = False) -> Loaded:
    """Read the settings with what the command line says on top.

    Raises:
        ConfigError: With every fault.
    """
    overrides = {
        variable: value
        for option, variable in _OVERRIDES.items()
        if (value := getattr(arguments, option, None)) is not None
    }
    return load(
        dotenv=arguments.env_file,
        overrides=overrides,
        demo=arguments.demo,
        accounts_required=accounts_required,
    )

"""What every command offers, and the options that commands share."""

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, TypeVar

from costmon.config import Loaded, load
from costmon.config.load import NEEDS_DOTENV, Drafts
from costmon.config.parsers import duration
from costmon.errors import MissingPackageError

Parser = TypeVar("Parser", bound=argparse.ArgumentParser)


class Command(Protocol):
    """A module of this package that is a command."""

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


def add_action(
    actions: "argparse._SubParsersAction[Parser]",
    name: str,
    text: str,
    description: str = "",
    *,
    defaults: str | None = None,
) -> Parser:
    """Add a command or action whose help page begins with what it does, as a sentence.

    Args:
        actions: Where to add it.
        name: Its name on the command line.
        text: What it does, in one line; lower case, without a full stop.
        description: Further sentences for its own help page.
        defaults: The default of its options; `argparse.SUPPRESS`: those of the enclosing command.
    """
    return actions.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}. {description}".strip(),
        argument_default=defaults,
    )


def add_settings(parser: argparse.ArgumentParser, description: str | None = None) -> None:
    """Declare where settings come from; the command line wins over every other source."""
    group = parser.add_argument_group("settings", description)
    group.add_argument(
        "--env-file",
        type=Path,
        metavar="FILE",
        help="file of tokens and simple settings, as NAME=value lines, which take precedence over "
        "the environment (default: .env)",
    )
    group.add_argument(
        "--config",
        metavar="FILE",
        help="file of all other settings: further accounts, budgets, prices, retention (default: "
        "$COSTMON_CONFIG, else costmon.toml)",
    )
    group.add_argument(
        "--state-dir",
        metavar="DIR",
        help="directory of the service's database, lock file and console socket (default: "
        "$COSTMON_STATE_DIR, else data)",
    )
    group.add_argument(
        "--demo",
        action="store_true",
        help="use the demo's settings and state directory (data-demo); `costmon run` then "
        "reads simulated vendors instead of your accounts",
    )


def add_listener(parser: argparse.ArgumentParser) -> None:
    """Declare where the running service is."""
    group = parser.add_argument_group("address of the running service")
    group.add_argument(
        "--host", metavar="HOST", help="its host (default: $COSTMON_HOST, else 127.0.0.1)"
    )
    group.add_argument(
        "--port", metavar="PORT", help="its port (default: $COSTMON_PORT, else 8090)"
    )


def add_client_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of a command that prints what the running service answers."""
    parser.add_argument("--json", action="store_true", help="print as JSON, as the API answers")
    add_listener(parser)
    add_settings(parser)


_LONGEST_S = 366 * 86_400


def duration_of(text: str) -> float:
    """Return an option's `30s`, `5m`, `2h` or `1d` in seconds.

    Raises:
        ArgumentTypeError: It is not a duration, or is longer than a year.
    """
    try:
        return duration(1, _LONGEST_S)(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: give {error}") from None


def load_settings(
    arguments: argparse.Namespace,
    *,
    accounts_required: bool = False,
    drafts: Drafts | None = None,
) -> Loaded:
    """Read the settings; options on the command line win.

    A `.env` that cannot be read without python-dotenv is named on stderr.

    Args:
        arguments: The options.
        accounts_required: Whether it is a fault when nothing can be polled.
        drafts: What to read in place of `.env` and `costmon.toml`.

    Raises:
        ConfigError: With every fault.
        MissingPackageError: `--env-file` is given and python-dotenv is not installed.
    """
    from costmon.providers import catalog

    overrides = {
        variable: value
        for option, variable in _OVERRIDES.items()
        if (value := getattr(arguments, option, None)) is not None
    }
    loaded = load(
        providers=catalog.declarations(),
        dotenv=arguments.env_file,
        overrides=overrides,
        demo=arguments.demo,
        accounts_required=accounts_required,
        drafts=drafts,
    )
    if loaded.ignored is not None:
        sys.stderr.write(f"costmon: {loaded.ignored} is ignored: {NEEDS_DOTENV}\n")
    return loaded


# What the extra `service` installs, by the names that are imported.
SERVICE_MODULES = (
    "alembic",
    "cheroot",
    "dotenv",
    "flask",
    "jmespath",
    "msgspec",
    "prometheus_client",
    "pykka",
    "requests",
    "spectree",
    "sqlalchemy",
    "structlog",
    "urllib3",
)


def require_service(command: str) -> None:
    """Refuse a command that needs the service's packages where they are not installed.

    Raises:
        MissingPackageError: At least one is missing.
    """
    missing = [name for name in SERVICE_MODULES if find_spec(name) is None]
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise MissingPackageError(
            f"`costmon {command}` needs the service's packages ({missing[0]}{more} not installed):"
            ' pip install "costmon[service]", or in a checkout: make setup'
        )

"""`costmon console`: a prompt attached to the running service."""

import argparse

from costmon.cli.command import add_settings, load_settings, require_service

NAME = "console"
HELP = "open a Python prompt on the running service: inspect or restart actors (background tasks)"

HISTORY = "console_history"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_settings(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Run the prompt until it is left; the service runs on."""
    require_service(NAME)
    from costmon.clock import SystemClock
    from costmon.console.repl import attach

    settings = load_settings(arguments).settings
    return attach(
        settings.console_socket, clock=SystemClock(), history=settings.state_dir / HISTORY
    )

"""`costmon components`: what the service is made of."""

import argparse

from costmon.cli.command import add_settings, load_settings, require_service

NAME = "components"
HELP = (
    "list the service's components: actors (background tasks), endpoints, functions, providers, "
    "channels"
)

KINDS = ("actor", "endpoint", "function", "provider", "channel")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--kind", choices=KINDS, help="list only components of this kind (default: all)"
    )
    add_settings(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print one line a component."""
    require_service(NAME)
    from costmon.bootstrap.components import components
    from costmon.console.table import table

    settings = load_settings(arguments).settings
    rows = [
        (component.kind, component.name, component.description)
        for component in components(settings)
        if arguments.kind in {None, component.kind}
    ]
    print(table(("kind", "name", "what it does"), rows))
    return 0

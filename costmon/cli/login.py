"""`costmon login`: sign a browser in."""

import argparse

from costmon.cli.command import add_listener, add_settings, load_settings

NAME = "login"
HELP = "print a link that signs a browser in to the running service, once"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_listener(parser)
    add_settings(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Ask the service for a link and print it."""
    from costmon.cli.client import ServiceClient

    client = ServiceClient(load_settings(arguments).settings)
    made = client.send("POST", "/api/v1/login-links").content["data"]
    print(f"{client.url}{made['path']}")
    return 0

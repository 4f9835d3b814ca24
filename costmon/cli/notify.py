"""`costmon notify test CHANNEL`: send a test alert, to see that it arrives."""

import argparse
from typing import TYPE_CHECKING

from costmon.cli.command import add_settings, load_settings, require_service

if TYPE_CHECKING:
    from costmon.alerts.alert import Alert
    from costmon.clock import Clock

NAME = "notify"
HELP = "send a test alert to a configured channel"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    test = actions.add_parser("test", help="send a test alert", description="Send a test alert.")
    test.add_argument(
        "channel", metavar="CHANNEL", help="log, telegram, or the name of a [[channel]]"
    )
    add_settings(test)


def execute(arguments: argparse.Namespace) -> int:
    """Send the alert.

    Returns:
        0 if the channel accepted it, 1 if not, 2 if there is no such channel.
    """
    require_service(NAME)
    from costmon import logs
    from costmon.clock import SystemClock
    from costmon.errors import InputError
    from costmon.notifiers.catalog import channels
    from costmon.sender import HttpSender

    settings = load_settings(arguments).settings
    logs.configure(level="info", form=settings.log_format, secrets=settings.secrets())
    clock = SystemClock()
    known = {one.name: one for one in channels(settings.channels, HttpSender(), clock)}
    channel = known.get(arguments.channel)
    if channel is None:
        raise InputError(
            f"there is no channel {arguments.channel!r}: use one of {', '.join(known)}, or add it "
            "to .env (Telegram) or costmon.toml ([[channel]])"
        )
    channel.send(test_alert(clock))
    print(f"The channel {channel.name} accepted the test alert.")
    return 0


def test_alert(clock: "Clock") -> "Alert":
    """Return an alert that says that it is a test."""
    import uuid

    from costmon.alerts.alert import Alert

    now = clock.now()
    return Alert(
        id=f"test/{uuid.uuid4()}",
        event="alerter.test",
        severity="info",
        condition="test",
        title="Test alert",
        text="This is a test alert of costmon. Alerts about your costs arrive here.",
        labels={},
        facts={},
        state="opened",
        since=now,
        previous_severity=None,
        raised_at=now,
    )

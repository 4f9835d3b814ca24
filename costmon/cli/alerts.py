"""`costmon alerts`: list open alerts, acknowledge or snooze one."""

import argparse
from typing import TYPE_CHECKING, Any

from costmon.cli.command import (
    add_action,
    add_client_options,
    duration_of,
    load_settings,
)
from costmon.errors import InputError

if TYPE_CHECKING:
    from costmon.cli.client import ServiceClient

NAME = "alerts"
HELP = "list open alerts, acknowledge or snooze one"

_PATH = "/api/v1/alerts"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions, and the options of the default one: `list`."""
    parser.description = (
        "Show the open alerts (`list`, the default). `ack ID` stops repeats of an alert until it "
        "gets more severe or is over; `snooze ID --for TIME` stops them for a while. The end of an "
        "alert is always reported."
    )
    add_client_options(parser)
    actions = parser.add_subparsers(metavar="ACTION", dest="action")
    parser.set_defaults(action="list")
    # Options may precede the action: what is not given after it must not replace them.
    show = add_action(
        actions, "list", "show the open alerts, most severe first", defaults=argparse.SUPPRESS
    )
    acknowledge = add_action(
        actions,
        "ack",
        "acknowledge an alert",
        "It is not told again until it gets more severe or is over.",
        defaults=argparse.SUPPRESS,
    )
    snooze = add_action(
        actions,
        "snooze",
        "keep an alert silent for a while",
        "It is told again after that time if it still holds, and at once if it gets more severe.",
        defaults=argparse.SUPPRESS,
    )
    for action in (acknowledge, snooze):
        action.add_argument("alert", metavar="ID", help="the alert's id, as `list` shows it")
        action.add_argument(
            "--author",
            metavar="NAME",
            default=None,
            help="ignored: the service records who is authenticated",
        )
        action.add_argument(
            "--reason", metavar="TEXT", default="", help="why; kept in the audit (default: none)"
        )
    snooze.add_argument(
        "--for",
        dest="duration_s",
        type=duration_of,
        required=True,
        metavar="TIME",
        help="how long, such as 4h; at most 30d",
    )
    for action in (show, acknowledge, snooze):
        add_client_options(action)


def execute(arguments: argparse.Namespace) -> int:
    """List, acknowledge or snooze."""
    from costmon.cli.client import ServiceClient

    settings = load_settings(arguments).settings
    client = ServiceClient(settings)
    if arguments.action == "list":
        return _list(client, arguments, settings.timezone)
    return _decide(client, arguments)


def _decide(client: "ServiceClient", arguments: argparse.Namespace) -> int:
    from urllib.parse import quote

    if not arguments.alert.isalnum():
        raise InputError(f"{arguments.alert!r} is not an alert's id: `costmon alerts` lists them")
    path = f"{_PATH}/{quote(arguments.alert, safe='')}"
    body: dict[str, object] = {"reason": arguments.reason}
    if arguments.action == "ack":
        reply = client.send("POST", f"{path}/acknowledge", body=body)
        done = "acknowledged"
    else:
        body |= {"duration_s": int(arguments.duration_s)}
        reply = client.send("POST", f"{path}/snooze", body=body)
        done = "snoozed"
    print(reply.text.strip() if arguments.json else f"{done}: {arguments.alert}")
    return 0


def _list(client: "ServiceClient", arguments: argparse.Namespace, timezone: str) -> int:
    from costmon.console.table import cell, table, when

    reply = client.get(_PATH)
    if arguments.json:
        print(reply.text.strip())
        return 0
    alerts: list[dict[str, Any]] = reply.content["data"]
    if not alerts:
        print("No alert is open.")
        return 0

    def decided(alert: dict[str, Any]) -> str:
        if alert["acknowledged_by"]:
            return f"acknowledged by {alert['acknowledged_by']}"
        if alert["snoozed_until"]:
            return f"snoozed until {when(alert['snoozed_until'], timezone)}"
        return ""

    rows = [
        (
            alert["id"],
            alert["severity"],
            when(alert["since"], timezone),
            alert["title"],
            decided(alert),
        )
        for alert in alerts
    ]
    print(table(("id", "severity", "since", "alert", "decision"), rows))
    for alert in alerts:
        print(f"\n{alert['id']}: {cell(alert['text'], widest=2_000)}")
    return 0

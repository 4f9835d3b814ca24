"""`costmon circuits`: stop all calls of a scope, and allow them again."""

import argparse
from typing import TYPE_CHECKING, Any

from costmon.cli.command import (
    add_action,
    add_client_options,
    duration_of,
    load_settings,
)
from costmon.domain.scope import scope_of
from costmon.errors import InputError

if TYPE_CHECKING:
    from costmon.cli.client import Reply, ServiceClient

NAME = "circuits"
HELP = "stop guarded calls in an emergency, allow them again, or list what is stopped"

_PATH = "/api/v1/circuits"
_NOT_MODIFIED = 304
_PATIENCE_S = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions, and the options of the default one: `list`."""
    parser.description = (
        "Stop guarded calls in an emergency. `open SCOPE` stops the calls of SCOPE in all guards "
        "that report to this service, `close SCOPE` allows them again, and `list` (the default) "
        "shows the circuits: what was stopped, by whom and why."
    )
    parser.set_defaults(scope=None)
    add_client_options(parser)
    _add_decision(parser, hidden=("--reason", "--for", "--author"))
    actions = parser.add_subparsers(metavar="ACTION", dest="action")
    parser.set_defaults(action="list")
    # Options may precede the action: what is not given after it must not replace them.
    show = add_action(
        actions,
        "list",
        "show the circuits: state, author, reason, and until when",
        defaults=argparse.SUPPRESS,
    )
    show.add_argument(
        "scope",
        nargs="?",
        metavar="SCOPE",
        help="show only whether calls of SCOPE are stopped (default: all circuits)",
    )
    stop = add_action(
        actions,
        "open",
        "stop the calls of SCOPE",
        "Guards refuse these calls within about a second; calls in progress are not interrupted.",
        defaults=argparse.SUPPRESS,
    )
    allow = add_action(
        actions, "close", "allow the calls of SCOPE again", defaults=argparse.SUPPRESS
    )
    for action, hidden in ((stop, ()), (allow, ("--for",))):
        action.add_argument(
            "scope",
            metavar="SCOPE",
            help="a group of calls: global (all), host:api.example.com, provider:openai, "
            "host:* (any host), ...; see `costmon guard --help`",
        )
        _add_decision(action, hidden=hidden)
    for action in (show, stop, allow):
        add_client_options(action)


def _add_decision(parser: argparse.ArgumentParser, *, hidden: tuple[str, ...]) -> None:
    def said(option: str, text: str) -> str:
        return argparse.SUPPRESS if option in hidden else text

    parser.add_argument(
        "--reason",
        metavar="TEXT",
        help=said("--reason", "reason, shown with the circuit; required"),
    )
    parser.add_argument(
        "--for",
        dest="duration_s",
        type=duration_of,
        metavar="TIME",
        help=said("--for", "allow the calls again after TIME, such as 2h (default: stay open)"),
    )
    parser.add_argument(
        "--author",
        metavar="NAME",
        help=said("--author", "ignored: the service records who is authenticated"),
    )


def execute(arguments: argparse.Namespace) -> int:
    """List, open or close; opening and closing wait a moment for the service to confirm it."""
    from costmon.cli.client import ServiceClient

    settings = load_settings(arguments).settings
    client = ServiceClient(settings)
    if arguments.action == "list":
        return _list(client, arguments, settings.timezone)
    scope, reason = _decision(arguments)
    path = _path(scope)
    before = client.get(path)
    state = "open" if arguments.action == "open" else "closed"
    body = {
        "state": state,
        "reason": reason,
        "expires_in_s": None if arguments.duration_s is None else int(arguments.duration_s),
    }
    accepted = client.send("PUT", path, body=body)
    now = client.get(
        path, {"wait": str(_PATIENCE_S)}, accepted=(_NOT_MODIFIED,), unless=before.etag
    )
    if arguments.json:
        print(accepted.text.strip())
    else:
        print(_outcome(scope, state, now, settings.timezone))
    return 0


def _list(client: "ServiceClient", arguments: argparse.Namespace, timezone: str) -> int:
    from costmon.console.table import table, when

    scope = arguments.scope
    reply = client.get(_PATH if scope is None else _path(scope_of(scope, pattern=True)))
    if arguments.json:
        print(reply.text.strip())
        return 0
    data = reply.content["data"]
    circuits: list[dict[str, Any]] = data if scope is None else [data]
    if not circuits:
        print("No circuit was opened: calls pass as far as their budgets allow.")
        return 0
    print(
        table(
            ("scope", "state", "since", "until", "author", "reason"),
            [
                (
                    circuit["scope"],
                    circuit.get("current", circuit["state"]),
                    when(circuit["changed_at"], timezone) if circuit["changed_at"] else "",
                    when(until, timezone) if (until := _until(circuit)) else "",
                    circuit["author"] or "",
                    circuit["reason"] or "",
                )
                for circuit in circuits
            ],
        )
    )
    return 0


def _until(circuit: "dict[str, Any]") -> str | None:
    """Return when the state ends by itself: of a half-open circuit its trial."""
    is_on_trial = circuit.get("current") == "half-open"
    until: str | None = circuit["trial_ends_at" if is_on_trial else "expires_at"]
    return until


def _decision(arguments: argparse.Namespace) -> tuple[str, str]:
    """Return scope and reason of what is to be opened or closed."""
    action = arguments.action
    if not (arguments.reason or "").strip():
        raise InputError(
            f"circuits {action} requires --reason TEXT, which is shown with the circuit"
        )
    if action == "close" and arguments.duration_s is not None:
        raise InputError("--for is only for `circuits open`: a closed circuit stays closed")
    return scope_of(arguments.scope, pattern=True), arguments.reason


def _path(scope: str) -> str:
    from urllib.parse import quote

    return f"{_PATH}/{quote(scope, safe=':/')}"


def _outcome(scope: str, wanted: str, now: "Reply", timezone: str) -> str:
    from costmon.console.table import cell, when

    if now.status == _NOT_MODIFIED:
        return f"accepted: {scope} is {wanted} once the service has processed it, or was already"
    circuit = now.content["data"]
    if (circuit["state"] == "open") != (wanted == "open"):
        return f"accepted; {scope} is still {circuit['state']} by {cell(circuit.get('circuit'))}"
    until = f" until {when(circuit['expires_at'], timezone)}" if circuit["expires_at"] else ""
    return f"{scope} is {wanted}{until}"

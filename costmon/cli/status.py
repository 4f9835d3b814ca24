"""`costmon status`: the health of the running service."""

import argparse

from costmon.cli.command import add_client_options, load_settings

NAME = "status"
HELP = "show the health of the running service: accounts, rules, actors (background tasks)"

_READY, _UNREADY = 0, 1
_SERVICE_UNAVAILABLE = 503


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_client_options(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print what /readyz and the API say of accounts, rules and actors; 1 when not ready."""
    from costmon.cli.client import ServiceClient
    from costmon.console.table import table, when

    settings = load_settings(arguments).settings
    client = ServiceClient(settings)
    ready = client.get("/readyz", accepted=(_SERVICE_UNAVAILABLE,))
    providers = client.get("/api/v1/providers", accepted=(_SERVICE_UNAVAILABLE,))
    rules = client.get("/api/v1/rules")
    actors = client.get("/api/v1/actors")
    code = _READY if ready.content["ready"] else _UNREADY
    if arguments.json:
        print(
            f'{{"readiness": {ready.text.strip()}, "providers": {providers.text.strip()}, '
            f'"rules": {rules.text.strip()}, "actors": {actors.text.strip()}}}'
        )
        return code
    accounts = providers.content.get("data", [])
    print("ready" if code == _READY else "NOT ready")
    print()
    print(
        table(
            ("check", "", "reason"),
            [
                (check["name"], "ok" if check["ok"] else "FAILED", check["reason"] or "")
                for check in ready.content["checks"]
            ],
        )
    )
    print()
    print(
        table(
            ("account", "provider", "state", "last success", "next poll", "breaker", "reason"),
            [
                (
                    account["name"],
                    account["provider"],
                    account["state"],
                    when(account["last_success"], settings.timezone),
                    when(account["next_poll"], settings.timezone),
                    account["breaker"],
                    account["reason"] or "",
                )
                for account in accounts
            ],
        )
    )
    if rules.content["data"]:
        print()
        print(
            table(
                ("rule", "status", "last hour", "limit", "24 hours", "limit", "", "reason"),
                [
                    (
                        rule["scope"],
                        rule["status"],
                        *(
                            "" if rule[key] is None else rule[key]
                            for key in ("spent_hour", "hourly", "spent_day", "daily")
                        ),
                        rule["currency"],
                        rule["reason"] or "",
                    )
                    for rule in rules.content["data"]
                ],
            )
        )
    print()
    print(
        table(
            ("actor", "state", "generation", "restarts", "mailbox", "dead letters", "last error"),
            [
                (
                    actor["name"],
                    actor["state"],
                    actor["generation"],
                    actor["restarts"],
                    actor["mailbox"],
                    actor["dead_letters"],
                    actor["last_error"] or "",
                )
                for actor in actors.content["data"]
            ],
            right=("generation", "restarts", "mailbox", "dead letters"),
        )
    )
    return code

"""`costmon guard` through the running service, to which guards report."""

import argparse
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from costmon.cli.client import Reply, ServiceClient
from costmon.cli.guard_tables import amount, moment, scope_rows, unpriced_rows
from costmon.clock import SystemClock
from costmon.config import Settings
from costmon.console.table import table
from costmon.domain.scope import scope_of
from costmon.domain.window import period_of
from costmon.errors import InputError

_SHOWN = 10
_PATIENCE_S = 3
_NOT_MODIFIED = 304
_PARTS = ("scopes", "leases", "refusals", "guards", "unpriced")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Do one action through the service.

    Raises:
        InputError: Something that was given cannot be used.
        ServiceError: No service is there, or it refuses.
    """
    action = _ACTIONS.get(arguments.action)
    if action is None:
        raise InputError(
            f"guard {arguments.action} requires --store URL: spent amounts are kept in the "
            "guards' store"
        )
    return action(ServiceClient(settings), arguments, settings.timezone)


def _status(client: ServiceClient, arguments: argparse.Namespace, timezone: str) -> int:
    replies = {part: client.get(f"/api/v1/guard/{part}") for part in _PARTS}
    if arguments.json:
        inner = ", ".join(f'"{part}": {reply.text.strip()}' for part, reply in replies.items())
        print(f"{{{inner}}}")
        return 0
    guards, unpriced = _rows(replies["guards"]), _rows(replies["unpriced"])
    if unpriced:
        print(
            unpriced_rows(
                (row["scope"], row["calls"], f"{amount(row['spent'])} {row['currency']}")
                for row in unpriced
            )
        )
        print()
    if scopes := _rows(replies["scopes"]):
        print(scope_rows(scopes, timezone))
        print()
    if not guards:
        print("No guard has reported in the last 24 hours.")
        return 0
    leases, refusals = _rows(replies["leases"]), _rows(replies["refusals"])
    print(f"{len(leases)} calls in flight, {len(refusals)} recent refusals")
    if refusals:
        print()
        print(
            table(
                ("refused at", "scope", "reason", "text"),
                [
                    (moment(row["at"], timezone), row["scope"], row["reason"], row["text"])
                    for row in refusals[:_SHOWN]
                ],
            )
        )
    print()
    print(
        table(
            ("guard", "app", "host", "pid", "seen", "in flight", "refused"),
            [
                (
                    row["guard"],
                    row["app"],
                    row["host"],
                    row["pid"],
                    f"{row['age_s']} s ago" + (", away" if row["away"] else ""),
                    row["leases"],
                    row["refused"],
                )
                for row in guards
            ],
            right=("pid", "in flight", "refused"),
        )
    )
    return 0


def _set(client: ServiceClient, arguments: argparse.Namespace, _: str) -> int:
    if arguments.tier or arguments.rate or arguments.custom_budget or arguments.plain:
        raise InputError(
            "tiers, rates and custom budgets are kept in the guards' store: give --store URL"
        )
    if bool(arguments.limit) == arguments.remove:
        raise InputError("guard set requires either --limit AMOUNT or --remove")
    scope, period = scope_of(arguments.scope, pattern=True), period_of(arguments.period)
    before = client.get("/api/v1/guard/policy")
    if arguments.remove:
        params = {"scope": scope, "period": period}
        client.send("DELETE", "/api/v1/budgets", params)
    else:
        body = {
            "scope": scope,
            "limit": arguments.limit,
            "period": period,
            "currency": arguments.currency,
            "warn": arguments.warn,
            "block": arguments.block,
        }
        client.send("PUT", "/api/v1/budgets", body=body)
    now = client.get(
        "/api/v1/guard/policy",
        {"wait": str(_PATIENCE_S)},
        accepted=(_NOT_MODIFIED,),
        unless=before.etag,
    )
    print(_outcome(scope, period, before if now.status == _NOT_MODIFIED else now))
    return 0


def _outcome(scope: str, period: str, policy: Reply) -> str:
    for budget in policy.content["data"]["budgets"]:
        if (budget["scope"], budget["period"]) == (scope, period):
            by = budget["author"] or "the configuration"
            return (
                f"accepted; {scope} may spend {amount(budget['limit'])} {budget['currency']}"
                f" (period: {period}), set by {by}"
            )
    return f"accepted; {scope} has no budget with period {period}"


def _top(client: ServiceClient, arguments: argparse.Namespace, timezone: str) -> int:
    if arguments.by == "refusals":
        return _top_refusals(client, arguments)
    if arguments.by == "requests" or arguments.since is not None:
        raise InputError(
            "the service only knows the amounts of current periods: for requests, or for --since,"
            " give --store URL"
        )
    rows = [row for row in _rows(client.get("/api/v1/guard/scopes")) if row["reported_at"]]
    rows.sort(key=lambda row: Decimal(row["spent"]), reverse=True)
    if not rows:
        print("No guard has reported any spend in the last 24 hours.")
        return 0
    print(scope_rows(rows[: arguments.n], timezone))
    return 0


def _top_refusals(client: ServiceClient, arguments: argparse.Namespace) -> int:
    import datetime as dt

    since = None
    if arguments.since is not None:
        since = SystemClock().now() - dt.timedelta(seconds=arguments.since)
    counts = Counter(
        (row["scope"], row["reason"])
        for row in _rows(client.get("/api/v1/guard/refusals"))
        if since is None or dt.datetime.fromisoformat(row["at"]) >= since
    )
    if not counts:
        print("No calls have been refused.")
        return 0
    print(
        table(
            ("scope", "reason", "refused"),
            [(*name, count) for name, count in counts.most_common(arguments.n)],
            right=("refused",),
        )
    )
    print()
    print("of the latest 200 refusals reported by guards")
    return 0


def _rows(reply: Reply) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = reply.content["data"]
    return rows


_ACTIONS: Mapping[str, Callable[[ServiceClient, argparse.Namespace, str], int]] = MappingProxyType(
    {"status": _status, "set": _set, "top": _top}
)

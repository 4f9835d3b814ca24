"""`costmon costs`: what everything costs now."""

import argparse
import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from costmon.cli.charged import charged_parts
from costmon.cli.command import add_client_options, load_settings
from costmon.cli.forecast import forecast_parts

if TYPE_CHECKING:
    from costmon.cli.client import Reply

NAME = "costs"
HELP = "print the bill of the month, budgets and current costs from the running service"

_TOP = 20
_CURRENT = "/api/v1/costs/current"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--top",
        type=int,
        default=_TOP,
        metavar="N",
        help=f"print the N most expensive resources (default: {_TOP}; 0 = all)",
    )
    add_client_options(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print the bill of the month, twelve months, limits, the forecast and the resources."""
    from costmon.cli.client import ServiceClient
    from costmon.console.bars import Terminal

    loaded = load_settings(arguments)
    settings = loaded.settings
    service = ServiceClient(settings)
    summary = service.get("/api/v1/summary")
    current = service.get(_CURRENT, accepted=(HTTPStatus.NOT_FOUND,))
    limits = service.get("/api/v1/quotas")
    if arguments.json:
        print(_as_json(current if current.status == HTTPStatus.OK else None, summary, limits))
        return 0
    if summary.content["meta"].get("demo"):
        print("DEMO: the vendors are simulated.")
    terminal = Terminal.of(sys.stdout, loaded.terminal)
    month = summary.content["data"]["month"]
    for part in charged_parts(month, limits.content["data"], settings.timezone, terminal):
        print(part)
    forecast = service.get("/api/v1/costs/forecast", accepted=(HTTPStatus.NOT_FOUND,))
    if forecast.status == HTTPStatus.OK:
        for part in forecast_parts(forecast.content):
            print(part)
    if current.status == HTTPStatus.OK and summary.content["data"]["as_of"] is not None:
        print(terminal.heading("\nLive resources:"))
        for part in _parts(current.content, settings.timezone, arguments.top):
            print(part)
    return 0


def _as_json(current: "Reply | None", summary: "Reply", limits: "Reply") -> str:
    """Return the current costs as the API answers them, with the month and the limits beside."""
    whole = {"data": None, "meta": json.loads(summary.text)["meta"]}
    if current is not None:
        whole = json.loads(current.text)
    whole["month"] = json.loads(summary.text)["data"]["month"]
    whole["limits"] = json.loads(limits.text)["data"]
    return json.dumps(whole, ensure_ascii=False)


def _parts(answer: dict[str, Any], timezone: str, top: int) -> Iterator[str]:
    from costmon.console.table import cell, table, when
    from costmon.pricing import calculate_daily_cost, calculate_hourly_cost

    data, meta = answer["data"], answer["meta"]
    if meta["stale"]:
        yield f"STALE: {cell(meta.get('reason'))}"
    monthly = sum((it["monthly"] for it in data["providers"] if it["monthly"]), Decimal())
    count = sum(it["resource_count"] or 0 for it in data["providers"])
    yield (
        f"{data['currency']} {cell(monthly)} a month, {cell(calculate_daily_cost(monthly))} a day, "
        f"{cell(calculate_hourly_cost(monthly))} an hour for {count} resources, "
        f"as of {when(data['as_of'], timezone)}"
    )
    yield ""
    yield table(
        ("account", "state", "monthly", "this month, estimated", "by the vendor", "not visible"),
        [
            (
                account["name"],
                account["state"],
                account["monthly"],
                account["month_to_date_estimate"],
                account["month_to_date_usage"],
                ", ".join(gap["kind"] for gap in account["gaps"]),
            )
            for account in data["providers"]
            # The others have charges, and no resources.
            if account["monthly"] is not None or account["reason"]
        ],
        right=("monthly", "this month, estimated", "by the vendor"),
    )
    # The answer lists one kind apart, whose rows do not name it.
    resources = [
        {"kind": member.removesuffix("s")} | row
        for member in ("droplets", "resources")
        for row in data[member]
    ]
    if not resources:
        return
    # What has no known price comes first: it may be the most expensive of all.
    resources.sort(
        key=lambda item: (item["monthly_cost"] is not None, -(item["monthly_cost"] or 0))
    )
    shown = resources[:top] if top > 0 else resources
    yield ""
    yield table(
        ("monthly", "kind", "name", "size", "region", "status", "note"),
        [
            (
                item["monthly_cost"],
                item["kind"],
                item["name"],
                item["size"] or "",
                item["region"] or "",
                item["status"] or "",
                item["unpriced"] or item["waste"] or "",
            )
            for item in shown
        ],
        right=("monthly",),
    )
    if len(shown) < len(resources):
        yield f"... and {len(resources) - len(shown)} more (--top 0 prints all)"

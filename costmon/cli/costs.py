"""`costmon costs`: what everything costs now."""

import argparse
from collections.abc import Iterator
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from costmon.cli.charged import charged_parts
from costmon.cli.command import add_listener, add_settings, load_settings
from costmon.cli.forecast import forecast_parts

NAME = "costs"
HELP = "print current costs from the running service"

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
    parser.add_argument("--json", action="store_true", help="print as JSON: the API's response")
    add_listener(parser)
    add_settings(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print totals, accounts, the most expensive resources, this month's charges and forecast."""
    from costmon.cli.client import ServiceClient

    settings = load_settings(arguments).settings
    service = ServiceClient(settings)
    if arguments.json:
        print(service.get(_CURRENT).text.strip())
        return 0
    current = service.get(_CURRENT, accepted=(HTTPStatus.NOT_FOUND,))
    charges = service.get("/api/v1/charges", accepted=(HTTPStatus.SERVICE_UNAVAILABLE,))
    unread = charges.status == HTTPStatus.SERVICE_UNAVAILABLE
    if current.status == HTTPStatus.OK:
        for part in _parts(current.content, settings.timezone, arguments.top):
            print(part)
    elif unread or not charges.content["data"]:
        service.get(_CURRENT)  # Nothing is known: its error says why.
    if unread:
        print(f"\n{charges.content['message']}")
        return 0
    quotas = service.get("/api/v1/quotas")
    forecast = service.get("/api/v1/costs/forecast", accepted=(HTTPStatus.NOT_FOUND,))
    if forecast.status == HTTPStatus.OK:
        for part in forecast_parts(forecast.content):
            print(part)
    for part in charged_parts(charges.content, quotas.content, settings.timezone):
        print(part)
    return 0


def _parts(answer: dict[str, Any], timezone: str, top: int) -> Iterator[str]:
    from costmon.console.table import cell, table, when
    from costmon.pricing import calculate_daily_cost, calculate_hourly_cost

    data, meta = answer["data"], answer["meta"]
    if meta.get("demo"):
        yield "DEMO: the vendor is simulated."
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

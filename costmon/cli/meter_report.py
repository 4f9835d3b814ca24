"""`costmon meter report`: what each endpoint costs, as a table, JSON, CSV or Markdown."""

import argparse
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from costmon.cli.guard_tables import to_json
from costmon.cli.meter_source import NothingMeasuredError, View, view_from
from costmon.console.table import markdown_text, table
from costmon.console.text import harmless

_HEADINGS = ("endpoint", "requests", "cpu ms", "95 %", "$/1000", "$/month", "$/user", "notes")
_RIGHT = ("requests", "cpu ms", "95 %", "$/1000", "$/month", "$/user")
_SEEN = ("endpoint", "requests", "cpu ms", "wall ms")
_MARKDOWN = ("endpoint", "requests", "CPU ms", "$ per 1,000", "$ a month", "")
_MS = 1_000_000
_CSV = (
    *("method", "route", "requests", "share", "requests_per_second"),
    *("cpu_mean_ns", "cpu_low_ns", "cpu_high_ns", "bytes_out_mean"),
    *("marginal_usd_per_1000", "monthly_usd", "monthly_low_usd", "monthly_high_usd"),
    *("egress_usd", "user_usd", "budget_usd", "over_budget", "few"),
)


def run(arguments: argparse.Namespace) -> int:
    """Print the report.

    Raises:
        NothingMeasuredError: There is nothing to print as CSV or Markdown.
    """
    view = view_from(arguments)
    if arguments.json:
        print(to_json(view))
    elif arguments.csv:
        print(as_csv(_projection(view)))
    elif arguments.markdown:
        print(as_markdown(view))
    else:
        print(as_text(view))
    return 0


def as_text(view: View) -> str:
    """Return the report for a terminal; without a projection, the reason and the raw figures."""
    projection = view["projection"]
    if projection is None:
        rows = [
            (_name(row), row["requests"], _ms(row["cpu_mean_ns"]), _ms(row["wall_mean_ns"]))
            for row in view["seen"]
        ]
        said = [harmless(f"{view['service']}: {view['unprojected']['text']}")]
        return "\n".join([*said, *([table(_SEEN, rows, right=_SEEN[1:])] if rows else [])])
    return "\n".join(
        [
            *_headline(view, projection),
            "",
            table(_HEADINGS, [_row(route) for route in projection["routes"]], right=_RIGHT),
            *([""] if projection["notes"] else []),
            *(f"* {harmless(note)}" for note in projection["notes"]),
        ]
    )


def as_csv(projection: Mapping[str, Any]) -> str:
    """Return one line for each endpoint, with exact amounts; an unknown value is empty."""
    rows = [[route[name] for name in _CSV] for route in projection["routes"]]
    return table(_CSV, rows, form="csv")


def as_markdown(view: View) -> str:
    """Return the report for a pull request.

    Raises:
        NothingMeasuredError: There is no projection.
    """
    projection = _projection(view)
    rows = []
    for route in projection["routes"]:
        name, requests, cpu_ms, _, per_1000, month, _, notes = _row(route)
        rows.append((name, requests, cpu_ms, per_1000, month, notes))
    lines = [
        *(markdown_text(line) + "  " for line in _headline(view, projection)),
        "",
        table(_MARKDOWN, rows, right=_MARKDOWN[1:-1], code=_MARKDOWN[:1], form="markdown"),
    ]
    if projection["notes"]:
        lines += ["", *(f"* {markdown_text(note)}" for note in projection["notes"])]
    return "\n".join(lines)


def dollars(given: str | Decimal | None) -> str:
    """Return an amount with its significant digits; `?` if it is unknown, which is not zero."""
    if given is None:
        return "?"
    amount = Decimal(given)
    if not amount or abs(amount) >= 1:
        return f"{amount:,.2f}"
    # Below a dollar: two significant digits, but at least cents.
    whole, _, decimals = f"{amount:.{max(2, 1 - amount.adjusted())}f}".partition(".")
    return f"{whole}.{decimals.rstrip('0'):0<2}"


def _projection(view: View) -> Mapping[str, Any]:
    if view["projection"] is None:
        raise NothingMeasuredError(f"{view['service']}: {view['unprojected']['text']}")
    projection: Mapping[str, Any] = view["projection"]
    return projection


def _headline(view: View, projection: Mapping[str, Any]) -> list[str]:
    fleet = projection["fleet"]
    ratio = projection["attributed_ratio"]
    stale = " (outdated)" if projection["prices_stale"] else ""
    since = view["recording"].get("runs_since")
    return [
        harmless(
            f"{view['service']}: ${dollars(projection['monthly_usd'])} a month for "
            f"{projection['target_users']:,} users on {projection['provider']} "
            f"{projection['region']}"
        ),
        harmless(
            f"{fleet['instances']} x {fleet['instance']}, limited by {fleet['binding']}; traffic "
            f"${dollars(projection['egress_usd'])}; prices of {projection['prices_as_of']}{stale}"
        ),
        f"{projection['requests']:,} requests in {projection['seconds']:.0f} s; "
        + (
            "no CPU was used"
            if ratio is None
            else f"{ratio:.1%} of the CPU was attributed to endpoints"
        ),
        *([harmless(f"includes runs since {since}")] if since else []),
    ]


def _row(route: Mapping[str, Any]) -> Sequence[str]:
    low, high = route["cpu_low_ns"], route["cpu_high_ns"]
    return (
        _name(route),
        f"{route['requests']:,}",
        _ms(route["cpu_mean_ns"]),
        "?" if low is None or high is None else f"±{_ms((high - low) // 2)}",
        dollars(route["marginal_usd_per_1000"]),
        dollars(route["monthly_usd"]),
        dollars(route["user_usd"]),
        ", ".join(_remarks(route)),
    )


def _remarks(route: Mapping[str, Any]) -> list[str]:
    remarks = []
    if route["over_budget"]:
        remarks.append(f"over its budget of ${dollars(route['budget_usd'])}")
    if route["few"]:
        remarks.append("few requests")
    for what in ("cpu", "wall"):
        spread = route[what]
        if spread is not None and spread["flagged"]:
            ratio = Decimal(spread["ratio"])
            remarks.append(f"{what} p95 is {ratio:.1f}x p50")
    return remarks


def _name(route: Mapping[str, Any]) -> str:
    return f"{route['method']} {route['route']}"


def _ms(nanoseconds: int | None) -> str:
    return "?" if nanoseconds is None else f"{nanoseconds / _MS:.3f}"

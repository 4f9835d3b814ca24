"""`costmon history`: what everything has cost."""

import argparse

from costmon.cli.command import add_client_options, load_settings

NAME = "history"
HELP = "print recorded costs by day, week or month"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--from",
        dest="start",
        metavar="DATE",
        help="first day in UTC, such as 2026-11-21 (default: 30 days before --to)",
    )
    parser.add_argument(
        "--to",
        dest="end",
        metavar="DATE",
        help="the day after the last one, in UTC (default: tomorrow, so that today is included)",
    )
    parser.add_argument(
        "--step",
        choices=("day", "week", "month"),
        default="day",
        help="print one row per day, week or month (default: day)",
    )
    parser.add_argument(
        "--group-by",
        choices=("total", "provider", "account", "kind", "region"),
        default="total",
        help="print one row per vendor, account, kind of resource or region, or one for everything "
        "(default: total)",
    )
    parser.add_argument(
        "--observed-only",
        action="store_true",
        help="leave out what is assumed for the time that was not observed",
    )
    add_client_options(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print one line a bucket and group."""
    from costmon.cli.client import ServiceClient
    from costmon.console.table import table

    settings = load_settings(arguments).settings
    params = {"step": arguments.step, "group_by": arguments.group_by}
    if arguments.observed_only:
        params["not_observed"] = "omit"
    if arguments.start:
        params["from"] = arguments.start
    if arguments.end:
        params["to"] = arguments.end
    reply = ServiceClient(settings).get("/api/v1/costs/history", params)
    if arguments.json:
        print(reply.text.strip())
        return 0
    if not reply.content["data"]:
        print("Nothing was recorded in this period.")
        return 0
    print(
        table(
            (
                "from",
                arguments.group_by,
                "accrued",
                "",
                "monthly, mean",
                "monthly, last",
                "seen",
                "not observed",
                "for",
                "unpriced",
            ),
            [
                (
                    bucket["start"][:10],
                    bucket["group"],
                    bucket["accrued"],
                    bucket["currency"],
                    bucket["average_monthly"],
                    bucket["last_monthly"],
                    f"{bucket['observed_s'] / 3600:.1f} h",
                    bucket["not_observed"] if bucket["not_observed_s"] else "",
                    (
                        f"{bucket['not_observed_s'] / 3600:.1f} h"
                        if bucket["not_observed_s"]
                        else ""
                    ),
                    bucket["unpriced_count"] or "",
                )
                for bucket in reply.content["data"]
            ],
            right=(
                "accrued",
                "monthly, mean",
                "monthly, last",
                "seen",
                "not observed",
                "for",
                "unpriced",
            ),
        )
    )
    return 0

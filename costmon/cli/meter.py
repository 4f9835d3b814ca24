"""`costmon meter`: what each endpoint of a web application costs."""

import argparse
from pathlib import Path

from costmon.cli.command import add_settings
from costmon.cli.meter_options import add_measuring, add_projecting

NAME = "meter"
HELP = "measure what each endpoint of a web application costs: run, report, check, diff, ..."

_FILE = "a recording written by `costmon meter save` (default: the live figures)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a subparser for each action."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    run = actions.add_parser("run", help="run a program and measure it, without changing its code")
    add_projecting(run)
    add_measuring(run)
    run.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        metavar="-- COMMAND",
        help="for example: gunicorn app:app",
    )
    report = actions.add_parser("report", help="show what each endpoint costs")
    _add_source(report, url=True)
    form = report.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print as JSON")
    form.add_argument("--csv", action="store_true", help="print as CSV")
    form.add_argument(
        "--markdown", action="store_true", help="print as Markdown, for a pull request"
    )
    add_projecting(report)
    check = actions.add_parser("check", help="exit with status 1 if an endpoint is over its budget")
    _add_source(check, url=True)
    check.add_argument("--total", metavar="USD", help="monthly budget for all endpoints together")
    check.add_argument(
        "--min-requests",
        metavar="N",
        help="fewest requests needed to check an endpoint (default: 100)",
    )
    add_projecting(check)
    diff = actions.add_parser("diff", help="compare two recordings")
    diff.add_argument("old", type=Path, metavar="OLD")
    diff.add_argument("new", type=Path, metavar="NEW")
    diff.add_argument(
        "--fail-above",
        metavar="PERCENT",
        help="exit with status 1 if an endpoint's CPU grew significantly, and by more than this",
    )
    diff.add_argument("--json", action="store_true", help="print as JSON")
    save = actions.add_parser("save", help="save the live figures to a file")
    save.add_argument("file", type=Path, metavar="FILE")
    save.add_argument(
        "--service", metavar="NAME", help="the application (needed if more than one is measured)"
    )
    record = actions.add_parser("record", help="start, stop or reset the recording")
    record.add_argument("do", choices=("start", "stop", "reset"))
    record.add_argument(
        "--service", metavar="NAME", help="the application (needed if more than one is measured)"
    )
    _add_export(
        actions.add_parser("export", help="export figures to Prometheus, OpenTelemetry or FOCUS")
    )
    calibrate = actions.add_parser(
        "calibrate", help="compare this CPU with a cloud vCPU, to set --cpu-factor"
    )
    calibrate.add_argument(
        "--reference-ns",
        metavar="NS",
        help="`ns per round` that calibrate printed on the target machine",
    )
    calibrate.add_argument("--json", action="store_true", help="print as JSON")


def _add_source(parser: argparse.ArgumentParser, *, url: bool) -> None:
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help=_FILE)
    parser.add_argument(
        "--service", metavar="NAME", help="the application (needed if more than one is measured)"
    )
    if url:
        parser.add_argument(
            "--url",
            metavar="URL",
            help="read from a dashboard or a costmon service, for example http://localhost:7777",
        )
        add_settings(parser)


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("form", choices=("prometheus", "otlp", "focus"))
    _add_source(parser, url=False)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="output file (default: standard output)"
    )
    otlp = parser.add_argument_group("otlp only")
    otlp.add_argument(
        "--endpoint",
        metavar="URL",
        help="send to this collector, for example http://localhost:4318",
    )
    otlp.add_argument(
        "--header-file",
        type=Path,
        metavar="FILE",
        help="HTTP headers to send, one `Name: value` per line",
    )
    focus = parser.add_argument_group("focus only")
    focus.add_argument(
        "--bill",
        metavar="AMOUNT",
        help="billed amount for machines and traffic (default: the projected cost)",
    )
    focus.add_argument("--currency", default="USD", help="currency of the bill (default: USD)")
    focus.add_argument("--account", metavar="ID", help="the billing account")
    focus.add_argument("--month", metavar="YYYY-MM", help="billing month (default: this month)")
    add_projecting(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Run one action and return its exit code."""
    match arguments.action:
        case "run":
            from costmon.cli.meter_run import run as act
        case "report":
            from costmon.cli.meter_report import run as act
        case "check":
            from costmon.cli.meter_check import run as act
        case "diff":
            from costmon.cli.meter_diff import run as act
        case "save":
            from costmon.cli.meter_source import save as act
        case "record":
            from costmon.cli.meter_record import run as act
        case "export":
            from costmon.cli.meter_export import run as act
        case _:
            from costmon.cli.meter_calibrate import run as act
    return act(arguments)

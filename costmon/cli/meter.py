"""`costmon meter`: what each endpoint of a web application costs."""

import argparse
from pathlib import Path

from costmon.cli.command import add_action, add_settings
from costmon.cli.meter_options import add_measuring, add_projecting

NAME = "meter"
HELP = "measure what each endpoint of a web application costs: run, report, check, diff, ..."

_LIVE = (
    "The live figures are those of the applications that this user measures on this machine: they "
    "are read from files that the applications write every second."
)
_JSON = "print as JSON"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a subparser for each action."""
    parser.description = (
        "Measure what each endpoint of a web application costs, from its CPU time and the list "
        "prices of AWS, GCP or Azure; no cloud account is needed."
    )
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    run = add_action(actions, "run", "run a program and measure it, without changing its code")
    add_projecting(run, recorded=False)
    add_measuring(run)
    run.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        metavar="-- COMMAND",
        help="for example: gunicorn app:app",
    )
    report = add_action(actions, "report", "show what each endpoint costs", _LIVE)
    _add_source(report)
    _add_url(report)
    form = report.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help=_JSON)
    form.add_argument("--csv", action="store_true", help="print as CSV")
    form.add_argument(
        "--markdown", action="store_true", help="print as Markdown, for a pull request"
    )
    add_projecting(report)
    check = add_action(
        actions,
        "check",
        "exit with status 1 if an endpoint is over its budget, or cannot be checked",
        f"Budgets are those of the application and of the options. {_LIVE}",
    )
    _add_source(check)
    _add_url(check)
    check.add_argument(
        "--total",
        metavar="USD",
        help="monthly budget for all endpoints together (default: none)",
    )
    check.add_argument(
        "--min-requests",
        metavar="N",
        help="fewest requests needed to check an endpoint (default: 100)",
    )
    add_projecting(check)
    diff = add_action(
        actions, "diff", "compare the CPU time per request of each endpoint in two recordings"
    )
    for name in ("old", "new"):
        diff.add_argument(
            name,
            type=Path,
            metavar=name.upper(),
            help=f"the {name} recording, written by `costmon meter save`",
        )
    diff.add_argument(
        "--fail-above",
        metavar="PERCENT",
        help="exit with status 1 if the CPU time of an endpoint grew by more than PERCENT and the "
        "growth is statistically significant (default: never)",
    )
    diff.add_argument("--json", action="store_true", help=_JSON)
    save = add_action(actions, "save", "save the live figures to a file", _LIVE)
    save.add_argument("file", type=Path, metavar="FILE", help="file to write")
    _add_service(save)
    record = add_action(
        actions, "record", "start, stop or reset the recording of live figures", _LIVE
    )
    record.add_argument(
        "do",
        choices=("start", "stop", "reset"),
        help="start: begin a new recording; stop: stop recording, and keep the figures; reset: set "
        "the figures to zero",
    )
    _add_service(record)
    _add_export(
        add_action(actions, "export", "export figures to Prometheus, OpenTelemetry or FOCUS", _LIVE)
    )
    calibrate = add_action(
        actions,
        "calibrate",
        "compare this CPU with a cloud vCPU, to set --cpu-factor",
        "Without options, the comparison is with one recent vCPU, and may be wrong by a factor of "
        "two. For a better figure, run `costmon meter calibrate` on a machine of the target type, "
        "with the same Python; then run it here, with the `ns per round` that it printed there as "
        "--reference-ns.",
    )
    calibrate.add_argument(
        "--reference-ns",
        metavar="NS",
        help="`ns per round` that calibrate printed on the target machine (default: that of an AMD "
        "EPYC 9004 vCPU)",
    )
    calibrate.add_argument("--json", action="store_true", help=_JSON)


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="a recording written by `costmon meter save` (default: the live figures)",
    )
    _add_service(parser)


def _add_service(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--service",
        metavar="NAME",
        help="the application's name; required if more than one is measured",
    )


def _add_url(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url",
        metavar="URL",
        help="read the figures from a dashboard or a costmon service, for example "
        "http://localhost:7777 (default: from the files on this machine). Then only --users and "
        "--rps can be given for the projection, and the budgets of `meter check`",
    )
    add_settings(parser, "Only used with --url, for the API token of a costmon service.")


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "form",
        choices=("prometheus", "otlp", "focus"),
        help="prometheus: text format; otlp: OpenTelemetry's JSON; focus: cost rows as CSV",
    )
    _add_source(parser)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="output file (default: standard output)"
    )
    otlp = parser.add_argument_group("otlp only")
    otlp.add_argument(
        "--endpoint",
        metavar="URL",
        help="send to this collector, such as http://localhost:4318 (default: write JSON lines)",
    )
    otlp.add_argument(
        "--header-file",
        type=Path,
        metavar="FILE",
        help="HTTP headers to send, one `Name: value` per line (default: none)",
    )
    focus = parser.add_argument_group("focus only")
    focus.add_argument(
        "--bill",
        metavar="AMOUNT",
        help="billed amount for machines and traffic (default: none; then projected costs are "
        "exported as list prices, not as billed)",
    )
    focus.add_argument(
        "--currency",
        default="USD",
        metavar="CODE",
        help="currency of the bill; a label, nothing is converted (default: USD)",
    )
    focus.add_argument("--account", metavar="ID", help="the billing account (default: unknown)")
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

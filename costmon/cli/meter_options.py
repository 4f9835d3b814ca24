"""The meter's options on the command line."""

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path

from costmon.errors import InputError

_PROJECTING = (
    "provider",
    "region",
    "target_users",
    "requests_per_user_per_second",
    "budget_usd",
    "instance",
    "target_utilisation",
    "cpu_factor",
)
_MEASURING = ("service", "place", "warmup_s", "sample", "tenant_header")


def add_projecting(parser: argparse.ArgumentParser, *, recorded: bool = True) -> None:
    """Add the projection options; with `recorded`, each defaults to the value in the recording."""
    group = parser.add_argument_group(
        "projection",
        "Default of each option: the one that the application was measured with. Another "
        "--provider also resets --region and --instance to its defaults."
        if recorded
        else None,
    )

    def said(text: str, default: str) -> str:
        return text if recorded else f"{text} (default: {default})"

    group.add_argument(
        "--provider",
        metavar="NAME",
        help=said("cloud provider whose list prices are used: AWS, GCP or AZURE", "AWS"),
    )
    group.add_argument(
        "--region",
        metavar="NAME",
        help=said(
            "region of the provider; `costmon prices show` lists all", "the provider's main region"
        ),
    )
    group.add_argument(
        "--target-users",
        "--users",
        metavar="N",
        help=said("number of users to project the cost for", "1000"),
    )
    group.add_argument(
        "--requests-per-user-per-second",
        "--rps",
        metavar="X",
        help=said("requests that each user sends per second, on average", "1"),
    )
    group.add_argument(
        "--budget-usd",
        metavar="USD",
        help=said("monthly budget of each endpoint that no --budget matches", "none"),
    )
    group.add_argument(
        "--budget",
        action="append",
        metavar="GLOB=USD",
        help=said(
            "monthly budget of each matching endpoint, such as 'GET /api/*=50'; repeatable, the "
            "first match applies",
            "none",
        ),
    )
    group.add_argument(
        "--instance",
        metavar="TYPE",
        help=said("type of the machines to project with", "the cheapest that can serve the load"),
    )
    group.add_argument(
        "--target-utilisation",
        metavar="SHARE",
        help=said("share of the machines' CPU that may be in use, above 0 and at most 1", "0.6"),
    )
    group.add_argument(
        "--cpu-factor",
        metavar="X",
        help=said(
            "CPU seconds that the provider's vCPU needs for what takes one CPU second on this "
            "machine: 2 means that the vCPU is half as fast. `costmon meter calibrate` measures it",
            "1",
        ),
    )
    group.add_argument(
        "--prices",
        type=Path,
        metavar="FILE",
        help=said(
            "CSV file of your own prices, which take precedence over the built-in ones, in the "
            "format that `costmon prices import` writes",
            "none",
        ),
    )


def add_measuring(parser: argparse.ArgumentParser) -> None:
    """Add the measuring options."""
    group = parser.add_argument_group("measuring")
    group.add_argument(
        "--service",
        metavar="NAME",
        help="the application's name (default: the name that its framework knows)",
    )
    group.add_argument(
        "--place",
        metavar="NAME",
        help="where the application lives; applications with the same name in different places "
        "are different (default: the application's folder)",
    )
    group.add_argument(
        "--continue",
        dest="continue_recording",
        action="store_true",
        help="continue the recording of the previous start (default: begin a new one)",
    )
    port = group.add_mutually_exclusive_group()
    port.add_argument(
        "--port", metavar="PORT", help="port of the dashboard on 127.0.0.1 (default: 7777)"
    )
    port.add_argument("--no-dashboard", action="store_true", help="do not serve the dashboard")
    group.add_argument(
        "--warmup-s",
        type=_seconds,
        metavar="S",
        help="seconds at the start to leave out of projections (default: 30)",
    )
    group.add_argument(
        "--sample",
        metavar="K",
        help="measure CPU time of 1 in K requests (default: 1, every request)",
    )
    group.add_argument(
        "--no-follow-threads",
        action="store_true",
        help="do not attribute work in threads and thread pools to the request that started it",
    )
    group.add_argument(
        "--tenant-header",
        metavar="NAME",
        help="request header with the name of the tenant (your customer), such as X-Tenant "
        "(default: tenants are not distinguished)",
    )
    group.add_argument(
        "--tenant",
        action="append",
        metavar="NAME",
        help="a value of that header, to be reported separately; repeatable, at most 50. "
        "All other values are reported as `(other)`",
    )


def projecting(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the given projection options for the meter; JSON values only.

    Raises:
        InputError: A budget is not valid.
    """
    given = {name: _given(arguments, name) for name in _PROJECTING}
    given["budgets"] = None if arguments.budget is None else budgets_of(arguments.budget)
    # The program may run in another directory.
    given["prices"] = None if arguments.prices is None else str(arguments.prices.absolute())
    return {name: value for name, value in given.items() if value is not None}


def measuring(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the given measuring options for the meter; JSON values only."""
    given = {name: _given(arguments, name) for name in _MEASURING}
    given["port"] = arguments.port
    given["tenants"] = arguments.tenant
    found = {name: value for name, value in given.items() if value is not None}
    if arguments.no_dashboard:
        found["port"] = None
    if arguments.continue_recording:
        found["continue_recording"] = True
    if arguments.no_follow_threads:
        found["follow_threads"] = False
    return found


def budgets_of(given: list[str]) -> list[list[str]]:
    """Return pairs of glob and dollars from `GET /api/*=50`.

    Raises:
        InputError: One is not of this form.
    """
    budgets = []
    for text in given:
        glob, equals, usd = text.rpartition("=")
        if not equals or not glob.strip() or not usd.strip():
            raise InputError(
                f"--budget {text!r} is not valid: use GLOB=USD, such as 'GET /api/*=50'"
            )
        budgets.append([glob.strip(), usd.strip()])
    return budgets


def merged(kept: Mapping[str, object], given: Mapping[str, object]) -> dict[str, object]:
    """Return a recording's options, overridden by the given ones.

    Regions and instance types belong to a provider, so changing the provider resets them. Given
    budgets come before those of the recording.
    """
    left = dict(kept)
    if str(given.get("provider", kept["provider"])).upper() != kept["provider"]:
        for name in ("region", "instance"):
            left.pop(name, None)
    budgets = [*_pairs(given.get("budgets")), *_pairs(kept["budgets"])]
    return {**left, **given, "budgets": budgets}


def _pairs(budgets: object) -> Iterable[object]:
    return budgets if isinstance(budgets, list | tuple) else ()


def _given(arguments: argparse.Namespace, name: str) -> object:
    value: object = getattr(arguments, name)
    return value


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of seconds, such as 30"
        ) from None

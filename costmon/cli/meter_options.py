"""The meter's options as the command line has them."""

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
_MEASURING = ("service", "warmup_s", "sample", "tenant_header")


def add_projecting(parser: argparse.ArgumentParser) -> None:
    """Declare what costs are projected for; each defaults to the recording's own."""
    group = parser.add_argument_group("projection")
    group.add_argument("--provider", metavar="NAME", help="cloud provider: AWS, GCP or AZURE")
    group.add_argument(
        "--region", metavar="NAME", help="region (default: the provider's main region)"
    )
    group.add_argument(
        "--target-users", "--users", metavar="N", help="number of users to project costs for"
    )
    group.add_argument(
        "--requests-per-user-per-second",
        "--rps",
        metavar="X",
        help="requests per second of each user",
    )
    group.add_argument("--budget-usd", metavar="USD", help="maximum monthly cost of one endpoint")
    group.add_argument(
        "--budget",
        action="append",
        metavar="GLOB=USD",
        help="maximum monthly cost of matching endpoints, such as 'GET /api/*=50'; the first "
        "match applies",
    )
    group.add_argument(
        "--instance", metavar="TYPE", help="instance type (default: the cheapest that fits)"
    )
    group.add_argument(
        "--target-utilisation", metavar="SHARE", help="target CPU utilisation, such as 0.6"
    )
    group.add_argument(
        "--cpu-factor",
        metavar="X",
        help="speed of this CPU relative to a cloud vCPU; see `costmon meter calibrate`",
    )
    group.add_argument(
        "--prices",
        type=Path,
        metavar="FILE",
        help="CSV of your own prices, which override the shipped ones",
    )


def add_measuring(parser: argparse.ArgumentParser) -> None:
    """Declare how a program is to be measured."""
    group = parser.add_argument_group("measuring")
    group.add_argument(
        "--service", metavar="NAME", help="service name (default: the application's name)"
    )
    port = group.add_mutually_exclusive_group()
    port.add_argument("--port", metavar="PORT", help="port of the dashboard (default: 7777)")
    port.add_argument("--no-dashboard", action="store_true", help="do not serve a dashboard")
    group.add_argument(
        "--warmup-s",
        type=_seconds,
        metavar="S",
        help="seconds to ignore after the start (default: 30)",
    )
    group.add_argument("--sample", metavar="K", help="measure the CPU of one in K requests")
    group.add_argument(
        "--no-follow-threads",
        action="store_true",
        help="do not attribute the CPU of thread pools to requests",
    )
    group.add_argument("--tenant-header", metavar="NAME", help="header that names the tenant")
    group.add_argument(
        "--tenant", action="append", metavar="NAME", help="tenant to record; can be repeated"
    )


def projecting(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the options that were given, as the meter takes them; JSON values only.

    Raises:
        InputError: A budget is not valid.
    """
    given = {name: _given(arguments, name) for name in _PROJECTING}
    given["budgets"] = None if arguments.budget is None else budgets_of(arguments.budget)
    # The program may run in another directory.
    given["prices"] = None if arguments.prices is None else str(arguments.prices.absolute())
    return {name: value for name, value in given.items() if value is not None}


def measuring(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the other options that were given, as the meter takes them; JSON values only."""
    given = {name: _given(arguments, name) for name in _MEASURING}
    given["port"] = arguments.port
    given["tenants"] = arguments.tenant
    found = {name: value for name, value in given.items() if value is not None}
    if arguments.no_dashboard:
        found["port"] = None
    if arguments.no_follow_threads:
        found["follow_threads"] = False
    return found


def budgets_of(given: list[str]) -> list[list[str]]:
    """Return pairs of glob and dollars from `GET /api/*=50`.

    Raises:
        InputError: One is not valid.
    """
    budgets = []
    for text in given:
        glob, equals, usd = text.rpartition("=")
        if not equals or not glob.strip() or not usd.strip():
            raise InputError(
                f"--budget {text!r}: give a glob and dollars a month, such as 'GET /api/*=50'"
            )
        budgets.append([glob.strip(), usd.strip()])
    return budgets


def merged(kept: Mapping[str, object], given: Mapping[str, object]) -> dict[str, object]:
    """Return a recording's options with what was given in their place.

    Another provider has other regions and other instance types, so these go with it. Budgets that
    were given come before the recording's own.
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
        raise argparse.ArgumentTypeError(f"{text!r}: give seconds, such as 30") from None

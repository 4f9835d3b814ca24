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
_MEASURING = ("service", "warmup_s", "sample", "tenant_header")


def add_projecting(parser: argparse.ArgumentParser) -> None:
    """Add the projection options; each defaults to the value in the recording."""
    group = parser.add_argument_group("projection")
    group.add_argument(
        "--provider", metavar="NAME", help="AWS, GCP or AZURE (default: AWS, or as recorded)"
    )
    group.add_argument(
        "--region", metavar="NAME", help="the provider's region (default: its main region)"
    )
    group.add_argument(
        "--target-users", "--users", metavar="N", help="number of users to project for"
    )
    group.add_argument(
        "--requests-per-user-per-second",
        "--rps",
        metavar="X",
        help="requests that each user sends per second, on average",
    )
    group.add_argument("--budget-usd", metavar="USD", help="monthly budget for each endpoint")
    group.add_argument(
        "--budget",
        action="append",
        metavar="GLOB=USD",
        help="monthly budget of matching endpoints: 'GET /api/*=50'; the first match applies",
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
        help="CPU seconds on a vCPU for one on this machine; see `costmon meter calibrate`",
    )
    group.add_argument(
        "--prices", type=Path, metavar="FILE", help="file of your own prices, which take precedence"
    )


def add_measuring(parser: argparse.ArgumentParser) -> None:
    """Add the measuring options."""
    group = parser.add_argument_group("measuring")
    group.add_argument(
        "--service",
        metavar="NAME",
        help="name of the application (default: the name its framework knows)",
    )
    port = group.add_mutually_exclusive_group()
    port.add_argument("--port", metavar="PORT", help="dashboard port (default: 7777)")
    port.add_argument("--no-dashboard", action="store_true", help="do not serve the dashboard")
    group.add_argument(
        "--warmup-s",
        type=_seconds,
        metavar="S",
        help="seconds at the start to leave out of projections (default: 30)",
    )
    group.add_argument(
        "--sample", metavar="K", help="measure CPU of 1 in K requests (default: 1, every request)"
    )
    group.add_argument(
        "--no-follow-threads", action="store_true", help="do not measure work in thread pools"
    )
    group.add_argument(
        "--tenant-header", metavar="NAME", help="request header that names the tenant"
    )
    group.add_argument(
        "--tenant", action="append", metavar="NAME", help="tenant to report separately; repeatable"
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

"""`costmon meter check`: exit with 1 if an endpoint is over budget or cannot be checked."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from costmon.cli.meter_options import budgets_of
from costmon.cli.meter_report import dollars
from costmon.cli.meter_source import View, view_from
from costmon.console.text import harmless
from costmon.errors import InputError

_FEWEST = 100
_MOST = 10_000_000


class Limits(NamedTuple):
    """The budgets to check.

    Attributes:
        budgets: Dollars a month by glob; the first glob that matches an endpoint applies.
        budget_usd: Budget of endpoints that no glob matches; `None`: no budget.
        total_usd: Budget for all endpoints together; `None`: no budget.
        min_requests: An endpoint with fewer requests cannot be checked.
    """

    budgets: tuple[tuple[str, Decimal], ...]
    budget_usd: Decimal | None
    total_usd: Decimal | None
    min_requests: int


def run(arguments: argparse.Namespace) -> int:
    """Print each problem, or that everything is within budget.

    Raises:
        InputError: No budget is given, or one is not valid.
    """
    given = Limits(
        budgets=tuple(
            (glob, _usd("--budget", usd)) for glob, usd in budgets_of(arguments.budget or [])
        ),
        budget_usd=_maybe_usd("--budget-usd", arguments.budget_usd),
        total_usd=_maybe_usd("--total", arguments.total),
        min_requests=_count(arguments.min_requests),
    )
    view = view_from(arguments, judged=True)
    limits = with_own(given, view["options"])
    if not limits.budgets and limits.budget_usd is None and limits.total_usd is None:
        raise InputError(
            "no budget to check: use --budget 'GET /api/*=50', --budget-usd 50 or --total 200"
        )
    found = list(findings(view, limits))
    for finding in found:
        print(harmless(finding))
    if not found:
        projection = view["projection"]
        print(
            harmless(
                f"{view['service']}: within budget: ${dollars(projection['monthly_usd'])} a "
                f"month for {projection['target_users']:,} users"
            )
        )
    return 1 if found else 0


def with_own(given: Limits, options: Mapping[str, Any]) -> Limits:
    """Return the limits with the application's budgets after those of the command line."""
    own = tuple((glob, Decimal(usd)) for glob, usd in options["budgets"])
    general = given.budget_usd
    if general is None and Decimal(options["budget_usd"]):
        general = Decimal(options["budget_usd"])
    return given._replace(
        budgets=(*given.budgets, *(pair for pair in own if pair not in given.budgets)),
        budget_usd=general or None,
    )


def findings(view: View, limits: Limits) -> Iterator[str]:
    """Yield what is over budget and what cannot be checked; both are failures."""
    from costmon.meter.projection.budgets import fits

    projection = view["projection"]
    if projection is None:
        yield f"{view['service']} cannot be checked: {view['unprojected']['text']}"
        return
    total, limit = Decimal(projection["monthly_usd"]), limits.total_usd
    if limit is not None and total > limit:
        yield f"all endpoints together: ${dollars(total)} a month, over ${dollars(limit)}"
    routes: Sequence[Mapping[str, Any]] = projection["routes"]
    for glob, usd in limits.budgets:
        if usd and not any(fits(glob, route["method"], route["route"]) for route in routes):
            yield f"{glob} cannot be checked: no measured endpoint matches it"
    for route in routes:
        yield from _judged(route, limits)


def _judged(route: Mapping[str, Any], limits: Limits) -> Iterator[str]:
    from costmon.meter.projection.budgets import fits

    fitting = [usd for glob, usd in limits.budgets if fits(glob, route["method"], route["route"])]
    # A budget of 0 exempts the matching endpoints.
    budget = fitting[0] if fitting else limits.budget_usd
    if not budget:
        return
    name, monthly = f"{route['method']} {route['route']}", Decimal(route["monthly_usd"])
    if route["requests"] < limits.min_requests:
        yield (
            f"{name} cannot be checked: {route['requests']} requests, at least "
            f"{limits.min_requests} are needed; send more, or lower --min-requests"
        )
    elif monthly > budget:
        low, high = route["monthly_low_usd"], route["monthly_high_usd"]
        between = "" if low is None else f" (95 %: ${dollars(low)} to ${dollars(high)})"
        yield f"{name}: ${dollars(monthly)} a month{between}, over ${dollars(budget)}"


def _maybe_usd(option: str, text: str | None) -> Decimal | None:
    return None if text is None else _usd(option, text)


def _usd(option: str, text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise InputError(f"{option} {text!r} is not valid: use dollars a month, such as 50")
    return amount


def _count(text: str | None) -> int:
    if text is None:
        return _FEWEST
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MOST:
        raise InputError(
            f"--min-requests {text!r} is not valid: use a whole number from 1 to {_MOST}"
        )
    return int(text)

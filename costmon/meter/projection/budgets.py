"""Find the budget of a route."""

from decimal import Decimal
from fnmatch import fnmatchcase

from costmon.meter.options import Options


def fits(pattern: str, method: str, route: str) -> bool:
    """Return whether a glob such as `GET /api/*` or `/api/*` matches a route.

    A pattern equal to the route always matches, even if it contains `[` or `*`.
    """
    word, space, rest = pattern.strip().partition(" ")
    wanted = f"{word.upper()} {rest.strip()}" if space else word
    return any(name == wanted or fnmatchcase(name, wanted) for name in (route, f"{method} {route}"))


def budget_of(options: Options, method: str, route: str) -> Decimal | None:
    """Return the monthly budget of a route in dollars; `None`: no budget.

    The first pattern that matches decides; its value 0 means no budget.
    """
    for pattern, budget_usd in options.budgets:
        if fits(pattern, method, route):
            return budget_usd or None
    return options.budget_usd or None

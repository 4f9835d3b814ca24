"""Find the budget of a route."""

from decimal import Decimal
from fnmatch import fnmatchcase

from costmon.meter.options import Options


def fits(pattern: str, method: str, route: str) -> bool:
    """Tell whether a glob such as `GET /api/*` or `/api/*` means a route.

    A pattern that is the route itself always does, whatever `[` and `*` are in it.
    """
    word, space, rest = pattern.strip().partition(" ")
    wanted = f"{word.upper()} {rest.strip()}" if space else word
    return any(name == wanted or fnmatchcase(name, wanted) for name in (route, f"{method} {route}"))


def budget_of(options: Options, method: str, route: str) -> Decimal | None:
    """Return the dollars a month that a route may cost; `None`: as many as it likes.

    The first pattern that fits decides, also when it says 0: that route has no budget.
    """
    for pattern, budget_usd in options.budgets:
        if fits(pattern, method, route):
            return budget_usd or None
    return options.budget_usd or None

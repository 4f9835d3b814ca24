"""Read the `[[budget]]` tables: what guards may let be spent, and caps on the bill."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeVar

from costmon.config.tables import TableReader, shown
from costmon.domain.amount import amount_of, currency_of
from costmon.domain.budget import Budget, Thresholds
from costmon.domain.cap import DEFAULT_LEVELS, Cap
from costmon.domain.scope import scope_of
from costmon.domain.window import period_of
from costmon.errors import AmountError, InputError, ScopeError

T = TypeVar("T")

BUDGET_KEYS = ("scope", "limit", "period", "currency", "warn", "block", "levels", "enforce")
DEFAULT_CURRENCY = "USD"
DEFAULT_PERIOD = "month"
_MOST_LEVELS = 10
_HIGHEST_LEVEL = 1000


def read_caps(read: TableReader, tables: object) -> tuple[Cap, ...]:
    """Return the budgets that are right, in their order; every one that is not is a fault."""
    found: dict[tuple[str, str], Cap] = {}
    for number, table in enumerate(read.listed("budget", tables)):
        where = f"budget[{number}]"
        cap = _cap(read, where, table)
        if cap is None:
            continue
        budget = cap.budget
        if (budget.scope, budget.period) in found:
            read.refuse(
                where,
                f"{budget.scope} ({budget.period})",
                "one budget for each scope and period; remove this duplicate",
            )
        found[budget.scope, budget.period] = cap
    return tuple(found.values())


def read_levels(
    read: TableReader, where: str, table: Mapping[str, object]
) -> tuple[Decimal, ...] | None:
    """Return the levels of a budget or quota; `None`, and a fault, when they are not right."""
    given = table.get("levels", list(DEFAULT_LEVELS))
    accepted = f"1 to {_MOST_LEVELS} numbers above 0, up to {_HIGHEST_LEVEL}: [50, 80, 100]"
    listed = given if isinstance(given, list) else []
    numbers = [
        Decimal(level)
        for level in listed
        if isinstance(level, int | Decimal) and not isinstance(level, bool)
    ]
    right = [level for level in numbers if level.is_finite() and 0 < level <= _HIGHEST_LEVEL]
    if not 0 < len(right) == len(listed) <= _MOST_LEVELS:
        read.refuse(f"{where}.levels", shown(given), accepted)
        return None
    return tuple(sorted(set(right)))


def _cap(read: TableReader, where: str, table: Mapping[str, object]) -> Cap | None:
    before = len(read.faults)
    read.known_keys(where, table, BUDGET_KEYS, "key of [[budget]]")
    scope = checked(read, where, table, "scope", pattern)
    limit = checked(read, where, table, "limit", _amount)
    period = checked(read, where, table, "period", period_of, default=DEFAULT_PERIOD)
    currency = checked(read, where, table, "currency", currency_of, default=DEFAULT_CURRENCY)
    warn = checked(read, where, table, "warn", _warn, default=None)
    block = checked(read, where, table, "block", _block, default=None)
    levels = read_levels(read, where, table)
    enforce = table.get("enforce", True)
    if not isinstance(enforce, bool):
        read.refuse(f"{where}.enforce", shown(enforce), "true or false")
    if len(read.faults) > before or scope is None or limit is None or period is None:
        return None
    thresholds = None
    if warn is not None or block is not None:
        # The one that is not given is the guard's default.
        thresholds = Thresholds(*(() if warn is None else (warn,)))
        if block is not None:
            thresholds = Thresholds(thresholds.warn, block)
    budget = Budget(scope, limit, period, currency, thresholds)
    return Cap(budget, levels or DEFAULT_LEVELS, enforce=bool(enforce))


def checked(
    read: TableReader,
    where: str,
    table: Mapping[str, object],
    key: str,
    check: Callable[[object], T],
    **default: T | str | None,
) -> T | None:
    """Return a checked value or its default; `None` if it has neither, which may be a fault."""
    if key not in table and "default" in default:
        given: object = default["default"]
        return None if given is None else check(given)
    value = table.get(key)
    if value is None:
        read.refuse(f"{where}.{key}", "", "is required")
        return None
    try:
        return check(value)
    except (AmountError, ScopeError) as error:
        read.refuse(f"{where}.{key}", shown(value), error.accepted)
        return None
    except InputError as error:
        read.refuse(f"{where}.{key}", shown(value), str(error))
        return None


def pattern(value: object) -> str:
    """Return the canonical form of a scope, which may be a pattern.

    Raises:
        ScopeError: It is not a valid scope.
    """
    return scope_of(value, pattern=True)


def _amount(value: object) -> Decimal:
    return amount_of(value)  # type: ignore[arg-type]  # it refuses anything but an amount


def _warn(value: object) -> Decimal:
    return Thresholds(warn=value).warn  # type: ignore[arg-type]  # it refuses anything but a number


def _block(value: object) -> Decimal:
    return Thresholds(block=value).block  # type: ignore[arg-type]  # it refuses anything but a number

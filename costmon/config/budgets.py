"""Read the `[[budget]]` tables: what guards may let be spent."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeVar

from costmon.config.tables import TableReader, shown
from costmon.domain.amount import amount_of, currency_of
from costmon.domain.budget import Budget, Thresholds
from costmon.domain.scope import scope_of
from costmon.domain.window import period_of
from costmon.errors import AmountError, InputError, ScopeError

T = TypeVar("T")

BUDGET_KEYS = ("scope", "limit", "period", "currency", "warn", "block")
DEFAULT_CURRENCY = "USD"
DEFAULT_PERIOD = "month"


def read_budgets(read: TableReader, tables: object) -> tuple[Budget, ...]:
    """Return the budgets that are right, in their order; every one that is not is a fault."""
    found: dict[tuple[str, str], Budget] = {}
    for number, table in enumerate(read.listed("budget", tables)):
        where = f"budget[{number}]"
        budget = _budget(read, where, table)
        if budget is None:
            continue
        if (budget.scope, budget.period) in found:
            read.refuse(
                where,
                f"{budget.scope} ({budget.period})",
                "one budget for each scope and period; remove this duplicate",
            )
        found[budget.scope, budget.period] = budget
    return tuple(found.values())


def _budget(read: TableReader, where: str, table: Mapping[str, object]) -> Budget | None:
    before = len(read.faults)
    read.known_keys(where, table, BUDGET_KEYS, "key of [[budget]]")
    scope = _checked(read, where, table, "scope", _pattern)
    limit = _checked(read, where, table, "limit", _amount)
    period = _checked(read, where, table, "period", period_of, default=DEFAULT_PERIOD)
    currency = _checked(read, where, table, "currency", currency_of, default=DEFAULT_CURRENCY)
    warn = _checked(read, where, table, "warn", _warn, default=None)
    block = _checked(read, where, table, "block", _block, default=None)
    if len(read.faults) > before or scope is None or limit is None or period is None:
        return None
    levels = None
    if warn is not None or block is not None:
        # The one that is not given is what guards go by without either.
        levels = Thresholds(*(() if warn is None else (warn,)))
        if block is not None:
            levels = Thresholds(levels.warn, block)
    return Budget(scope, limit, period, currency, levels)


def _checked(
    read: TableReader,
    where: str,
    table: Mapping[str, object],
    key: str,
    check: Callable[[object], T],
    **default: T | str | None,
) -> T | None:
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


def _pattern(value: object) -> str:
    return scope_of(value, pattern=True)


def _amount(value: object) -> Decimal:
    return amount_of(value)  # type: ignore[arg-type]  # it refuses anything but an amount


def _warn(value: object) -> Decimal:
    return Thresholds(warn=value).warn  # type: ignore[arg-type]  # it refuses anything but a number


def _block(value: object) -> Decimal:
    return Thresholds(block=value).block  # type: ignore[arg-type]  # it refuses anything but a number

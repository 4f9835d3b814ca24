"""A limit on what may be spent in a period."""

from decimal import Decimal
from typing import NamedTuple, Self

from costmon.domain.amount import Amount, amount_of, currency_of, nano_even
from costmon.domain.scope import scope_of
from costmon.domain.window import period_of
from costmon.errors import AmountError, BudgetError

_HUNDRED = 100


class _Thresholds(NamedTuple):
    warn: Decimal
    block: Decimal


class Thresholds(_Thresholds):
    """At how many per cent of a limit people are told, and at how many calls are refused.

    Attributes:
        warn: More than 0, at most 100; above `block` it is never reached.
        block: More than 0, at most 100.

    Raises:
        BudgetError: A figure is out of its range.
    """

    __slots__ = ()

    def __new__(cls, warn: Amount = 80, block: Amount = 100) -> Self:
        """Check the two figures."""
        return super().__new__(cls, _percent("warn", warn), _percent("block", block))


def _percent(name: str, given: Amount) -> Decimal:
    try:
        percent = amount_of(given)
    except AmountError:
        percent = Decimal()
    if not 0 < percent <= _HUNDRED:
        raise BudgetError(
            f"{name}={given!r}: give a percentage of the limit, above 0 and at most 100"
        )
    return percent


class _Budget(NamedTuple):
    scope: str
    limit: Decimal
    period: str
    currency: str | None
    levels: Thresholds | None


class Budget(_Budget):
    """A limit for one scope, or for each scope of a pattern, in each period.

    Attributes:
        scope: In canonical form; a pattern such as `host:*` is the default for each host that no
            other budget of the same period names more closely.
        limit: Major units, at least 0: 0 lets nothing that costs something pass.
        period: `hour`, `day`, `month`, `total` or `rolling:24h`.
        currency: ISO 4217; `None`: that of the guard that enforces it.
        levels: When to warn and to refuse; `None`: those of the guard that enforces it.

    Raises:
        ScopeError, AmountError, BudgetError: What was given is not usable.
    """

    __slots__ = ()

    def __new__(
        cls,
        scope: str,
        limit: Amount,
        period: str = "month",
        currency: str | None = None,
        levels: Thresholds | None = None,
    ) -> Self:
        """Check all values and convert them to canonical form."""
        return super().__new__(
            cls,
            scope_of(scope, pattern=True),
            amount_of(limit),
            period_of(period),
            None if currency is None else currency_of(currency),
            levels,
        )

    @property
    def usable(self) -> Decimal:
        """Return what may be spent before calls are refused: the limit, or its block level."""
        return self.limit if self.levels is None else self.limit * self.levels.block / 100

    @property
    def limit_nano(self) -> int:
        """Return the limit in nano-units."""
        return nano_even(self.limit)

"""Turn budgets, tiers and circuits into the plan of limits for a chain of scopes."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from costmon.domain.budget import Budget, Thresholds
from costmon.domain.circuit import Circuit
from costmon.domain.scope import GLOBAL, covers
from costmon.domain.vendor_hosts import provider_of
from costmon.domain.window import window_at
from costmon.errors import BudgetError
from costmon.guard.config import LIMITED_SHARE, ScopeConfig
from costmon.guard.errors import CallRefused, CircuitRefused, TierRefused
from costmon.guard.stores.base import Line, Plan

CALLS = "calls/"
"""Prefix of the period of a counter that counts calls, not money."""

RATE_PERIOD = "rolling:60s"
DEFAULT_PERIOD = "month"
"""Period of figures of a scope without a budget, and of a scope's custom budget."""

_HOUR_S = 3600
_HUNDRED = 100
_NEVER = float("inf")


class Limit(NamedTuple):
    """What one scope may spend in one period.

    Attributes:
        period: In canonical form.
        nominal: The budget's limit or the scope's custom budget, nano-units; `None`: no budget.
        effective: The limit after block threshold and tier; `None`: nothing is refused.
        warn: Amount from which users are warned; `None`: never.
    """

    period: str
    nominal: int | None
    effective: int | None
    warn: int | None


class Route:
    """A plan, and when it is valid; immutable. Slots are read three times faster than a tuple's.

    Attributes:
        plan: The counters and limits.
        since: First second, since 1970, that it is valid for.
        until: First second after it.
        obstacle: Returns the refusal of any call at a time, seconds since 1970; `None`: calls are
            allowed.
        premium: Whether its calls go first when calls wait.
    """

    __slots__ = ("obstacle", "plan", "premium", "since", "until")

    def __init__(
        self,
        *,
        plan: Plan,
        since: float,
        until: float,
        obstacle: Callable[[float], CallRefused] | None,
        premium: bool,
    ) -> None:
        self.plan = plan
        self.since = since
        self.until = until
        self.obstacle = obstacle
        self.premium = premium


class Rules(NamedTuple):
    """All budgets, settings and circuits in force, from all sources; immutable.

    Attributes:
        revision: Of the store's settings.
        budgets: By (scope or pattern, period), after all sources were merged.
        thresholds: Of budgets without thresholds of their own.
        configs: By scope.
        circuits: Those that are not closed.
        zone: Where calendar days and months begin.
        counted: Further counters, by (scope or pattern, period): those of budgets of other guards
            on the store, which must include what this one spends, and those of removed budgets.
    """

    revision: int
    budgets: Mapping[tuple[str, str], Budget]
    thresholds: Thresholds
    configs: Mapping[str, ScopeConfig]
    circuits: tuple[Circuit, ...]
    zone: dt.tzinfo
    counted: tuple[tuple[str, str], ...] = ()

    def limits(self, scope: str) -> tuple[Limit, ...]:
        """Return the limits of a scope's counters: those with a limit, then those without."""
        config = self.configs.get(scope)
        found = self._budgets_of(scope)
        if config is not None and config.custom_budget is not None:
            periods = list(found) or [DEFAULT_PERIOD]
            found = {period: Budget(scope, config.custom_budget, period) for period in periods}
        limits = [self._limit(budget, config) for budget in found.values()]
        counted = dict.fromkeys(
            period
            for pattern, period in self.counted
            if period not in found and covers(pattern, scope)
        )
        return (*limits, *(_unlimited(period) for period in counted))

    def figures(self, scope: str) -> tuple[Limit, ...]:
        """Return what is shown for a scope, at least one entry: the month if it has no budget."""
        limits = self.limits(scope)
        if limits and limits[0].nominal is not None:
            return limits
        others = (limit for limit in limits if limit.period != DEFAULT_PERIOD)
        return (_unlimited(DEFAULT_PERIOD), *others)

    def counters(self) -> set[tuple[str, str]]:
        """Return every (scope or pattern, period) that a plan of these rules may have a line for.

        Other guards on the store must know them before such a plan is used: a counter is correct
        only if every guard uses it.
        """
        own = {
            (config.scope, DEFAULT_PERIOD)
            for config in self.configs.values()
            if config.custom_budget is not None
        }
        return {*self.budgets, *self.counted, *own}

    def _budgets_of(self, scope: str) -> dict[str, Budget]:
        best: dict[str, tuple[int, Budget]] = {}
        for (pattern, period), budget in self.budgets.items():
            closeness = covers(pattern, scope)
            if closeness and closeness > best.get(period, (0, None))[0]:
                best[period] = (closeness, budget)
        return {period: budget for period, (_, budget) in best.items()}

    def _limit(self, budget: Budget, config: ScopeConfig | None) -> Limit:
        levels = budget.levels or self.thresholds
        nominal = budget.limit_nano
        share = LIMITED_SHARE if config is not None and config.tier == "limited" else Decimal(1)
        return Limit(
            period=budget.period,
            nominal=nominal,
            effective=int(nominal * share * levels.block / _HUNDRED),
            warn=int(nominal * share * levels.warn / _HUNDRED),
        )

    def chain(self, scopes: Iterable[str]) -> tuple[str, ...]:
        """Return the scopes without duplicates, with `global` and the vendors of known hosts."""
        chain = dict.fromkeys(scopes)
        for scope in tuple(chain):
            if scope.startswith("host:") and (slug := provider_of(scope[5:])) is not None:
                chain[f"provider:{slug}"] = None
        chain[GLOBAL] = None
        return tuple(chain)

    def route(self, scopes: Iterable[str], activity: str, epoch_s: float) -> Route:
        """Return the route of a call of these scopes (in canonical form) at a time."""
        chain = self.chain(scopes)
        configs = [self.configs[scope] for scope in chain if scope in self.configs]
        premium = any(config.tier == "premium" for config in configs)
        lines: list[Line] = []
        hour = int(epoch_s // _HOUR_S) * _HOUR_S
        since: float = hour
        until: float = hour + _HOUR_S
        for scope in chain:
            for limit in self.limits(scope):
                window = window_at(limit.period, epoch_s, self.zone)
                since, until = max(since, window.valid_from), min(until, window.valid_until)
                lines.append(
                    Line(
                        scope=scope,
                        period=limit.period,
                        bucket=window.bucket,
                        first=window.first,
                        last=window.last,
                        limit=None if premium else limit.effective,
                        warn=limit.warn,
                        fixed=None,
                        resets_at=window.resets_at,
                    )
                )
        for config in configs:
            if config.rate is not None:
                window = window_at(RATE_PERIOD, epoch_s, self.zone)
                since, until = max(since, window.valid_from), min(until, window.valid_until)
                lines.append(
                    Line(
                        scope=config.scope,
                        period=CALLS + RATE_PERIOD,
                        bucket=window.bucket,
                        first=window.first,
                        last=window.last,
                        limit=config.rate,
                        warn=None,
                        fixed=1,
                        resets_at=window.resets_at,
                    )
                )
        obstacle, closes_at = self._obstacle(chain, configs, epoch_s)
        return Route(
            plan=Plan(tuple(lines), chain, activity, hour, self.revision),
            # As they are compared with the time of every call: with integers that takes longer.
            since=float(since),
            until=float(min(until, closes_at)),
            obstacle=obstacle,
            premium=premium,
        )

    def renewed(self, plan: Plan, epoch_s: float) -> Plan:
        """Convert a plan of older rules to these rules.

        Lines that it had keep their windows; new lines count as late in the plan's hour as
        possible.
        """
        late_s = min(epoch_s, plan.hour + _HOUR_S - 1)
        known = {(line.scope, line.period): line for line in plan.lines}
        lines = self.route(plan.scopes, plan.activity, late_s).plan.lines
        return Plan(
            tuple(known.get((line.scope, line.period), line) for line in lines),
            plan.scopes,
            plan.activity,
            plan.hour,
            self.revision,
        )

    def line(self, scope: str, period: str | None, epoch_s: float) -> tuple[Line, Limit]:
        """Return one counter of a scope, for reading it.

        Args:
            scope: In canonical form.
            period: In canonical form; `None`: that of the scope's first budget, or `month`.
            epoch_s: Seconds since 1970.
        """
        limits = self.figures(scope)
        wanted = period or limits[0].period
        limit = next((one for one in limits if one.period == wanted), _unlimited(wanted))
        window = window_at(limit.period, epoch_s, self.zone)
        return (
            Line(
                scope=scope,
                period=limit.period,
                bucket=window.bucket,
                first=window.first,
                last=window.last,
                limit=limit.effective,
                warn=limit.warn,
                fixed=None,
                resets_at=window.resets_at,
            ),
            limit,
        )

    def _obstacle(
        self, chain: tuple[str, ...], configs: Iterable[ScopeConfig], epoch_s: float
    ) -> tuple[Callable[[float], CallRefused] | None, float]:
        """Return what forbids calls, if anything, and until when this answer is valid."""
        for config in configs:
            if config.tier == "blocked":
                return _tier_refusal(config.scope), _NEVER
        for circuit in self.circuits:
            at_s = _NEVER if circuit.expires_at is None else circuit.expires_at.timestamp()
            scope = next((scope for scope in chain if covers(circuit.scope, scope)), None)
            if scope is not None and circuit.state == "open" and epoch_s < at_s:
                return _circuit_refusal(scope, circuit, at_s), at_s
        return None, _NEVER


def _unlimited(period: str) -> Limit:
    """Return the limit that applies without a budget."""
    return Limit(period, None, None, None)


def _tier_refusal(scope: str) -> Callable[[float], CallRefused]:
    return lambda _: TierRefused(scope)


def _circuit_refusal(
    scope: str, circuit: Circuit, closes_s: float
) -> Callable[[float], CallRefused]:
    def refuse(epoch_s: float) -> CallRefused:
        return CircuitRefused(scope, circuit, None if closes_s == _NEVER else closes_s - epoch_s)

    return refuse


def budget_text(budget: Budget) -> str:
    """Return a budget as JSON, for the store's settings."""
    import json

    levels = budget.levels
    return json.dumps(
        {
            "scope": budget.scope,
            "limit": str(budget.limit),
            "period": budget.period,
            "warn": None if levels is None else str(levels.warn),
            "block": None if levels is None else str(levels.block),
        }
    )


def budget_from(text: str) -> Budget | None:
    """Parse what `budget_text` wrote; `None` for a removed budget.

    Raises:
        BudgetError: The text is not valid.
    """
    import json

    try:
        read = json.loads(text)
        if read.get("removed"):
            return None
        levels = None
        if read["warn"] is not None:
            levels = Thresholds(read["warn"], read["block"])
        return Budget(read["scope"], read["limit"], read["period"], levels=levels)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BudgetError(f"{text[:60]!r} is not a valid budget: {error!r}") from error

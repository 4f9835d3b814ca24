"""Read the `[[rule]]` tables: what an hour and a day may cost, and what opens a circuit."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from costmon.config import parsers
from costmon.config.budgets import checked
from costmon.config.parsers import Refused
from costmon.config.tables import TableReader, shown
from costmon.domain.amount import amount_of, currency_of
from costmon.domain.rule import (
    DEFAULT_SPIKE_MULTIPLIER,
    DEFAULT_THRESHOLD_MULTIPLIER,
    Breaker,
    FindingSeverity,
    Rule,
)
from costmon.domain.scope import METERED_KINDS, scope_of
from costmon.errors import InputError

RULE_KEYS = ("scope", "hourly", "daily", "currency", "spike_multiplier", "breaker", "cooldown")
BREAKER_KEYS = ("enabled", "threshold_multiplier", "on_budget", "on_finding", "open_for")
_SEVERITIES: Mapping[str, FindingSeverity] = {"warning": "warning", "critical": "critical"}
DEFAULT_COOLDOWN = "30m"
DEFAULT_OPEN_FOR = "1h"
_HIGHEST_MULTIPLIER = 1000
_COOLDOWN = parsers.duration(0, 30 * 86_400)
_OPEN_FOR = parsers.duration(1, 86_400)


def read_rules(read: TableReader, tables: object) -> tuple[Rule, ...]:
    """Return the rules that are right, in their order; every one that is not is a fault.

    A rule may name a provider that is not read: it is kept.
    """
    found: dict[str, Rule] = {}
    for number, table in enumerate(read.listed("rule", tables)):
        where = f"rule[{number}]"
        rule = _rule(read, where, table)
        if rule is None:
            continue
        if rule.scope in found:
            read.refuse(where, rule.scope, "one rule for each scope; remove this duplicate")
        found[rule.scope] = rule
    return tuple(found.values())


def _rule(read: TableReader, where: str, table: Mapping[str, object]) -> Rule | None:
    before = len(read.faults)
    read.known_keys(where, table, RULE_KEYS, "key of [[rule]]")
    scope = checked(read, where, table, "scope", _scope)
    hourly = checked(read, where, table, "hourly", _limit, default=None)
    daily = checked(read, where, table, "daily", _limit, default=None)
    currency = checked(read, where, table, "currency", currency_of, default="USD")
    spike = checked(
        read, where, table, "spike_multiplier", _multiplier, default=DEFAULT_SPIKE_MULTIPLIER
    )
    cooldown_s = checked(read, where, table, "cooldown", _cooldown, default=DEFAULT_COOLDOWN)
    breaker = _breaker(read, f"{where}.breaker", table.get("breaker", {}))
    if len(read.faults) > before:
        return None
    rule = Rule(
        scope=scope or "",
        hourly=hourly,
        daily=daily,
        spike_multiplier=spike or DEFAULT_SPIKE_MULTIPLIER,
        cooldown_s=cooldown_s or 0.0,
        breaker=breaker,
        currency=currency or "USD",
    )
    if breaker.enabled and rule.scope.startswith(METERED_KINDS):
        read.refuse(
            f"{where}.breaker.enabled",
            "true",
            "false for what meters report: no guard obeys the circuit of an app or an endpoint",
        )
        return None
    if breaker.enabled and not (breaker.on_budget or breaker.on_finding) and _is_idle(rule):
        read.refuse(
            f"{where}.breaker.enabled",
            "true",
            "an hourly or daily amount beside it (this scope has no default), or on_budget, or "
            "on_finding: otherwise it never opens the circuit",
        )
        return None
    return rule


def _scope(value: object) -> str:
    return scope_of(value, pattern=True, metered=True)


def _is_idle(rule: Rule) -> bool:
    """Tell whether no scope that a rule covers has a limit."""
    limited = rule.for_scope(rule.scope)
    return rule.scope != "provider:*" and limited.hourly is None and limited.daily is None


def _breaker(read: TableReader, where: str, value: object) -> Breaker:
    table = read.table(where, value)
    read.known_keys(where, table, BREAKER_KEYS, "key of a rule's breaker")
    multiplier = checked(
        read,
        where,
        table,
        "threshold_multiplier",
        _multiplier,
        default=DEFAULT_THRESHOLD_MULTIPLIER,
    )
    open_s = checked(read, where, table, "open_for", _open_for, default=DEFAULT_OPEN_FOR)
    severity = table.get("on_finding")
    if severity is not None and str(severity) not in _SEVERITIES:
        read.refuse(f"{where}.on_finding", shown(severity), f"one of {', '.join(_SEVERITIES)}")
    return Breaker(
        enabled=_flag(read, where, table, "enabled"),
        threshold_multiplier=multiplier or DEFAULT_THRESHOLD_MULTIPLIER,
        on_budget=_flag(read, where, table, "on_budget"),
        on_finding=_SEVERITIES.get(str(severity)),
        open_s=open_s or 0.0,
    )


def _flag(read: TableReader, where: str, table: Mapping[str, object], key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        read.refuse(f"{where}.{key}", shown(value), "true or false")
    return value is True


def _cooldown(value: object) -> float:
    return _duration(value, _COOLDOWN)


def _open_for(value: object) -> float:
    return _duration(value, _OPEN_FOR)


def _duration(value: object, parse: Callable[[str], float]) -> float:
    try:
        return parse("" if isinstance(value, bool) else str(value))
    except Refused as refused:
        raise InputError(str(refused)) from None


def _limit(value: object) -> Decimal:
    limit = amount_of(value)  # type: ignore[arg-type]  # it refuses anything but an amount
    if limit == 0:
        raise InputError("an amount above 0")
    return limit


def _multiplier(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise InputError("a number such as 3.0")
    number = Decimal(value)
    if not number.is_finite() or not 1 <= number <= _HIGHEST_MULTIPLIER:
        msg = f"a number from 1 to {_HIGHEST_MULTIPLIER}"
        raise InputError(msg)
    return number

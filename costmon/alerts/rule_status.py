"""The status of each rule in one word."""

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from costmon.alerts.rules import Standing
from costmon.domain.rule import Rule, rule_for
from costmon.state.freshness import reading_state, trouble
from costmon.state.value import AccountState

Status = Literal["ok", "warning", "exceeded", "blind", "not collected"]

_WARNING_SHARE = Decimal("0.8")


class RuleStatus(NamedTuple):
    """How the scope of a rule stands.

    Attributes:
        rule: The rule, with its limits.
        scope: Of the amounts; of a pattern each scope has a status.
        status: `warning`: more than 80 percent of a limit; `exceeded`: more than a limit, or a
            spike; `blind`: it is not known; `not collected`: nothing reads it.
        reason: Why it is not known or not collected; else `None`.
        standing: The figures; `None` while there are none.
    """

    rule: Rule
    scope: str
    status: Status
    reason: str | None
    standing: Standing | None


def rule_statuses(
    rules: Sequence[Rule],
    accounts: Sequence[AccountState],
    standings: Iterable[Standing],
    now: dt.datetime,
) -> tuple[RuleStatus, ...]:
    """Return the status of each rule, by scope.

    Args:
        rules: All there are.
        accounts: How reading each account goes.
        standings: How the scopes stand of which there are amounts.
        now: Aware UTC.
    """
    known = {one.scope: one for one in standings}
    scopes = {rule.scope for rule in rules if "*" not in rule.scope} | set(known)
    scopes |= {f"provider:{one.provider}" for one in accounts}
    scopes |= {f"account:{one.name}" for one in accounts}
    found = ((scope, rule_for(scope, rules)) for scope in sorted(scopes))
    return tuple(
        _status(rule, scope, accounts, known.get(scope), now)
        for scope, rule in found
        if rule is not None
    )


def _status(
    rule: Rule,
    scope: str,
    accounts: Sequence[AccountState],
    standing: Standing | None,
    now: dt.datetime,
) -> RuleStatus:
    kind, _, value = scope.partition(":")
    asked = [
        one
        for one in accounts
        if one.off_because is None
        and (kind != "provider" or one.provider == value)
        and (kind != "account" or one.name == value)
    ]
    # Guards and meters tell of scopes that no account has.
    if not asked and standing is None and kind in {"provider", "account"}:
        return RuleStatus(rule, scope, "not collected", f"no {kind} {value} is read", None)
    if standing is not None and standing.exceeded:
        return RuleStatus(rule, scope, "exceeded", None, standing)
    if asked and not any(_is_read(one, now) for one in asked):
        stale = trouble(asked[0], now)
        return RuleStatus(rule, scope, "blind", stale.reason if stale else None, standing)
    if standing is None:
        return RuleStatus(rule, scope, "blind", "no amount has been read yet", None)
    return RuleStatus(rule, scope, _word(standing), None, standing)


def _is_read(account: AccountState, now: dt.datetime) -> bool:
    return any(reading_state(account, kind, now) == "up" for kind in account.readings)


def _word(standing: Standing) -> Status:
    spent = ((standing.hourly, standing.rule.hourly), (standing.daily, standing.rule.daily))
    known = [(amount, limit) for amount, limit in spent if amount is not None and limit is not None]
    if any(amount > limit * _WARNING_SHARE for amount, limit in known):
        return "warning"
    return "ok"

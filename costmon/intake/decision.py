"""Turn decisions of people into commands, checked before they are passed on."""

import datetime as dt
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from costmon.domain.amount import amount_of, currency_of
from costmon.domain.budget import Budget, Thresholds
from costmon.domain.circuit import CircuitState
from costmon.domain.scope import LONGEST, scope_of
from costmon.domain.window import period_of
from costmon.errors import InputError
from costmon.intake.wording import NAME_CHARACTERS, REASON_CHARACTERS, wording
from costmon.messages import (
    AcknowledgeAlert,
    CloseCircuit,
    OpenCircuit,
    RemoveBudget,
    SetBudget,
    SnoozeAlert,
)

LONGEST_OPEN_S = 366 * 86_400
"""Seconds until which an open circuit may end by itself."""

LONGEST_SNOOZE_S = 30 * 86_400
"""Seconds for which an alert may be snoozed."""

CURRENCY = "USD"
"""Of a budget that names none."""

_AMOUNT_CHARACTERS = 40
_LEAST_EXPONENT = -9

Made = TypeVar("Made")


def circuit_command(
    *,
    scope: str,
    state: CircuitState,
    reason: str,
    author: str,
    expires_in_s: int | None,
    now: dt.datetime,
) -> OpenCircuit | CloseCircuit:
    """Return the command that opens or closes a circuit.

    Args:
        scope: May be a pattern.
        state: What it shall be.
        reason: Why, for people.
        author: Who wants it.
        expires_in_s: After how long an open one closes by itself; `None`: never.
        now: Aware UTC.

    Raises:
        InputError: Something is not accepted; the text begins with its name.
    """
    scope = scope_field(scope)
    reason = _field("reason", wording, reason, REASON_CHARACTERS)
    author = _field("author", wording, author, NAME_CHARACTERS)
    if expires_in_s is not None and not 1 <= expires_in_s <= LONGEST_OPEN_S:
        raise InputError(
            f"expires_in_s: {expires_in_s} is not valid: give 1 to {LONGEST_OPEN_S} seconds"
        )
    name = uuid.uuid4().hex
    if state == "closed":
        if expires_in_s is not None:
            raise InputError("expires_in_s: only an open circuit can expire; omit it")
        return CloseCircuit(id=name, scope=scope, reason=reason, author=author)
    expires_at = None if expires_in_s is None else now + dt.timedelta(seconds=expires_in_s)
    return OpenCircuit(id=name, scope=scope, reason=reason, author=author, expires_at=expires_at)


def budget_command(
    *,
    scope: str,
    limit: str,
    period: str,
    currency: str | None,
    warn: str | None,
    block: str | None,
    author: str,
) -> SetBudget:
    """Return the command that sets a budget.

    Args:
        scope: May be a pattern.
        limit: Major units, at least 0.
        period: `hour`, `day`, `month`, `total` or `rolling:24h`.
        currency: ISO 4217; `None`: `CURRENCY`.
        warn: Per cent of the limit; `None`: the guard's own, unless `block` is given.
        block: Per cent of the limit; `None`: the guard's own, unless `warn` is given.
        author: Who wants it.

    Raises:
        InputError: Something is not accepted; the text begins with its name.
    """
    levels = None
    if warn is not None or block is not None:
        usual = Thresholds()
        levels = Thresholds(
            usual.warn if warn is None else _percent("warn", warn),
            usual.block if block is None else _percent("block", block),
        )
    budget = Budget(
        scope_field(scope),
        _amount("limit", limit),
        _field("period", _period, period),
        _field("currency", currency_of, CURRENCY if currency is None else currency),
        levels,
    )
    author = _field("author", wording, author, NAME_CHARACTERS)
    return SetBudget(id=uuid.uuid4().hex, budget=budget, author=author)


def removal_command(*, scope: str, period: str, author: str) -> RemoveBudget:
    """Return the command that takes a budget back.

    Raises:
        InputError: Something is not accepted; the text begins with its name.
    """
    return RemoveBudget(
        id=uuid.uuid4().hex,
        scope=scope_field(scope),
        period=_field("period", _period, period),
        author=_field("author", wording, author, NAME_CHARACTERS),
    )


def acknowledge_command(*, condition: str, author: str, reason: str) -> AcknowledgeAlert:
    """Return the command that acknowledges what people were told about a condition.

    Raises:
        InputError: Author or reason is not accepted; the text begins with its name.
    """
    return AcknowledgeAlert(
        id=uuid.uuid4().hex,
        condition=condition,
        author=_field("author", wording, author, NAME_CHARACTERS),
        reason=_reason_if_any(reason),
    )


def snooze_command(
    *, condition: str, duration_s: int, author: str, reason: str, now: dt.datetime
) -> SnoozeAlert:
    """Return the command that keeps a condition silent for a while.

    Raises:
        InputError: Something is not accepted; the text begins with its name.
    """
    author = _field("author", wording, author, NAME_CHARACTERS)
    if not 1 <= duration_s <= LONGEST_SNOOZE_S:
        raise InputError(
            f"duration_s: {duration_s} is not valid: give 1 to {LONGEST_SNOOZE_S} seconds"
        )
    until = now + dt.timedelta(seconds=duration_s)
    return SnoozeAlert(
        id=uuid.uuid4().hex,
        condition=condition,
        author=author,
        reason=_reason_if_any(reason),
        until=until,
    )


def scope_field(scope: str) -> str:
    """Return the canonical form of a scope or pattern.

    Raises:
        InputError: It is not valid; the text begins with `scope`.
    """
    if len(scope) > 2 * LONGEST:
        raise InputError(f"scope: has {len(scope)} characters; at most {LONGEST} are accepted")
    return _field("scope", lambda text: scope_of(text, pattern=True), scope)


def _reason_if_any(text: str) -> str:
    return _field("reason", lambda it: wording(it, REASON_CHARACTERS, empty=True), text)


def _period(text: str) -> str:
    if len(text) > _AMOUNT_CHARACTERS:
        raise InputError(f"has {len(text)} characters: use a period such as 'month'")
    return period_of(text)


def _percent(name: str, text: str) -> Decimal:
    percent = _amount(name, text)
    if not 0 < percent <= 100:  # noqa: PLR2004 - per cent
        raise InputError(
            f"{name}: {text!r} is not valid: give a percentage of the limit, above 0 and at most "
            "100"
        )
    return percent


def _amount(name: str, text: str) -> Decimal:
    if len(text) > _AMOUNT_CHARACTERS:
        raise InputError(f"{name}: has {len(text)} characters: use an amount such as '0.02'")
    amount = _field(name, amount_of, text)
    exponent = amount.as_tuple().exponent
    # What is counted in nano-units must not be promised more finely.
    if isinstance(exponent, int) and exponent < _LEAST_EXPONENT:
        raise InputError(f"{name}: {text!r} has more than {-_LEAST_EXPONENT} decimals")
    return amount


def _field(name: str, make: Callable[..., Made], *given: object) -> Made:
    try:
        return make(*given)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None

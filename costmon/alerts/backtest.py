"""Replay what a scope has cost through the rules: what they would have told, and its end."""

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from costmon.alerts.rules import Outcome, RuleKind, RuleWatch
from costmon.domain.rule import Rule


class Spent(NamedTuple):
    """What was spent in one bucket.

    Attributes:
        at: Its end, aware.
        width: From one second to a day.
        amount: In the currency of the series; less than 0 is a correction, and counts as 0.
    """

    at: dt.datetime
    width: dt.timedelta
    amount: Decimal


class Broken(NamedTuple):
    """A part of a rule, from the bucket with which it held to its end.

    Attributes:
        opened: How the scope stood when it would have been told.
        highest: The most that was spent in the rule's window while it held.
        opens_at: When the rule would have opened the circuit; `None`: it would not.
        over_at: When it ended; `None`: it held to the end.
    """

    opened: Outcome
    highest: Decimal
    opens_at: dt.datetime | None
    over_at: dt.datetime | None


def replay_rules(rules: Sequence[Rule], scope: str, spent: Iterable[Spent]) -> tuple[Broken, ...]:
    """Return what breaks the rule that covers a scope, in the order in which it was told.

    Args:
        rules: Of which the closest counts.
        scope: In canonical form.
        spent: In the rule's currency, oldest first.
    """
    watch = RuleWatch(rules)
    found: list[Broken] = []
    open_at: dict[RuleKind, int] = {}
    for one in spent:
        amount = max(Decimal(), one.amount)
        for outcome in watch.update(scope, one.at, amount, width=one.width):
            place = open_at.get(outcome.kind)
            if place is None:
                open_at[outcome.kind] = len(found)
                found.append(_broken(outcome))
            elif outcome.holds:
                found[place] = _gone_on(found[place], outcome)
            else:
                found[place] = found[place]._replace(over_at=outcome.at)
                del open_at[outcome.kind]
    return tuple(found)


def _broken(outcome: Outcome) -> Broken:
    opens_at = outcome.at if outcome.passes_breaker else None
    return Broken(outcome, outcome.observed, opens_at, None)


def _gone_on(known: Broken, outcome: Outcome) -> Broken:
    opens_at = known.opens_at or (outcome.at if outcome.passes_breaker else None)
    return known._replace(highest=max(known.highest, outcome.observed), opens_at=opens_at)

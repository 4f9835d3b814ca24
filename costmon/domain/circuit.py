"""The spend stop that guards obey: while a scope's circuit is open, nothing is called.

A circuit that a rule has opened is half-open once that has expired: calls pass, and if the rule is
broken again during the trial, it opens at once for twice as long. It is closed when the trial ends.
"""

import datetime as dt
from typing import Literal, NamedTuple

CircuitState = Literal["open", "closed"]
CurrentState = Literal["open", "half-open", "closed"]
OpeningCause = Literal["threshold", "budget", "finding"]

LONGEST_OPENING = dt.timedelta(days=1)
"""The longest that a rule keeps a circuit open, however often it opens it in a row."""
_MOST_DOUBLINGS = 20


class Circuit(NamedTuple):
    """What somebody, or a rule, last decided about one scope.

    Attributes:
        scope: In canonical form; may be a pattern.
        state: `open` stops calls.
        reason: Why, in the author's words.
        author: Who decided.
        changed_at: When, aware UTC.
        expires_at: When an open one ends by itself, aware UTC; `None`: never.
        revision: Counts the changes of all circuits; a later change has a higher one.
        rule: The scope of the rule that opened it; `None`: somebody did it by hand.
        cause: What of the rule; `None`: by hand.
        openings: How often in a row the rule has opened it; 0: by hand, or it was closed by hand.
        trial_ends_at: Until when what was spent before the opening is not held against the scope,
            aware UTC; `None`: by hand.
    """

    scope: str
    state: CircuitState
    reason: str
    author: str
    changed_at: dt.datetime
    expires_at: dt.datetime | None
    revision: int
    rule: str | None = None
    cause: OpeningCause | None = None
    openings: int = 0
    trial_ends_at: dt.datetime | None = None

    def is_open(self, now: dt.datetime) -> bool:
        """Tell whether calls are stopped at `now`."""
        return self.state == "open" and (self.expires_at is None or now < self.expires_at)

    def is_on_trial(self, now: dt.datetime) -> bool:
        """Tell whether calls pass for the time being, after an opening by a rule."""
        return self.trial_ends_at is not None and now < self.trial_ends_at and not self.is_open(now)

    def current_state(self, now: dt.datetime) -> CurrentState:
        """Return what it is at `now`; one that was closed by hand is closed, also on trial."""
        if self.is_open(now):
            return "open"
        return "half-open" if self.state == "open" and self.is_on_trial(now) else "closed"

    def ends_at(self, now: dt.datetime) -> dt.datetime | None:
        """Return when its state changes by itself; `None`: it does not."""
        match self.current_state(now):
            case "open":
                return self.expires_at
            case "half-open":
                return self.trial_ends_at
            case "closed":
                return None

    def closed(self, *, reason: str, author: str, now: dt.datetime, revision: int) -> "Circuit":
        """Return it as closed by hand; the trial of an opening by a rule begins now."""
        trial_ends_at = None
        if self.trial_ends_at is not None and self.expires_at is not None:
            trial_ends_at = now + (self.trial_ends_at - self.expires_at)
        return self._replace(
            state="closed",
            reason=reason,
            author=author,
            changed_at=now,
            expires_at=None,
            revision=revision,
            openings=0,
            trial_ends_at=trial_ends_at,
        )


class Opening(NamedTuple):
    """A rule wants to stop the calls of a scope.

    Attributes:
        id: Names it for ever.
        scope: In canonical form; may be a pattern.
        rule: The scope of the rule.
        cause: What of the rule.
        reason: Why, for people.
        open_s: Seconds that the first opening lasts.
        trial_s: Seconds, at least, for which calls pass after it before the circuit is closed.
    """

    id: str
    scope: str
    rule: str
    cause: OpeningCause
    reason: str
    open_s: float
    trial_s: float


def opened_by_rule(
    before: Circuit | None, opening: Opening, now: dt.datetime, revision: int
) -> Circuit | None:
    """Return the circuit that a rule opens; `None` when nothing changes.

    Nothing changes while it is open, by hand or by a rule. During the trial a budget or finding of
    which everything is as it was at the opening opens nothing: each opening needs something new.

    Args:
        before: What was decided last about the scope; `None`: nothing.
        opening: What the rule wants.
        now: Aware UTC.
        revision: Of the change.
    """
    openings = 1
    if before is not None:
        if before.is_open(now):
            return None
        if before.is_on_trial(now):
            if before.state == "closed" and opening.cause != "threshold":
                return None
            if before.reason == opening.reason:
                return None
            openings = before.openings + 1
    first = dt.timedelta(seconds=opening.open_s)
    lasts = min(first * 2 ** min(openings - 1, _MOST_DOUBLINGS), max(first, LONGEST_OPENING))
    expires_at = now + lasts
    return Circuit(
        scope=opening.scope,
        state="open",
        reason=opening.reason,
        author=f"rule {opening.rule}",
        changed_at=now,
        expires_at=expires_at,
        revision=revision,
        rule=opening.rule,
        cause=opening.cause,
        openings=openings,
        trial_ends_at=expires_at + max(lasts, dt.timedelta(seconds=opening.trial_s)),
    )

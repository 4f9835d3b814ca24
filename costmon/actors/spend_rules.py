"""The alerter's rules: each `[[rule]]` is compared with what its scopes cost, bucket by bucket.

The amounts are those that detection is fed. After a restart the buckets that the database keeps are
read again, which are two days: until more is known, what is usual is what those days say.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from costmon.alerts.rules import DAY, Outcome, RuleKind, RuleWatch, Standing
from costmon.domain.finding import Series
from costmon.domain.policy import Policy
from costmon.domain.rule import Rule, rule_for
from costmon.state.published import Published

_KINDS: tuple[RuleKind, ...] = ("hourly", "daily", "spike")
_KEPT = 2 * DAY


class SpendStore(Protocol):
    """Where it is read what was spent."""

    def buckets(
        self, after: dt.datetime, until: dt.datetime
    ) -> Mapping[dt.datetime, Mapping[Series, Decimal]]:
        """Return what series have cost by the ends of buckets, of `after` < end <= `until`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePlan:
    """Settings of the rules.

    Attributes:
        rules: In the order of the settings.
        open_store: Opens the database for one incarnation.
        bucket_s: Length of a bucket in seconds.
        policy: Returns what guards obey, and with it the circuits that are on trial.
        standings: Where it is published how the scopes stand.
    """

    rules: tuple[Rule, ...]
    open_store: Callable[[], SpendStore]
    bucket_s: int
    policy: Callable[[], Policy | None]
    standings: Published[tuple[Standing, ...]]


class SpendRules:
    """Evaluates the rules for one incarnation of the alerter.

    Args:
        plan: What it goes by.
        beat: Is called between steps of long work.
    """

    def __init__(self, plan: RulePlan, beat: Callable[[], None]) -> None:
        self._plan = plan
        self._beat = beat
        self._store = plan.open_store()
        self._bucket = dt.timedelta(seconds=plan.bucket_s)
        self._watch = RuleWatch(plan.rules)
        self._scopes: set[str] = set()
        self._fed_until: dt.datetime | None = None

    def closed(self, until: dt.datetime) -> Iterator[Outcome]:
        """Feed the buckets that are over; yield what holds, and what has ended.

        Args:
            until: End of the last bucket that is over.

        Raises:
            StoreError: The database is away; the next call goes on where this one stopped.
        """
        if not self._plan.rules:
            return
        if self._fed_until is None:
            yield from self._begin(until)
        else:
            for at, amounts in self._buckets(self._fed_until, until):
                found = self._feed(at, amounts)
                self._fed_until = at
                yield from found
        self._plan.standings.publish(self._watch.standings())

    def _begin(self, until: dt.datetime) -> Iterator[Outcome]:
        """Catch up with what the database knows, and yield only how everything stands now."""
        newest: list[Outcome] = []
        for at, amounts in self._buckets(until - _KEPT, until):
            newest = self._feed(at, amounts)
        self._fed_until = until
        # What ended while nobody looked has to be said, too.
        yield from (
            _over(standing, kind)
            for standing in self._watch.standings()
            for kind in _KINDS
            if kind not in standing.exceeded
        )
        yield from (outcome for outcome in newest if outcome.holds)

    def _buckets(
        self, after: dt.datetime, until: dt.datetime
    ) -> Iterator[tuple[dt.datetime, Mapping[Series, Decimal]]]:
        known = self._store.buckets(after, until)
        at = until - (until - after) // self._bucket * self._bucket + self._bucket
        while at <= until:
            self._beat()
            yield at, known.get(at, {})
            at += self._bucket

    def _feed(self, at: dt.datetime, amounts: Mapping[Series, Decimal]) -> list[Outcome]:
        spent: dict[str, Decimal] = {}
        for series, amount in amounts.items():
            rule = rule_for(series.scope, self._plan.rules)
            if rule is not None and rule.currency == series.unit:
                # What was charged at its estimate, and cost less, is taken back in a later bucket.
                spent[series.scope] = max(Decimal(), amount)
        self._scopes |= spent.keys()
        on_trial = self._on_trial(at)
        return [
            outcome
            for scope in sorted(self._scopes)
            for outcome in self._watch.update(
                scope,
                at,
                spent.get(scope, Decimal()),
                width=self._bucket,
                on_trial=scope in on_trial,
            )
        ]

    def _on_trial(self, at: dt.datetime) -> frozenset[str]:
        policy = self._plan.policy()
        circuits = policy.circuits if policy else ()
        return frozenset(one.scope for one in circuits if one.is_on_trial(at))


def _over(standing: Standing, kind: RuleKind) -> Outcome:
    return Outcome(
        rule=standing.rule,
        scope=standing.scope,
        kind=kind,
        holds=False,
        observed=standing.daily if kind == "daily" else standing.hourly,
        limit=standing.rule.daily if kind == "daily" else standing.rule.hourly,
        usual=None,
        since=standing.at,
        at=standing.at,
        passes_breaker=False,
    )

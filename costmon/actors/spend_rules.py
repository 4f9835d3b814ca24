"""The alerter's rules: each `[[rule]]` is compared with what its scopes cost, bucket by bucket.

The amounts are those that detection is fed. What is known of the last nine days is stored once an
hour; after a restart the buckets since are read again, so that the same holds as without it.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import structlog

from costmon.alerts.rules import DAY, HOUR, Outcome, RuleKind, RuleWatch, Standing
from costmon.domain.finding import Series
from costmon.domain.policy import Policy
from costmon.domain.rule import Rule, rule_for
from costmon.state.published import Published
from costmon.store.spend import SavedWatch

log = structlog.get_logger()

_KINDS: tuple[RuleKind, ...] = ("hourly", "daily", "spike")
_KEPT = 2 * DAY
_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


class SpendStore(Protocol):
    """Where the spend is read."""

    def buckets(
        self, after: dt.datetime, until: dt.datetime
    ) -> Mapping[dt.datetime, Mapping[Series, Decimal]]:
        """Return what series have cost by the ends of buckets, of `after` < end <= `until`."""
        ...

    def rule_state(self) -> SavedWatch | None:
        """Return what was known of the past; `None`: nothing was kept."""
        ...

    def save_rule_state(self, saved: SavedWatch) -> None:
        """Keep what is known of the past."""
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
        plan: Its settings.
        beat: Is called between steps of long work.
    """

    def __init__(self, plan: RulePlan, beat: Callable[[], None]) -> None:
        self._plan = plan
        self._beat = beat
        self._store = plan.open_store()
        self._bucket = dt.timedelta(seconds=plan.bucket_s)
        self._watch = RuleWatch(plan.rules)
        self._fed_until: dt.datetime | None = None
        self._saved_at: dt.datetime | None = None

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
        if self._saved_at is None or until - self._saved_at >= HOUR:
            self._store.save_rule_state(SavedWatch(until, self._watch.to_bytes()))
            self._saved_at = until

    def _begin(self, until: dt.datetime) -> Iterator[Outcome]:
        """Catch up with what the database knows, and yield only how everything stands now."""
        newest: list[Outcome] = []
        for at, amounts in self._buckets(max(self._load(), until - _KEPT), until):
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

    def _load(self) -> dt.datetime:
        """Take up what was known of the past; return until when."""
        saved = self._store.rule_state()
        if saved is None:
            return _NEVER
        try:
            self._watch = RuleWatch.from_bytes(self._plan.rules, saved.state)
        except ValueError as error:
            log.warning("alerter.rules_unreadable", error=str(error))
            return _NEVER
        return saved.fed_until

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
        on_trial = self._on_trial(at)
        return [
            outcome
            for scope in sorted(self._watch.scopes | spent.keys())
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

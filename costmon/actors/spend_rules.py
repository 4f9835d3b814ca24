"""The alerter's rules: each `[[rule]]` is compared with what its scopes cost, bucket by bucket.

The amounts are those that detection is fed. What is known of the last nine days is stored once an
hour; after a restart the buckets since are read again, so that the same holds as without it.

What guards report of a vendor, what the counters of its accounts come to and what it has charged
are views on the same money: each is compared with the rule by itself, and the largest is told.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import structlog

from costmon.alerts.rules import (
    DAY,
    HOUR,
    Outcome,
    RuleKind,
    RuleSource,
    RuleWatch,
    Standing,
    by_largest,
    together,
)
from costmon.domain.finding import Series
from costmon.domain.policy import Policy
from costmon.domain.rule import Rule, rule_for
from costmon.domain.scope import GLOBAL
from costmon.state.charges import ChargeState
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
        providers: The provider of each account.
        charges: Returns what vendors have charged.
    """

    rules: tuple[Rule, ...]
    open_store: Callable[[], SpendStore]
    bucket_s: int
    policy: Callable[[], Policy | None]
    standings: Published[tuple[Standing, ...]]
    providers: Mapping[str, str]
    charges: Callable[[], ChargeState | None]


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
        self._charged: tuple[Standing, ...] = ()
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
        before, charged = self._charged, self._charged_days()
        if self._fed_until is None:
            self._charged = charged
            yield from self._begin(until)
        else:
            for at, amounts in self._buckets(self._fed_until, until):
                found = [*self._feed(at, amounts), *_charged_outcomes(before, charged)]
                self._fed_until, self._charged = at, charged
                yield from by_largest(found)
        self._plan.standings.publish(self._standings())
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
            for standing in self._standings()
            for kind in _KINDS
            if kind not in standing.exceeded
        )
        found = by_largest([*newest, *_charged_outcomes((), self._charged)])
        yield from (outcome for outcome in found if outcome.holds)

    def _standings(self) -> tuple[Standing, ...]:
        return together((*self._watch.standings(), *self._charged))

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
        spent: dict[tuple[str, RuleSource], Decimal] = {}
        for series, amount in amounts.items():
            for scope in self._scopes(series):
                rule = rule_for(scope, self._plan.rules)
                if rule is not None and rule.currency == series.unit:
                    # What was charged at its estimate, and cost less, is taken back later.
                    key = (scope, series.source)
                    spent[key] = spent.get(key, Decimal()) + max(Decimal(), amount)
        on_trial = self._on_trial(at)
        return [
            outcome
            for scope, source in sorted(self._watch.known | spent.keys())
            for outcome in self._watch.update(
                scope,
                at,
                spent.get((scope, source), Decimal()),
                source=source,
                width=self._bucket,
                on_trial=scope in on_trial,
            )
        ]

    def _scopes(self, series: Series) -> tuple[str, ...]:
        """Return the scopes whose rules a series counts for."""
        kind, _, name = series.scope.partition(":")
        if kind != "account":
            return (series.scope,)
        provider = self._plan.providers.get(name)
        vendor = () if provider is None else (f"provider:{provider}",)
        return (series.scope, *vendor, GLOBAL)

    def _charged_days(self) -> tuple[Standing, ...]:
        """Return what the last complete day of accounts and of their providers was charged."""
        charges = self._plan.charges()
        spent: dict[tuple[str, str], Decimal] = {}
        newest: dict[str, dt.date] = {}
        for one in charges.last_days if charges else ():
            if self._plan.providers.get(one.account) != one.provider:
                continue  # it is not read any more, or people have written it down themselves
            for scope in (f"account:{one.account}", f"provider:{one.provider}"):
                newest[scope] = max(one.day, newest.get(scope, one.day))
                for total in one.totals:
                    key = (scope, total.currency)
                    spent[key] = spent.get(key, Decimal()) + total.billed
        found = []
        for scope, day in newest.items():
            rule = rule_for(scope, self._plan.rules)
            currencies = {currency for one, currency in spent if one == scope}
            if rule is None or (currencies and rule.currency not in currencies):
                continue
            daily = max(Decimal(), spent.get((scope, rule.currency), Decimal()))
            is_over = rule.daily is not None and daily > rule.daily
            ended_at = dt.datetime.combine(day, dt.time(), dt.UTC) + DAY
            found.append(
                Standing(
                    rule=rule,
                    scope=scope,
                    hourly=None,
                    daily=daily,
                    exceeded=("daily",) if is_over else (),
                    at=ended_at,
                )
            )
        return tuple(found)

    def _on_trial(self, at: dt.datetime) -> frozenset[str]:
        policy = self._plan.policy()
        circuits = policy.circuits if policy else ()
        return frozenset(one.scope for one in circuits if one.is_on_trial(at))


def _charged_outcomes(before: Iterable[Standing], charged: Iterable[Standing]) -> Iterator[Outcome]:
    """Yield what was charged above a limit, and what no longer is; neither opens a circuit."""
    were_over = {one.scope for one in before if one.exceeded}
    for one in charged:
        if one.exceeded or one.scope in were_over:
            over = _over(one, "daily")
            yield over._replace(holds=bool(one.exceeded), since=one.at - DAY, source="charges")


def _over(standing: Standing, kind: RuleKind) -> Outcome:
    return Outcome(
        rule=standing.rule,
        scope=standing.scope,
        kind=kind,
        holds=False,
        observed=standing.daily if kind == "daily" else standing.hourly or Decimal(),
        limit=standing.rule.daily if kind == "daily" else standing.rule.hourly,
        usual=None,
        since=standing.at,
        at=standing.at,
        passes_breaker=False,
        source="guards",
    )

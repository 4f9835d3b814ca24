"""The alerter's detection: a watch for each series of spend, fed when buckets are over.

What has been found, and the state of the watch that found it, are stored at once; all states are
stored once an hour. After a restart the buckets since are fed again from the database, so that the
same is found: what was told then has the same cause, and is not told twice.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol, cast
from zoneinfo import ZoneInfo

import structlog

from costmon.detection import Finding, SpendWatch, WatchConfig
from costmon.domain.finding import (
    Contribution,
    FindingSeverity,
    Series,
    SpendFinding,
    bucket_floor,
)
from costmon.store.spend import Position, SavedWatch, Watches

if TYPE_CHECKING:
    from costmon.detection.finding import Cause

log = structlog.get_logger()

MOST_SERIES = 500
"""A watch takes 42 kB of memory: 21 MB."""
_TOP = 3
_HOUR, _DAY, _WEEK = dt.timedelta(hours=1), dt.timedelta(days=1), dt.timedelta(days=7)
_LONGEST_WINDOW = dt.timedelta(hours=6)
_SAME_CAUSE_BUCKETS = 3
_LATE = dt.timedelta(hours=2)
"""So much later than guards a vendor's counters may tell of the same money."""
_SAME_MONEY = 0.5
_CRITICAL_RATIO = 10
_RULES = ("hourly", "daily", "budget")
_ENDED = "it is over, or counts as usual from now on"
_Found = tuple[Series, Finding]


class DetectionStore(Protocol):
    """Where detection reads what was spent, and keeps what it knows."""

    def load(self) -> Watches:
        """Return what was kept."""
        ...

    def buckets(
        self, after: dt.datetime, until: dt.datetime
    ) -> Mapping[dt.datetime, Mapping[Series, Decimal]]:
        """Return what series have cost by the ends of buckets, of `after` < end <= `until`."""
        ...

    def sums(self, after: dt.datetime, until: dt.datetime) -> Mapping[Series, Decimal]:
        """Return what each series has cost in a time."""
        ...

    def has_spent(self, series: Series, before: dt.datetime) -> bool:
        """Tell whether a series is known to have cost something before a moment."""
        ...

    def save(
        self,
        watches: Mapping[Series, SavedWatch],
        findings: Iterable[SpendFinding],
        position: Position | None,
        dropped: Iterable[Series],
    ) -> None:
        """Keep states and findings in one step."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionPlan:
    """Settings of detection.

    Attributes:
        open_store: Opens the database for one incarnation.
        bucket_s: Length of a bucket in seconds.
        timezone: IANA key of the zone in whose days spend has its habits.
        expected: Announced windows, which are silent.
        most_series: How many are watched, most expensive first.
    """

    open_store: Callable[[], DetectionStore]
    bucket_s: int
    timezone: str
    expected: tuple[tuple[dt.datetime, dt.datetime], ...]
    most_series: int = MOST_SERIES


@dataclass(slots=True)
class _Watched:
    watch: SpendWatch
    fed_until: dt.datetime


class Detection:
    """Feeds the watches of one incarnation of the alerter.

    Args:
        plan: Its settings.
        beat: Is called between steps of long work.
    """

    def __init__(self, plan: DetectionPlan, beat: Callable[[], None]) -> None:
        self._plan = plan
        self._beat = beat
        self._store = plan.open_store()
        self._zone = ZoneInfo(plan.timezone)
        self._bucket = dt.timedelta(seconds=plan.bucket_s)
        self._expected = SpendWatch(expected=plan.expected).expected
        self._watched: dict[Series, _Watched] = {}
        self._open: dict[tuple[Series, str], SpendFinding] = {}
        self._position: Position | None = None
        self._saved_at: dt.datetime | None = None
        self._is_loaded = False
        self._found: list[_Found] = []
        self._unsaved: dict[str, SpendFinding] = {}
        self._dropped: set[Series] = set()
        self._left_out: frozenset[Series] = frozenset()

    def closed(self, until: dt.datetime) -> Iterator[SpendFinding]:
        """Feed the buckets that are over; yield what is to be told.

        Whoever iterates has told a finding, and stored that, before asking for the next one.

        Args:
            until: End of the last bucket that is over.

        Raises:
            StoreError: The database is away; the next call goes on where this one stopped.
        """
        if not self._is_loaded:
            self._load()
        if self._position is None:
            # What comes before is not known: no series is new, all are newly watched.
            self._position = Position(until - self._bucket, until - self._bucket)
        elif self._position.fed_until - until > 2 * self._bucket:
            self._turn_back(until)
        yield from self._tell_found()
        buckets = self._store.buckets(self._position.fed_until, until)
        for at in self._ends(self._position.fed_until, until, buckets):
            self._beat()
            self._feed(at, buckets.get(at, {}))
            self._position = self._position._replace(fed_until=at)
            yield from self._tell_found()
        if self._saved_at is None or until - self._saved_at >= _HOUR:
            self._save_all(until)

    def _turn_back(self, until: dt.datetime) -> None:
        """Start again from the current time: buckets in the future came from a wrong clock."""
        log.warning("alerter.detection_turned_back", until=until.isoformat())
        fed_until = until - self._bucket
        self._position = Position(fed_until, fed_until)
        self._saved_at = None
        for one in self._watched.values():
            if one.fed_until > until:
                one.watch, one.fed_until = self._new_watch(), fed_until

    def acknowledge(self, series: Series, cause: str, now: dt.datetime) -> None:
        """Accept a finding, with all that are part of it, as normal, and store that.

        Similar findings are not reported from then on; the end of this one still is.

        Args:
            series: What was found in.
            cause: Of the finding.
            now: Aware.

        Raises:
            StoreError: The database is away; the next hourly save keeps it.
        """
        if not self._is_loaded:
            self._load()
        whole = self._open.get((series, cause))
        accepted = {(series, cause)} | {
            key for key, one in self._open.items() if whole and one.part_of == whole.id
        }
        for one, of in accepted:
            if one in self._watched:
                self._watched[one].watch.acknowledge(now, cast("Cause", of))
        states = self._states({one for one, _ in accepted})
        self._store.save(states, (), None, ())

    def _load(self) -> None:
        kept = self._store.load()
        if kept.position is not None:
            # Buckets had perhaps another length.
            fed_until = bucket_floor(kept.position.fed_until, self._plan.bucket_s)
            self._position = kept.position._replace(fed_until=fed_until)
        self._saved_at = None if kept.position is None else kept.position.fed_until
        for series, saved in kept.watches.items():
            self._beat()
            try:
                watch = SpendWatch.from_bytes(saved.state)
            except ValueError as error:
                log.warning("alerter.watch_unreadable", scope=series.scope, error=str(error))
                watch = self._new_watch()
            if watch.config.step_s != self._plan.bucket_s:
                watch = self._new_watch()
            watch.expected = list(self._expected)
            self._watched[series] = _Watched(watch, saved.fed_until)
        self._open = {(one.series, one.cause): one for one in kept.findings}
        self._is_loaded = True

    def _new_watch(self) -> SpendWatch:
        config = WatchConfig(step_s=self._plan.bucket_s)
        return SpendWatch(config, expected=self._plan.expected)

    def _ends(
        self, after: dt.datetime, until: dt.datetime, buckets: Mapping[dt.datetime, object]
    ) -> Iterator[dt.datetime]:
        """Yield the ends of the buckets to feed: after a day without the service, what is known."""
        if until - after > _DAY:
            yield from sorted(at for at in buckets if at < until - _DAY)
            after = until - _DAY
        at = after + self._bucket
        while at <= until:
            yield at
            at += self._bucket

    # --- one bucket -------------------------------------------------------------------------------

    def _feed(self, at: dt.datetime, amounts: Mapping[Series, Decimal]) -> None:
        self._admit(at, amounts)
        local = at.astimezone(self._zone)
        found = []
        for series, one in self._watched.items():
            if at <= one.fed_until:
                continue
            # What was charged at its estimate, and cost less, is taken back in a later bucket.
            amount = max(Decimal(), amounts.get(series, Decimal()))
            finding = one.watch.update(local, amount)
            one.fed_until = at
            if finding is not None:
                found.append((series, finding))
        found += self._ended(at, {(series, finding.cause) for series, finding in found})
        found.sort(
            key=lambda it: (it[0].scope != "global", not it[0].is_money, -it[1].burned, it[0])
        )
        self._found.extend(found)

    def _ended(self, at: dt.datetime, told: set[tuple[Series, str]]) -> Iterator[_Found]:
        """Yield the end of what nobody else will end: it was acknowledged, or its watch is gone."""
        for (series, cause), known in self._open.items():
            one = self._watched.get(series)
            if (series, cause) in told or (one and cause in one.watch.open_causes):
                continue
            burned = one.watch.burned(cause) if one else None
            yield (
                series,
                Finding(
                    state="resolved",
                    cause=cast("Cause", cause),
                    quiet=known.quiet,
                    at=at,
                    since=known.since,
                    observed=0.0,
                    expected=0.0,
                    low=0.0,
                    high=0.0,
                    burned=known.burned if burned is None else burned,
                    per_hour=0.0,
                    projected=known.burned if burned is None else burned,
                    projected_until=known.projected_until,
                    confidence=known.confidence,
                    why=(_ENDED,),
                ),
            )

    def _tell_found(self) -> Iterator[SpendFinding]:
        """Yield what is to be told of what was found, then store all of it."""
        while self._found:
            series, finding = self._found[0]
            one = self._noted(series, finding)
            self._found.pop(0)
            if one.part_of is None:
                yield one
        self._save_findings()

    def _admit(self, at: dt.datetime, amounts: Mapping[Series, Decimal]) -> None:
        """Watch the series that are new, as far as there is room for them."""
        unknown = [series for series in amounts if series not in self._watched]
        if not unknown:
            return
        if len(self._watched) + len(unknown) > self._plan.most_series:
            unknown = self._make_room(at, unknown)
        began_at = self._position.began_at if self._position else at
        for series in sorted(unknown):
            watch = self._new_watch()
            # A counter that is read for the first time says nothing about before.
            is_new = series not in self._left_out and series.source == "guards"
            if is_new and not self._store.has_spent(series, began_at):
                self._feed_zeros(watch, began_at, at)
            self._watched[series] = _Watched(watch, at - self._bucket)
            self._dropped.discard(series)

    def _feed_zeros(self, watch: SpendWatch, began_at: dt.datetime, at: dt.datetime) -> None:
        """Let a series that has never cost anything be known for that, as long as we watch."""
        zero = max(began_at, at - _WEEK) + self._bucket
        while zero < at:
            watch.update(zero.astimezone(self._zone), 0)
            zero += self._bucket

    def _make_room(self, at: dt.datetime, unknown: list[Series]) -> list[Series]:
        """Keep the most expensive series of the last two days; return the unknown ones of them.

        A series whose finding is open is kept whatever it costs: the finding has to end.
        """
        sums = self._store.sums(at - 2 * _DAY, at)
        found = {series for series, _ in self._open}
        every = [*self._watched, *unknown]
        every.sort(key=lambda it: (it not in found, not it.is_money, -sums.get(it, Decimal()), it))
        kept = set(every[: self._plan.most_series])
        for series in [it for it in self._watched if it not in kept]:
            del self._watched[series]
            self._dropped.add(series)
        left_out = frozenset(it for it in every if it not in kept) | (self._left_out - kept)
        if left_out != self._left_out:
            log.warning(
                "alerter.series_left_out",
                count=len(left_out),
                watched=self._plan.most_series,
                examples=[it.scope for it in sorted(left_out)[:_TOP]],
                hint="only the most expensive series are watched; use fewer tags",
            )
        self._left_out = left_out
        return [it for it in unknown if it in kept]

    def _noted(self, series: Series, finding: Finding) -> SpendFinding:
        key = (series, finding.cause)
        known = self._open.get(key)
        opened_at = known.opened_at if known else finding.at
        moment = f"{opened_at:%Y%m%dT%H%M%SZ}"
        one = SpendFinding(
            id=known.id if known else f"{moment}-{finding.cause}-{series.unit}-{series.scope}",
            series=series,
            state=finding.state,
            cause=finding.cause,
            severity=_severity(finding),
            quiet=finding.quiet,
            part_of=known.part_of if known else self._whole_of(series, finding),
            opened_at=opened_at,
            at=finding.at,
            since=finding.since,
            observed=finding.observed,
            expected=finding.expected,
            low=finding.low,
            high=finding.high,
            burned=finding.burned,
            per_hour=finding.per_hour,
            projected=finding.projected,
            projected_until=finding.projected_until,
            confidence=finding.confidence,
            why=finding.why,
            contributors=() if finding.state == "resolved" else self._contributors(series, finding),
        )
        if one.state == "escalated" and one.part_of is not None and not self._is_open(one.part_of):
            one = replace(one, part_of=None)  # it goes on though what it was told with is over
        if one.is_open:
            self._open[key] = one
        else:
            self._open.pop(key, None)
        self._unsaved[one.id] = one
        return one

    def _is_open(self, finding_id: str) -> bool:
        return any(one.id == finding_id for one in self._open.values())

    def _whole_of(self, series: Series, finding: Finding) -> str | None:
        """Return the finding that already reports the same money; `None`: no finding does.

        One loop makes the total, its vendor, its key and its tags run away at once, and the
        counters of the vendor's account some time later.
        """
        is_late = series.source == "vendors"
        earliest = finding.at - (_LATE if is_late else _SAME_CAUSE_BUCKETS * self._bucket)
        for one in self._open.values():
            if one.series == series or one.opened_at < earliest:
                continue
            if "meters" in {one.series.source, series.source} != {"meters"}:
                continue  # an application's own CPU is other money than what its calls cost
            if not series.is_money and one.series.scope == series.scope:
                return one.part_of or one.id
            same_money = (
                one.series.unit == series.unit and one.per_hour >= finding.per_hour * _SAME_MONEY
            )
            if same_money and one.part_of is None:
                return one.id
        return None

    def _contributors(self, series: Series, finding: Finding) -> tuple[Contribution, ...]:
        """Return the other scopes that have risen most since it began, compared with a day."""
        start = max(finding.since, finding.at - _LONGEST_WINDOW)
        start = min(start, finding.at - self._bucket)
        share = float((finding.at - start) / _DAY)
        observed = self._store.sums(start, finding.at)
        before = self._store.sums(start - _DAY, start)
        parts = [
            Contribution(it.scope, float(amount), max(0.0, float(before.get(it, 0)) * share))
            for it, amount in observed.items()
            if it.unit == series.unit
            and it.source == series.source
            and it.scope not in {series.scope, "global"}
        ]
        risen = [it for it in parts if it.observed > it.expected]
        risen.sort(key=lambda it: (it.expected - it.observed, it.scope))
        return tuple(risen[:_TOP])

    # --- over a restart ---------------------------------------------------------------------------

    def _save_findings(self) -> None:
        if not self._unsaved:
            return
        changed = {one.series for one in self._unsaved.values()}
        self._store.save(self._states(changed), tuple(self._unsaved.values()), None, ())
        self._unsaved.clear()

    def _save_all(self, until: dt.datetime) -> None:
        self._store.save(
            self._states(self._watched),
            tuple(self._unsaved.values()),
            self._position,
            self._dropped,
        )
        self._unsaved.clear()
        self._dropped.clear()
        self._saved_at = until

    def _states(self, wanted: Iterable[Series]) -> dict[Series, SavedWatch]:
        states = {}
        for series in wanted:
            self._beat()
            one = self._watched.get(series)
            if one is not None:
                states[series] = SavedWatch(one.fed_until, one.watch.to_bytes())
        return states


def _severity(finding: Finding) -> FindingSeverity:
    if finding.quiet:
        return "info"
    if finding.cause in _RULES or 0 < finding.expected * _CRITICAL_RATIO <= finding.observed:
        return "critical"
    return "warning"

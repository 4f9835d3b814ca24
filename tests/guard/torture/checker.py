"""Compare what the witnesses wrote with what the guard says, by arithmetic that is not the guard's.

That more was granted than a limit allows is proved like this: take all leases of one counter that
certainly counted at a moment. The one of them that was decided last saw all the others, and was
decided after its request and before its answer: so their sum was within a limit that was in force
in that time, or the guard is wrong. A lease counts as its estimate, and as what it was settled at,
if that is less, from before it was settled.
"""

import datetime as dt
import itertools
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.guard.torture import course

_ZONE = ZoneInfo(course.ZONE)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_NEVER = 1 << 62
_MOST_COMBINATIONS = 100_000


class Row(NamedTuple):
    """What a lease adds to the usage rows."""

    spent: int
    requests: int
    expired: int
    bytes_in: int


class Report:
    """What was counted; `faults` says what must not be."""

    def __init__(self):
        self.figures = {}
        self.faults = []

    def must_be_zero(self, name, value, detail=""):
        self.figures[name] = value
        if value:
            self.faults.append(f"{name}: {value} {detail}".rstrip())


def check(testimony, guard, clock):
    """Return the report."""
    report = Report()
    report.figures["operations"] = testimony.operations
    report.figures["leases granted"] = len(testimony.leases)
    for reason, number in sorted(testimony.refused.items()):
        report.figures[f"refused: {reason}"] = number
    report.figures["settings changed"] = len(testimony.changes)
    report.figures["operations in doubt (killed)"] = len(testimony.doubts) + sum(
        any(end[1] == _NEVER for end in lease.ends) for lease in testimony.leases.values()
    )
    report.must_be_zero("ends of leases nobody was granted", testimony.unsettled)
    report.must_be_zero("keys with two leases", testimony.wrong_keys)
    _check_grants(testimony, report)
    _check_figures(testimony, guard, clock, report)
    return report


def scopes_of(chain):
    found = dict.fromkeys(course.CHAINS[chain])
    if "host:api.openai.com" in found:
        found["provider:openai"] = None
    found["global"] = None
    return tuple(found)


def periods_of(scope):
    own = {period: limit for (name, period), limit in course.LIMITS.items() if name == scope}
    if scope.startswith("host:"):
        own.setdefault("hour", course.LIMITS["host:*", "hour"])
    return own or {"month": None}


def calendar(period, wall_s):
    """Return which hour, day or month of the zone a moment is in."""
    if period == "total":
        return ""
    if period == "hour":
        return int(wall_s // 3600)
    local = dt.datetime.fromtimestamp(wall_s, _ZONE)
    return f"{local:%Y-%m-%d}" if period == "day" else f"{local:%Y-%m}"


def rolling(period):
    """Return length and step of a rolling window in seconds; `None` for a calendar period."""
    if not period.startswith("rolling:"):
        return None
    length = int(period[8:-1]) * _UNIT_S[period[-1]]
    return length, max(1, length // 60)


class Timeline:
    """Which values a setting may have had."""

    def __init__(self, first, changes):
        starts = [(-1, first, self._ends(-1, changes))]
        starts += [(before, value, self._ends(after, changes)) for before, after, value in changes]
        marks = sorted({at for start, _, end in starts for at in (start, end)})
        self._marks = marks
        self._most = [
            max((v for start, v, end in starts if start <= mark <= end), default=first)
            for mark in marks
        ]

    @staticmethod
    def _ends(after, changes):
        return min((a for b, a, _ in changes if b > after), default=_NEVER)

    def most(self, since, until):
        """Return the highest value that may have been in force in a span of time."""
        low = max(0, bisect_right(self._marks, since) - 1)
        high = bisect_right(self._marks, until)
        return max(self._most[low:high])


class Settings:
    """What the limits may have been at any time."""

    def __init__(self, changes):
        found = defaultdict(list)
        for before, after, what, name, value in changes:
            found[what, name].append((before, after, value))
        self._block = Timeline(100, found["block", "*"])
        self._share = Timeline(100, found["share", course.TIER_SCOPE])
        self._tier_changes = found["share", course.TIER_SCOPE]
        self._limits = {}
        self._found = found

    def most(self, scope, period, nominal, since, until):
        name = f"{scope}|{period}"
        if name not in self._limits:
            self._limits[name] = Timeline(nominal, self._found["limit", name])
        block = course.MODEL_BLOCK if scope == "model:m0" else self._block.most(since, until)
        share = self._share.most(since, until) if scope == course.TIER_SCOPE else 100
        limit = self._limits[name].most(since, until)
        return limit * (100 if share < 0 else share) * block // 10_000

    def certainly_blocked(self, since, until):
        return self._share.most(since, until) < 0


def _least(lease):
    """Return what a lease counts at least once somebody has begun to end it."""
    return min([lease.nano, *(0 if nano is None else nano for _, _, nano, _ in lease.ends)])


def _check_grants(testimony, report):
    settings = Settings(testimony.changes)
    moments = []
    for lease in testimony.leases.values():
        moments.append((lease.granted, 1, lease.id))
        if lease.ends:
            moments.append((lease.ends[0][0], 0, lease.id))
    moments.sort()
    counters, windows = defaultdict(int), defaultdict(_Rolling)
    latest_s = 0.0
    above = checked = blocked = passed_by = 0
    worst = ""
    begun_to_end = set()
    for at, granted, lease_id in moments:
        lease = testimony.leases[lease_id]
        if granted:
            latest_s = max(latest_s, lease.w)
            # Its answer may come after another process has begun to end it.
            change = _least(lease) if lease_id in begun_to_end else lease.nano
            if course.TIER_SCOPE in course.CHAINS[lease.chain]:
                blocked += settings.certainly_blocked(lease.begun, lease.granted)
        else:
            begun_to_end.add(lease_id)
            if lease.granted > at:
                continue
            change = _least(lease) - lease.nano
        for scope, period, nominal in _lines(lease.chain):
            value, span = change, rolling(period)
            if period.startswith("calls/"):
                value = _calls(lease, granted, begun_to_end)
                span = rolling(period[6:])
            if span is None:
                name = (scope, period, calendar(period, lease.w))
                counters[name] += value
                sum_ = counters[name]
            else:
                window = windows[scope, period]
                window.add(lease.w, value, span)
                if granted and lease.w < latest_s - span[0]:
                    # What is older than two windows may be forgotten: a clock that is set back by
                    # more than one may not be known there.
                    passed_by += 1
                    window.note(at, lease.w, span)
                    continue
                sum_ = window.sum(at, lease, span) if granted else 0
            if not granted or nominal is None:
                continue
            checked += 1
            limit = (
                course.RATE
                if period.startswith("calls/")
                else settings.most(scope, period, nominal, lease.begun, lease.granted)
            )
            if sum_ > limit:
                above += sum_ - limit
                worst = worst or f"first: {scope} {period} {sum_} > {limit}, lease {lease_id}"
    report.figures["grants checked against a limit"] = checked
    report.figures["  passed by: clock set back by more than the rolling window"] = passed_by
    report.must_be_zero("money granted above the limit (nano)", above, worst)
    report.must_be_zero("calls granted while blocked", blocked)


def _lines(chain):
    for scope in scopes_of(chain):
        for period, limit in periods_of(scope).items():
            yield scope, period, limit
        if scope == course.RATE_SCOPE:
            yield scope, "calls/rolling:60s", course.RATE


def _calls(lease, granted, begun_to_end):
    """Return by how much a lease changes a counter of calls."""
    given_back = any(nano is None for _, _, nano, _ in lease.ends)
    if granted:
        return 0 if given_back and lease.id in begun_to_end else 1
    return -1 if given_back else 0


class _Rolling:
    """A counter of a rolling window, by bucket."""

    def __init__(self):
        self._values = defaultdict(int)
        self._buckets = []
        self._recent = []

    def add(self, wall_s, value, span):
        bucket = int(wall_s // span[1]) * span[1]
        if bucket not in self._values:
            insort(self._buckets, bucket)
        self._values[bucket] += value

    @staticmethod
    def first(wall_s, span):
        length, step = span
        return int(wall_s // step) * step - length - (-length % step)

    def note(self, at, wall_s, span):
        self._recent.append((at, self.first(wall_s, span)))
        del self._recent[:-500]

    def sum(self, at, lease, span):
        """Return what everybody must have seen who decided while this lease was decided."""
        self.note(at, lease.w, span)
        first = max(first for done, first in self._recent if done >= lease.begun)
        if lease.w // span[1] * span[1] < first:
            return 0
        return self.since(first)

    def since(self, first):
        place = bisect_left(self._buckets, first)
        return sum(self._values[bucket] for bucket in self._buckets[place:])


def _outcomes(lease, *, certain):
    """Return what a lease may have added to the usage rows, one `Row` for each possibility."""
    found = [] if certain else [Row(0, 0, 0, 0)]
    for _, after, nano, size in lease.ends:
        found.append(Row(0, 0, 0, 0) if nano is None else Row(nano, 1, 0, size))
        if after != _NEVER:
            return found
    return [*found, Row(lease.nano, 1, 1, 0)]


def _check_figures(testimony, guard, clock, report):
    guard.sweep()
    rows = defaultdict(int)
    since, until = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
    known = {}
    sums = defaultdict(lambda: Row(0, 0, 0, 0))
    for row in guard.usage(since, until):
        mine = Row(row.spent, row.requests, row.expired, row.bytes_in)
        known[row.hour, row.scope, row.activity] = mine
        if row.scope == "global":
            sums[row.activity] = _plus(sums[row.activity], mine)
    chosen = _resolve(testimony, sums, report)
    expected = defaultdict(lambda: Row(0, 0, 0, 0))
    counters, windows = defaultdict(int), defaultdict(_Rolling)
    latest_s = max((lease.w for lease, _ in chosen), default=clock.epoch_s())
    moments = {}
    for lease, outcome in chosen:
        hour = int(lease.w // 3600) * 3600
        for scope in scopes_of(lease.chain):
            name = (hour, scope, lease.activity)
            expected[name] = _plus(expected[name], outcome)
            for period in periods_of(scope):
                span = rolling(period)
                if span is None:
                    name = (scope, period, calendar(period, lease.w))
                    counters[name] += outcome.spent
                    moments[name] = lease.w
                else:
                    windows[scope, period].add(lease.w, outcome.spent, span)
    nothing = Row(0, 0, 0, 0)
    rows = {
        name
        for name in {*expected, *known}
        if expected.get(name, nothing) != known.get(name, nothing)
    }
    report.figures["usage rows compared"] = len(known)
    report.must_be_zero(
        "usage rows that differ from the sum of events", len(rows), sorted(rows)[:3]
    )
    wrong, held = [], 0
    for (scope, period, window), spent in counters.items():
        clock.pin_at(moments[scope, period, window])
        found = _nano(guard.spent(scope, period))
        held += _nano(guard.held(scope, period))
        if found != spent:
            wrong.append((scope, period, window, found, spent))
    clock.pin_at(latest_s)
    for (scope, period), window in windows.items():
        found = _nano(guard.spent(scope, period))
        held += _nano(guard.held(scope, period))
        spent = window.since(window.first(latest_s, rolling(period)))
        if found != spent:
            wrong.append((scope, period, "now", found, spent))
    report.figures["counters compared"] = len(counters) + len(windows)
    report.must_be_zero("counters that differ from the sum of events", len(wrong), wrong[:3])
    report.must_be_zero("held after the last ttl (nano)", held)
    report.must_be_zero("leases left after the last ttl", len(guard.leases(100)))
    lost = [outcome for lease, outcome in chosen if outcome.expired]
    report.figures["leases lost, charged at their estimate"] = len(lost)
    report.figures["  that is (nano)"] = sum(outcome.spent for outcome in lost)


def _resolve(testimony, sums, report):
    """Return each lease with what became of it; those in doubt as the guard's rows say."""
    chosen, open_ = [], defaultdict(list)
    for lease in testimony.leases.values():
        outcomes = _outcomes(lease, certain=True)
        if len(outcomes) == 1:
            chosen.append((lease, outcomes[0]))
        else:
            open_[lease.activity].append((lease, outcomes))
    for lease in testimony.doubts:
        open_[lease.activity].append((lease, _outcomes(lease, certain=False)))
    certain = defaultdict(lambda: Row(0, 0, 0, 0))
    for lease, outcome in chosen:
        certain[lease.activity] = _plus(certain[lease.activity], outcome)
    unexplained = 0
    for activity in {*sums, *open_, *certain}:
        leases = open_[activity]
        rest = Row(*(a - b for a, b in zip(sums[activity], certain[activity], strict=True)))
        for choice in itertools.islice(
            itertools.product(*(outcomes for _, outcomes in leases)), _MOST_COMBINATIONS
        ):
            total = Row(0, 0, 0, 0)
            for outcome in choice:
                total = _plus(total, outcome)
            if total == rest:
                break
        else:
            unexplained += 1
            choice = [outcomes[-1] for _, outcomes in leases]
        chosen += [(lease, outcome) for (lease, _), outcome in zip(leases, choice, strict=True)]
    report.must_be_zero("processes whose sums nothing explains", unexplained)
    return chosen


def _plus(one, other):
    return Row(*(a + b for a, b in zip(one, other, strict=True)))


def _nano(amount):
    return int(amount.scaleb(9))

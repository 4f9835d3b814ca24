"""Compare what the witnesses wrote with what the guard says, by arithmetic that is not the guard's.

That more was granted than a limit allows is proved like this: take all leases of one counter that
certainly counted at a moment. The one of them that was decided last saw all the others, and was
decided after its request and before its answer: so their sum was within a limit that was in force
in that time, or the guard is wrong. A lease counts as its estimate, and as what it was settled at,
if that is less, from before it was settled.

A program refuses by its own budgets and those of the store. So what a program with a laxer limit
was granted meanwhile may have been decided last, and is left out.
"""

import datetime as dt
import functools
import itertools
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict, deque
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.guard.torture import course

_ZONE = ZoneInfo(course.ZONE)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_NEVER = 1 << 62
_MOST_COMBINATIONS = 100_000
_MINUTE = "rolling:60s"
_RECENT = 5000
_EXACT = ("day", "month", "total")
"""Periods of which every figure is exact, with and without a budget."""

_CALLS = f"calls/{_MINUTE}"


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

    def __str__(self):
        table = [f"  {name:<62} {value:>14}" for name, value in self.figures.items()]
        return "\n".join([*table, *(f"FAULT {fault}" for fault in self.faults), ""])

    def must_be_zero(self, name, value, detail=""):
        self.figures[name] = value
        if value:
            self.faults.append(f"{name}: {value} {detail}".rstrip())


def check(testimony, guard, clock):
    """Return the report."""
    _lines.cache_clear()
    report = Report()
    report.figures["operations"] = testimony.operations
    report.figures["leases granted"] = len(testimony.leases)
    for reason, number in sorted(testimony.refused.items()):
        report.figures[f"refused: {reason}"] = number
    report.figures["settings changed"] = len(testimony.changes)
    report.figures["windows reset"] = len(testimony.resets)
    others = sum(lease.program > 0 for lease in testimony.leases.values())
    report.figures["leases granted to second programs"] = others
    report.figures["operations in doubt (killed)"] = len(testimony.doubts) + sum(
        any(end[1] == _NEVER for end in lease.ends) for lease in testimony.leases.values()
    )
    report.must_be_zero("ends of leases nobody was granted", testimony.unsettled)
    report.must_be_zero("keys with two leases", testimony.wrong_keys)
    _check_grants(testimony, report)
    _check_figures(testimony, guard, clock, report)
    return report


@functools.cache
def scopes_of(chain):
    found = dict.fromkeys(course.CHAINS[chain])
    if "host:api.openai.com" in found:
        found["provider:openai"] = None
    found["global"] = None
    return tuple(found)


def limits_of(scope):
    """Return the programs' own limits of a scope: by period, then by program."""
    found: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for program, limits in enumerate(course.PROGRAMS):
        if scope.startswith("host:"):
            found["hour"][program] = limits["host:*", "hour"]
        for (name, period), limit in limits.items():
            if name == scope:
                found[period][program] = limit
    for name, period in course.COMING:
        if name == scope:
            found[period] = found[period]
    return found


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
        # A value ends after its last moment: what holds from there on has a mark of its own.
        marks = sorted({at for start, _, end in starts for at in (start, end, end + 1)})
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
        self._found = defaultdict(list)
        for before, after, what, name, value in changes:
            limit = _NEVER if what == "limit" and value == course.NONE else value
            self._found[what, name].append((before, after, limit))
        self._block = Timeline(100, self._found["block", "*"])
        self._share = Timeline(100, self._found["share", course.TIER_SCOPE])
        self._limits = {}

    def most(self, scope, period, nominal, since, until):
        """Return the highest limit that may have been in force; `_NEVER` when there was none.

        Args:
            scope: Of the budget.
            period: Of the budget.
            nominal: The program's own limit, `_NEVER` when it has none.
            since: Start of a span of time.
            until: End of it.
        """
        name = f"{scope}|{period}"
        if (name, nominal) not in self._limits:
            self._limits[name, nominal] = Timeline(nominal, self._found["limit", name])
        limit = self._limits[name, nominal].most(since, until)
        if limit == _NEVER:
            return _NEVER
        block = course.MODEL_BLOCK if scope == "model:m0" else self._block.most(since, until)
        share = self._share.most(since, until) if scope == course.TIER_SCOPE else 100
        return limit * (100 if share < 0 else share) * block // 10_000

    def certainly_blocked(self, since, until):
        return self._share.most(since, until) < 0


def _least(lease):
    """Return what a lease counts at least once somebody has begun to end it."""
    return min([lease.nano, *(0 if nano is None else nano for _, _, nano, _ in lease.ends)])


class _Grants:
    """Goes through all grants and ends in the order of time, and looks for too much."""

    def __init__(self, testimony):
        self._leases = testimony.leases
        self._settings = Settings(testimony.changes)
        self._counters = defaultdict(int)
        self._windows = defaultdict(_Rolling)
        self._ending = set()
        self._recent: deque[Any] = deque(maxlen=_RECENT)
        self._clocks = deque(sorted(testimony.clocks))
        self._latest_s = 0.0
        self.checked = self.passed_by = self.above = self.blocked = 0
        self.first = ""

    def go_through(self):
        moments = []
        for lease in self._leases.values():
            moments.append((lease.granted, 1, lease.id))
            if lease.ends:
                moments.append((lease.ends[0][0], 0, lease.id))
        for at, granted, lease_id in sorted(moments):
            lease = self._leases[lease_id]
            if granted:
                self._recent.append(lease)
                self._grant(at, lease)
            else:
                self._ending.add(lease_id)
                if lease.granted <= at:
                    self._end(lease)

    def _end(self, lease):
        change = _least(lease) - lease.nano
        for scope, period, _ in _lines(lease.chain):
            if period == _CALLS:
                given_back = any(nano is None for _, _, nano, _ in lease.ends)
                self._windows[scope, period].add(lease.w, -int(given_back), rolling(_MINUTE))
            elif (span := rolling(period)) is not None:
                self._windows[scope, period].add(lease.w, change, span)
            else:
                self._counters[scope, period, calendar(period, lease.w)] += change

    def _grant(self, at, lease):
        self._latest_s = max(self._latest_s, lease.w)
        while self._clocks and self._clocks[0][0] <= at:
            moved, ahead_s = self._clocks.popleft()
            self._latest_s = max(self._latest_s, moved / 1e9 + ahead_s)
        if course.TIER_SCOPE in course.CHAINS[lease.chain]:
            self.blocked += self._settings.certainly_blocked(lease.begun, lease.granted)
        for scope, period, nominal in _lines(lease.chain):
            found = self._add(scope, period, self._value(lease), at, lease)
            limits = self._limits(scope, period, nominal, lease)
            limit = limits[lease.program]
            if limit == _NEVER or found is None:
                continue
            self.checked += 1
            lax = {program for program, other in enumerate(limits) if other > limit}
            found -= self._granted_to(lax, scope, period, lease) if lax else 0
            if found > limit:
                self.above += found - limit
                self.first = self.first or f"first: {scope} {period} {found} > {limit}"

    def _value(self, lease):
        # The answer may come after another process has begun to end it.
        return _least(lease) if lease.id in self._ending else lease.nano

    def _limits(self, scope, period, nominal, lease):
        """Return each program's limit at the time when a lease was granted."""
        if period == _CALLS:
            return [course.RATE] * len(course.PROGRAMS)
        return [
            self._settings.most(
                scope, period, nominal.get(program, _NEVER), lease.begun, lease.granted
            )
            for program in range(len(course.PROGRAMS))
        ]

    def _granted_to(self, programs, scope, period, lease):
        """Return what some programs were granted of a window while a lease was decided."""
        granted = 0
        for other in reversed(self._recent):
            if other.granted < lease.begun:
                break
            if other.program in programs and scope in scopes_of(other.chain):
                span = rolling(period)
                if span is not None or calendar(period, other.w) == calendar(period, lease.w):
                    granted += self._value(other)
        return granted

    def _add(self, scope, period, value, at, lease):
        """Count a grant; return what certainly counted then, `None` when nothing can be said."""
        span = rolling(_MINUTE if period == _CALLS else period)
        if span is None:
            name = (scope, period, calendar(period, lease.w))
            self._counters[name] += value
            return self._counters[name]
        window = self._windows[scope, period]
        if period == _CALLS:
            given_back = any(nano is None for _, _, nano, _ in lease.ends)
            value = int(not (given_back and lease.id in self._ending))
        window.add(lease.w, value, span)
        window.note(at, lease.w, span)
        if lease.w < self._latest_s - span[0]:
            # What is older than two windows may be forgotten, also by a program that only tidies:
            # a clock that is set back by more than one may not find it.
            self.passed_by += 1
            return None
        return window.sum(lease, span)


def _check_grants(testimony, report):
    grants = _Grants(testimony)
    grants.go_through()
    report.figures["grants checked against a limit"] = grants.checked
    report.figures["  passed by: clock set back by more than a window"] = grants.passed_by
    report.must_be_zero("money granted above the limit (nano)", grants.above, grants.first)
    report.must_be_zero("calls granted while blocked", grants.blocked)


@functools.cache
def _lines(chain):
    """Return what a chain is limited by: scope, period, and own limits by program."""
    found = []
    for scope in scopes_of(chain):
        found += [(scope, period, limits) for period, limits in limits_of(scope).items()]
        if scope == course.RATE_SCOPE:
            found.append((scope, _CALLS, {}))
    return found


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

    def sum(self, lease, span):
        """Return what everybody must have seen who decided while this lease was decided."""
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
    since, until = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
    known, sums = {}, _rows()
    for row in guard.usage(since, until):
        mine = Row(row.spent, row.requests, row.expired, row.bytes_in)
        known[row.hour, row.scope, row.activity] = mine
        if row.scope == "global":
            sums[row.activity] = _plus(sums[row.activity], mine)
    chosen = _resolve(testimony, sums, report)
    _check_rows(chosen, known, report)
    _check_counters(testimony, chosen, guard, clock, report)
    report.must_be_zero("leases left after the last ttl", len(guard.leases(100)))
    lost = [outcome for lease, outcome in chosen if outcome.expired]
    report.figures["leases lost, charged at their estimate"] = len(lost)
    report.figures["  that is (nano)"] = sum(outcome.spent for outcome in lost)


def _check_rows(chosen, known, report):
    expected = _rows()
    for lease, outcome in chosen:
        for scope in scopes_of(lease.chain):
            name = (int(lease.w // 3600) * 3600, scope, lease.activity)
            expected[name] = _plus(expected[name], outcome)
    nothing = Row(0, 0, 0, 0)
    rows = [
        name
        for name in {*expected, *known}
        if expected.get(name, nothing) != known.get(name, nothing)
    ]
    report.figures["usage rows compared"] = len(known)
    report.must_be_zero("usage rows that differ from the sum of events", len(rows), rows[:3])


def _check_counters(testimony, chosen, guard, clock, report):
    """Compare every figure, with and without a budget, by a reading at a moment of its window."""
    counters: defaultdict[tuple[object, ...], int] = defaultdict(int)
    certain: defaultdict[tuple[object, ...], int] = defaultdict(int)
    windows: defaultdict[tuple[str, str], _Rolling] = defaultdict(_Rolling)
    moments = {}
    resets = _Resets(testimony.resets)
    for lease, outcome in chosen:
        for scope, period in _figures_of(lease.chain):
            if (span := rolling(period)) is not None:
                windows[scope, period].add(lease.w, outcome.spent, span)
                continue
            name = (scope, period, calendar(period, lease.w))
            moments[name] = lease.w
            least, most = resets.left(name, lease, outcome.spent)
            certain[name] += least
            counters[name] += most
    # A counter of a rolling window forgets what is older than two windows at the latest reading.
    latest_s = testimony.latest_s
    for (scope, period), buckets in windows.items():
        now = (scope, period, "now")
        counters[now] = buckets.since(buckets.first(latest_s, rolling(period)))
        certain[now] = counters[now]
        moments[now] = latest_s
    wrong, held = [], 0
    for (scope, period, window), most in counters.items():
        clock.pin_at(moments[scope, period, window])
        found = _nano(guard.spent(scope, period))
        held += _nano(guard.held(scope, period))
        if not certain[scope, period, window] <= found <= most:
            wrong.append((scope, period, window, found, most))
    report.figures["figures compared"] = len(counters)
    report.figures["  of windows that were reset"] = len(resets.windows & counters.keys())
    report.must_be_zero("figures that differ from the sum of events", len(wrong), wrong[:3])
    report.must_be_zero("held after the last ttl (nano)", held)


def _figures_of(chain):
    found = {(scope, period) for scope, period, _ in _lines(chain) if period != _CALLS}
    return found | {(scope, period) for scope in scopes_of(chain) for period in _EXACT}


class _Resets:
    """Which windows were reset, and when."""

    def __init__(self, resets):
        self._found = defaultdict(list)
        for before, after, scope, period, wall_s in resets:
            name = (scope, period, calendar(period, wall_s))
            self._found[name].append((before, after))
        self.windows = self._found.keys()

    def left(self, name, lease, spent):
        """Return the least and the most that a window may still know of what a lease has spent."""
        found = self._found.get(name)
        if not found:
            return spent, spent
        certain = [before for before, after in found if after != _NEVER]
        if lease.ends and certain and lease.ends[0][1] < max(certain):
            return 0, 0
        return (spent if lease.begun > max(after for _, after in found) else 0), spent


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
    certain = _rows()
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
            choice = tuple(outcomes[-1] for _, outcomes in leases)
        chosen += [(lease, outcome) for (lease, _), outcome in zip(leases, choice, strict=True)]
    report.must_be_zero("processes whose sums nothing explains", unexplained)
    return chosen


def _rows() -> "defaultdict[object, Row]":
    return defaultdict(lambda: Row(0, 0, 0, 0))


def _plus(one, other):
    return Row(*(a + b for a, b in zip(one, other, strict=True)))


def _nano(amount):
    return int(amount.scaleb(9))

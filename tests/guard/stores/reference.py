"""A reference for the guard's figures: the list of all calls, and sums over it.

It shares no code with the guard. Amounts are whole numbers of a currency's major unit.
"""

import datetime as dt
import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

_HOUR_S = 3600
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Bounds(NamedTuple):
    """The least and the most that a figure may be; equal where it is exact."""

    least: Decimal
    most: Decimal

    def __contains__(self, amount):
        return self.least <= amount <= self.most

    def __add__(self, other):
        return Bounds(self.least + other.least, self.most + other.most)


NOTHING = Bounds(Decimal(0), Decimal(0))


@dataclass
class Call:
    """A lease or a recorded cost.

    Attributes:
        scopes: Its chain, `global` included.
        made_s: When it was made, seconds since 1970.
        estimate: What it holds until it is over.
        due_s: When it expires, by a clock that is never set.
        state: As of `Lease.state`.
        charged: What it has cost; 0 while it is held.
        counters: The (scope, period) that budgets covered when it was made.
        forgotten: What resets took off, by (scope, period).
    """

    scopes: tuple[str, ...]
    made_s: float
    estimate: int
    due_s: float
    state: str
    charged: int
    counters: frozenset[tuple[str, str]]
    forgotten: dict[tuple[str, str], int] = field(default_factory=dict)

    def counts(self, scope, period, now_s, zone, latest_s):
        """Return whether it must count, and whether it may count, in the window at `now_s`.

        A counter knows when a call was made: in a rolling window up to a 60th of its length more
        counts, never less. Of a call from before the counter only the UTC hour is known. Such an
        hour must count when all of it is within the window, and may when a part of it is (in a
        rolling window, within two steps of its start). After the clock was set back, a rolling
        window that began before may have been forgotten; nothing is too new to be counted in it.
        Windows that are made anew then are made from whole hours.
        """
        if scope not in self.scopes:
            return False, False
        length_s = rolling_s(period)
        hour = self.made_s // _HOUR_S * _HOUR_S
        exact = (scope, period) in self.counters
        back = now_s < latest_s
        if length_s:
            step_s = max(1, length_s // 60)
            start_s = now_s - length_s
            partly = hour + _HOUR_S > start_s - 2 * step_s
            if exact:
                recent = self.made_s >= start_s - step_s
                return self.made_s > start_s and not back, recent or (partly and back)
            return hour >= start_s and not back, partly
        first_s, last_s = calendar(period, now_s, zone)
        inside = first_s <= self.made_s < last_s
        partly = hour < last_s and hour + _HOUR_S > first_s
        if exact:
            return inside, inside or (partly and back)
        return first_s <= hour and hour + _HOUR_S <= last_s, partly

    def spent(self, scope, period):
        """Return what it adds to what a counter has spent.

        When a call that expired is corrected after its charge was forgotten by a reset, the
        correction may count or not: usage rows know it, a counter does not go below 0.
        """
        name = (scope, period)
        if name not in self.forgotten:
            return Bounds(Decimal(self.charged), Decimal(self.charged))
        rest = Decimal(self.charged - self.forgotten[name])
        return Bounds(min(rest, Decimal(0)), max(rest, Decimal(0)))


class Program:
    """What one program on the store was given: limits by (scope or pattern, period)."""

    def __init__(self, budgets):
        self.budgets = dict(budgets)


class Reference:
    """Everything that happened on one store.

    Args:
        zone: IANA name; where calendar periods begin.
    """

    def __init__(self, zone="UTC"):
        self.calls = []
        self.stored = {}
        """Limits set in the store, by (scope or pattern, period); `None`: removed."""
        self.configs = {}
        """`(tier, custom budget or None)` by scope."""
        self._covered = set()
        self._latest_s = -math.inf
        self._zone = ZoneInfo(zone)

    def announce(self, program):
        """Note that a program's budgets, and those of the store, have counters from now on."""
        self._covered |= set(program.budgets) | {n for n, v in self.stored.items() if v is not None}
        self._covered |= {(s, "month") for s, (_, own) in self.configs.items() if own is not None}

    def make(self, scopes, made_s, estimate, due_s):
        """Add a call that is held."""
        counters = frozenset(
            (scope, period)
            for scope in scopes
            for pattern, period in self._covered
            if covers(pattern, scope)
        )
        call = Call(scopes, made_s, estimate, due_s, "held", 0, counters)
        self.calls.append(call)
        return call

    def end(self, call, charged):
        """Settle a call at what it cost, or release it (`None`); only its first end counts."""
        if call.state in {"held", "expired"}:
            call.state = "released" if charged is None else "settled"
            call.charged = charged or 0

    def _counts(self, call, scope, period, now_s):
        self._latest_s = max(self._latest_s, now_s)
        return call.counts(scope, period, now_s, self._zone, self._latest_s)

    def expire(self, now_s):
        """Charge what is due at its estimate, by a clock that is never set."""
        for call in self.calls:
            if call.state == "held" and call.due_s <= now_s:
                call.state, call.charged = "expired", call.estimate

    def reset(self, scope, period, now_s):
        """Forget what a window has spent; calls that are held count in full later."""
        for call in self.calls:
            if call.state != "held" and self._counts(call, scope, period, now_s)[1]:
                call.forgotten[scope, period] = call.charged

    def spent(self, scope, period, now_s):
        """Return the bounds of what a window has spent."""
        total = NOTHING
        for call in self.calls:
            must, may = self._counts(call, scope, period, now_s)
            least, most = call.spent(scope, period)
            if must:
                total += Bounds(least, most)
            elif may:
                total += Bounds(min(least, Decimal(0)), max(most, Decimal(0)))
        return Bounds(max(total.least, Decimal(0)), max(total.most, Decimal(0)))

    def held(self, scope, period, now_s):
        """Return the bounds of what calls in flight hold of a window."""
        total = NOTHING
        for call in self.calls:
            if call.state == "held":
                must, may = self._counts(call, scope, period, now_s)
                total += Bounds(Decimal(call.estimate * must), Decimal(call.estimate * may))
        return total

    def charged(self, now_s):
        """Return the scopes that something was charged to in this UTC month."""
        first_s, _ = calendar("month", now_s, dt.UTC)
        done = [call for call in self.calls if call.state in {"settled", "expired"}]
        return {scope for call in done if call.made_s >= first_s for scope in call.scopes}

    def used(self, scope, period, now_s):
        """Return the bounds of what a window has spent and holds."""
        return self.spent(scope, period, now_s) + self.held(scope, period, now_s)

    def limits(self, program, scope):
        """Return a program's limits of one scope, by period."""
        budgets = program.budgets | self.stored
        found = {}
        for (pattern, period), limit in sorted(budgets.items(), key=lambda one: one[0][0] == scope):
            if limit is not None and covers(pattern, scope):
                found[period] = Decimal(limit)
        tier, own = self.configs.get(scope, ("standard", None))
        if own is not None:
            found = dict.fromkeys(found or ["month"], Decimal(own))
        share = Decimal("0.25") if tier == "limited" else Decimal(1)
        return {period: limit * share for period, limit in found.items()}

    def has_tier(self, scopes, tier):
        """Return whether any of the scopes is of a tier."""
        return any(self.configs.get(scope, ("standard", None))[0] == tier for scope in scopes)

    def room(self, program, scopes, estimate, now_s):
        """Return whether a call must be granted, and whether it may be granted."""
        if self.has_tier(scopes, "blocked"):
            return False, False
        if self.has_tier(scopes, "premium"):
            return True, True
        must = may = True
        for scope in scopes:
            for period, limit in self.limits(program, scope).items():
                used = self.used(scope, period, now_s)
                must &= used.most + estimate <= limit
                may &= used.least + estimate <= limit
        return must, may


def covers(pattern, scope):
    """Return whether a budget of `pattern` is about a scope."""
    return pattern == scope or (pattern.endswith(":*") and scope.startswith(pattern[:-1]))


def rolling_s(period):
    """Return the length of a rolling window; 0 of a calendar period."""
    kind, _, length = period.partition(":")
    return int(length[:-1]) * _UNIT_S[length[-1]] if kind == "rolling" else 0


def calendar(period, now_s, zone):
    """Return start and end of the calendar period that is now, seconds since 1970."""
    if period == "total":
        return -math.inf, math.inf
    now = dt.datetime.fromtimestamp(now_s, zone)
    start = now.replace(minute=0, second=0, microsecond=0)
    if period == "hour":
        return start.timestamp(), start.timestamp() + _HOUR_S
    start = start.replace(hour=0)
    if period == "day":
        return start.timestamp(), (start + dt.timedelta(days=1)).timestamp()
    start = start.replace(day=1)
    return start.timestamp(), (start + dt.timedelta(days=32)).replace(day=1).timestamp()

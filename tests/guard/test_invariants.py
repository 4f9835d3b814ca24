"""The invariants of the guard, I1 to I7, against bookkeeping that is too simple to be wrong.

I1 spent + held <= limit in strict mode. I2 no lease outlives its ttl. I3 settling is idempotent.
I4 the sum of events is what the counters say. I5 no hold is lost when a period ends. I6 a refusal
costs nothing: no amount, and no call. I7 a refusal names scope, limit, spent, held, and the reset.
"""

import datetime as dt
import shutil
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)

from costmon.guard import Budget, BudgetRefused, Guard, LeaseError
from costmon.testing.clock import FakeClock

_HOUR_S = 3600
LIMITS = {
    ("global", "day"): Decimal("1.5"),
    ("host:a.test", "hour"): Decimal("0.5"),
    ("host:b.test", "hour"): Decimal("0.5"),
    ("key:k", "rolling:2h"): Decimal("0.8"),
    ("key:k", "total"): Decimal(3),
}
CHAINS = [("host:a.test",), ("host:b.test", "key:k"), ("key:k",), ("global",)]
BUDGETS = [
    Budget("global", "1.5", "day"),
    Budget("host:*", "0.5", "hour"),
    Budget("key:k", "0.8", "rolling:2h"),
    Budget("key:k", "3", "total"),
]
_ROLLING_S, _STEP_S = 2 * _HOUR_S, 120
cents = st.integers(0, 60).map(lambda number: Decimal(number) / 100)


class Entry:
    """What happened to one lease."""

    def __init__(self, lease, chain, wall_s, due_s):
        self.lease = lease
        self.scopes = (*chain, "global")
        self.wall_s = wall_s
        self.due_s = due_s
        self.estimate = lease.estimate
        self.state = "held"
        self.spent = Decimal(0)
        self.over_s = float("inf")


class Invariants(RuleBasedStateMachine):
    """Any sequence of calls, ends, and times, of two guards on one store."""

    leases = Bundle("leases")

    def __init__(self):
        super().__init__()
        self.clock = FakeClock()
        self.book = []
        self.keys = {}
        self.folder = None
        self.turn = False

    @initialize(kind=st.sampled_from(["memory", "sqlite"]))
    def start(self, kind):
        if kind == "memory":
            one = Guard(budgets=BUDGETS, clock=self.clock)
            self.guards = [one, Guard(one.store, BUDGETS, clock=self.clock)]
        else:
            self.folder = Path(tempfile.mkdtemp())
            url = f"sqlite:///{self.folder / 'guard.db'}"
            self.guards = [Guard(url, BUDGETS, clock=self.clock) for _ in range(2)]

    def teardown(self):
        for guard in getattr(self, "guards", ()):
            guard.close()
        if self.folder is not None:
            shutil.rmtree(self.folder)

    def figures(self, scope, period):
        """Return what the book says is spent and held in the present window."""
        now_s, spent, held = self.clock.epoch_s(), Decimal(0), Decimal(0)
        for entry in self.book:
            if scope not in entry.scopes or not counts(period, entry.wall_s, now_s):
                continue
            spent += entry.spent
            held += entry.estimate if entry.state == "held" else 0
        return spent, held

    def forgotten(self, entry):
        """Tell whether the store may have forgotten a lease: it does a day after it was over."""
        return self.clock.monotonic_s() >= min(entry.due_s, entry.over_s) + 86_400

    def end(self, entry, state, spent):
        if entry.state in {"held", "expired"}:
            entry.state, entry.spent = state, spent
            entry.over_s = self.clock.monotonic_s()

    def expire(self):
        for entry in self.book:
            if entry.state == "held" and entry.due_s <= self.clock.monotonic_s():
                entry.state, entry.spent = "expired", entry.estimate

    @rule(
        target=leases,
        which=st.integers(0, 1),
        chain=st.sampled_from(CHAINS),
        estimate=cents,
        ttl=st.sampled_from([1, 60, 5000, 100_000]),
        key=st.sampled_from([None, None, None, "x", "y"]),
    )
    def reserve(self, which, chain, estimate, ttl, key):
        guard, now_s = self.guards[which], self.clock.epoch_s()
        name = None if key is None else f"{key} of {CHAINS.index(chain)}"
        if name in self.keys and self.forgotten(self.keys[name]):
            return multiple()
        if name in self.keys:
            assert guard.reserve(chain, estimate, ttl=ttl, key=name).id == self.keys[name].lease.id
            return multiple()
        full = [
            (scope, period, limit)
            for (scope, period), limit in LIMITS.items()
            if scope in (*chain, "global") and sum(self.figures(scope, period)) + estimate > limit
        ]
        if not full:
            lease = guard.reserve(chain, estimate, ttl=ttl, key=name)
            entry = Entry(lease, chain, now_s, self.clock.monotonic_s() + ttl)
            self.book.append(entry)
            if name is not None:
                self.keys[name] = entry
            return entry
        with pytest.raises(BudgetRefused) as caught:
            guard.reserve(chain, estimate, ttl=ttl, key=name)
        refused = caught.value
        # I7, and I6: what the invariants below compare is unchanged.
        assert (refused.scope, refused.period, refused.limit) in full
        assert refused.estimate == estimate
        assert refused.spent + refused.held == sum(self.figures(refused.scope, refused.period))
        assert (refused.resets_at is None) == (refused.period == "total")
        if refused.resets_at is not None:
            assert refused.resets_at > self.clock.now()
        for word in (refused.scope, "limit", "spent", "held", "reset"):
            assert word in str(refused)
        return multiple()

    @rule(which=st.integers(0, 1), entry=leases, part=st.integers(0, 100), by_id=st.booleans())
    def settle(self, which, entry, part, by_id):
        if entry.state == "expired" and self.forgotten(entry):
            return
        lease = self.guards[which].lease(entry.lease.id) if by_id and self.known(entry) else None
        (lease or entry.lease).settle(entry.estimate * part / 100)
        self.end(entry, "settled", entry.estimate * part / 100)

    @rule(entry=leases)
    def release(self, entry):
        if entry.state == "expired" and self.forgotten(entry):
            return
        entry.lease.release()
        self.end(entry, "released", Decimal(0))

    @rule(entry=leases, ttl=st.sampled_from([1, 60, 5000]))
    def renew(self, entry, ttl):
        if entry.state == "held":
            entry.lease.renew(ttl)
            entry.due_s = self.clock.monotonic_s() + ttl
        else:
            with pytest.raises(LeaseError):
                entry.lease.renew(ttl)

    def known(self, entry):
        """Tell whether the store must still find it: memory forgets what is plainly over."""
        return entry.state in {"held", "expired"}

    @rule(seconds=st.sampled_from([0.5, 30, 119, 600, _HOUR_S, 5 * _HOUR_S]))
    def let_time_pass(self, seconds):
        self.clock.advance(seconds)
        self.guards[0].sweep()
        self.expire()

    @rule(which=st.integers(0, 1))
    def end_the_period(self, which):
        """To the second before an hour or a day ends, and over it."""
        length = (_HOUR_S, 24 * _HOUR_S)[which]
        self.clock.advance(max(0, length - self.clock.epoch_s() % length - 1))
        self.expire()
        self.books_agree()
        self.clock.advance(1)
        self.guards[0].sweep()
        self.expire()

    @rule(seconds=st.sampled_from([-1, -90, -_HOUR_S, 90, _HOUR_S]))
    def step_the_wall_clock(self, seconds):
        latest = max((entry.wall_s for entry in self.book), default=self.clock.epoch_s())
        # Back by at most a window: what is older than two is forgotten.
        if self.clock.epoch_s() + seconds >= latest - _ROLLING_S + _STEP_S:
            self.clock.step(seconds)

    @invariant()
    def books_agree(self):
        self.turn = not self.turn
        for guard in getattr(self, "guards", ())[self.turn : self.turn + 1]:
            for (scope, period), limit in LIMITS.items():
                spent, held = self.figures(scope, period)
                assert guard.spent(scope, period) == spent, (scope, period)
                assert guard.held(scope, period) == held, (scope, period)
                if not period.startswith("rolling"):
                    assert spent + held <= limit  # I1; of rolling windows see test_windows.py

    @invariant()
    def no_lease_outlives_its_ttl(self):
        for guard in getattr(self, "guards", ())[:1]:
            held = {entry.lease.id for entry in self.book if entry.state == "held"}
            assert {note.id for note in guard.leases(1000)} == held  # I2, I5

    @invariant()
    def events_are_counters(self):
        if not self.book:
            return
        since, until = (
            dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            dt.datetime(2036, 1, 1, tzinfo=dt.UTC),
        )
        for scope in ("global", "key:k"):
            rows = self.guards[0].usage(since, until, scope)
            mine = [entry for entry in self.book if scope in entry.scopes]
            assert sum(row.spent for row in rows) == int(sum(e.spent for e in mine) * 10**9)
            charged = sum(entry.state in {"settled", "expired"} for entry in mine)
            assert sum(row.requests for row in rows) == charged
            assert sum(row.expired for row in rows) == sum(e.state == "expired" for e in mine)


def counts(period, then_s, now_s):
    """Tell whether what was counted then is in the window of now."""
    if period == "total":
        return True
    if period == "rolling:2h":
        return then_s // _STEP_S * _STEP_S >= now_s // _STEP_S * _STEP_S - _ROLLING_S
    length = {"hour": _HOUR_S, "day": 24 * _HOUR_S}[period]
    return then_s // length == now_s // length


TestInvariants = Invariants.TestCase
TestInvariants.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_a_refused_call_is_not_made():
    # I6 for any function; of the bytes of real clients see clients/test_contract.py.
    guard, made = Guard(budgets=[Budget("global", "0.10", "total")]), []
    for _ in range(50):
        try:
            with guard.reserve("global", "0.01"):
                made.append(1)
        except BudgetRefused:
            continue

    assert len(made) == 10

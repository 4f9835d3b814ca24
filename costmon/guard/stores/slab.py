"""Reserve slices of a budget in a shared store and grant calls from them in memory.

A process holds one lease, a slab, in the inner store and grants calls from it without asking the
store again, in a few microseconds at most. The exact consequences:

* Nothing is overspent: a slab is held in the store like any lease, and the calls granted from it
  never exceed it. Costs above the estimates are counted when the slab ends.
* A call may be refused although there is room, because other slabs in use (of other processes and
  of this one's other plans) hold unused amounts. A slab is `share` of what remains of the tightest
  line when it is reserved, at least the call's estimate; the less remains, the smaller.
* The slabs of a process that dies expire: each is charged in full, although less may have been
  spent. That is at most `share` of what remained, or one call's estimate, for each plan that it was
  using, and it is never corrected, because the actual cost is not known.
* Figures and usage rows of other processes show a slab as held until it ends: when it is used up,
  idle, or `ttl_s` old, and its calls have ended. This process's own figures are exact.
* If a lease is settled more than `ttl_s` after it expired, when its slab has ended, a cost above
  the estimate is counted; if the cost is lower, the difference is not credited.
* Budgets that another process changes apply from the next slab or `sweep` on. A new counter counts
  slabs in use as held in full.

Calls with a key, and calls with a rate limit, use the store each time.
"""

import os
import threading
from collections.abc import Callable, Iterable, Sequence

from costmon.clock import Clock
from costmon.domain.amount import Amount, amount_of
from costmon.errors import BudgetError
from costmon.guard.errors import GuardStoreError
from costmon.guard.stores.base import (
    NOTHING,
    Hold,
    LeaseRow,
    LeaseState,
    Line,
    Outcome,
    Outdated,
    Plan,
    RecordKind,
    Refusal,
    Replan,
    Settings,
    Store,
    UsageRow,
)
from costmon.guard.stores.seeding import seed_bucket

_IDLE_S = 1.0
_UNLIMITED_CALLS = 100
"""The size of a slab without a limit: so many calls like the first."""
_UNLIMITED_NANO = 10**12
"""The largest slab without a limit, unless one call needs more."""


class _Slab:
    """A lease in the inner store, and what has been granted from it."""

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "due_s",
        "failed",
        "held",
        "hold",
        "late",
        "made_s",
        "open",
        "over",
        "requests",
        "spent",
        "used_s",
    )

    def __init__(self, hold: Hold, now_s: float, due_s: float) -> None:
        self.hold = hold
        self.made_s = self.used_s = now_s
        self.due_s = due_s
        self.held = self.spent = 0
        self.open: dict[str, Hold] = {}
        # Expired ones that may still be settled, with the times when they expired.
        self.late: dict[str, float] = {}
        self.requests = self.failed = self.bytes_in = self.bytes_out = 0
        self.over = False

    def room(self) -> int:
        return self.hold.nano - self.held - self.spent

    def count(self, outcome: Outcome) -> None:
        self.failed += outcome.failed
        self.bytes_in += outcome.bytes_in
        self.bytes_out += outcome.bytes_out


class _Desk:
    """The slabs of one plan."""

    __slots__ = ("owner", "plan", "slabs")

    def __init__(self, owner: object, plan: Plan) -> None:
        self.owner = owner
        # The inner store has its own cache in a plan.
        self.plan = Plan(plan.lines, plan.scopes, plan.activity, plan.hour, plan.revision)
        self.slabs: list[_Slab] = []


class _Local:
    """Position of a lease of this store."""

    __slots__ = ("due_s", "owner", "slab")

    def __init__(self, owner: object, slab: _Slab, due_s: float) -> None:
        self.owner = owner
        self.slab = slab
        self.due_s = due_s


class SlabStore:
    """A store in front of a shared one; see the module's docstring for its guarantees.

    Args:
        inner: The shared store.
        share: Share of the remaining budget to reserve at a time, above 0, at most 1.
        ttl_s: How long calls are granted from a slab, and how long it outlives its calls.
        clock: Source of time.
        replan: For settlements after the slab has ended and the settings have changed; `None`: they
            are counted on the slab's counters.

    Raises:
        BudgetError: `share` is out of range.
    """

    def __init__(
        self,
        inner: Store,
        *,
        share: Amount = "0.01",
        ttl_s: float = 10.0,
        clock: Clock,
        replan: Replan | None = None,
    ) -> None:
        part = amount_of(share)
        if not 0 < part <= 1:
            raise BudgetError(f"slab={share!r}: give a share, above 0 and at most 1")
        self._inner = inner
        self.shared = inner.shared
        self._share = part
        self._ttl_s = ttl_s
        self._monotonic_s = clock.monotonic_s
        self._replan = replan or self._restamped
        self._fresh()

    def _fresh(self) -> None:
        self._pid = os.getpid()
        # Slabs belong to this process: after a fork the child has its own owner.
        self._owner = object()
        self._lock = threading.RLock()
        self._desks: dict[tuple[object, ...], _Desk] = {}
        self._numbers = 0
        self._revision: int | None = None

    def __str__(self) -> str:
        return str(self._inner)

    def identity(self) -> str:
        """Return the name of the inner store."""
        return self._inner.identity()

    def reserve(
        self, plan: Plan, nano: int, ttl_s: float, key: str | None = None
    ) -> Hold | Refusal | Outdated:
        """Hold `nano` in a slab, or in a new one; see `Store.reserve`."""
        if os.getpid() != self._pid:
            self._fresh()
        if key is not None or any(line.fixed is not None for line in plan.lines):
            return self._directly(plan, nano, ttl_s, key)
        with self._lock:
            if self._revision is not None and self._revision != plan.revision:
                return Outdated(self._revision)
            desk = plan.cache
            if not isinstance(desk, _Desk) or desk.owner is not self._owner:
                desk = plan.cache = self._desk(plan)
            now_s = self._monotonic_s()
            for slab in desk.slabs:
                if not slab.over and slab.room() >= nano:
                    if now_s - slab.made_s < self._ttl_s:
                        return self._grant(slab, plan, nano, ttl_s, now_s)
                    slab.over = True
            taken = self._take(desk, nano, ttl_s, now_s)
            if not isinstance(taken, _Slab):
                return taken
            hold = self._grant(taken, plan, nano, ttl_s, now_s)
            hold.warned = taken.hold.warned
            return hold

    def _directly(
        self, plan: Plan, nano: int, ttl_s: float, key: str | None
    ) -> Hold | Refusal | Outdated:
        if isinstance(plan.cache, _Desk):
            plan.cache = None
        found = self._inner.reserve(plan, nano, ttl_s, key)
        if isinstance(found, Refusal):
            with self._lock:
                if self._end_idle():
                    found = self._inner.reserve(plan, nano, ttl_s, key)
        return found

    def _desk(self, plan: Plan) -> _Desk:
        name = (plan.lines, plan.scopes, plan.activity, plan.hour, plan.revision)
        return self._desks.setdefault(name, _Desk(self._owner, plan))

    def _take(
        self, desk: _Desk, nano: int, ttl_s: float, now_s: float
    ) -> _Slab | Refusal | Outdated:
        for slab in desk.slabs:
            slab.over = True
        for other in self._desks.values():
            # A new budget starts from the store's usage rows: update them first.
            if other.plan.revision != desk.plan.revision:
                for slab in other.slabs:
                    slab.over = True
        self._end_idle(only_over=True)
        lasts_s = ttl_s + 2 * self._ttl_s
        found = self._inner.reserve(desk.plan, max(nano, self._size(desk.plan, nano)), lasts_s)
        if isinstance(found, Refusal):
            self._end_idle()
            found = self._inner.reserve(desk.plan, nano, lasts_s)
        if isinstance(found, Hold):
            slab = _Slab(found, now_s, now_s + lasts_s)
            desk.slabs.append(slab)
            return slab
        if isinstance(found, Outdated):
            self._revision = found.revision
        else:
            # A slab with calls in flight may have got room in the meantime.
            for slab in desk.slabs:
                if slab.room() >= nano:
                    return slab
        return found

    def _size(self, plan: Plan, nano: int) -> int:
        limited = [line for line in plan.lines if line.limit is not None]
        if not limited:
            return min(nano * _UNLIMITED_CALLS, _UNLIMITED_NANO)
        totals = self._inner.totals(limited)
        remaining = min(
            (line.limit or 0) - spent - held
            for line, (spent, held) in zip(limited, totals, strict=True)
        )
        return int(max(0, remaining) * self._share)

    def _grant(self, slab: _Slab, plan: Plan, nano: int, ttl_s: float, now_s: float) -> Hold:
        due_s = now_s + ttl_s
        if due_s > slab.due_s:
            self._prolong(slab, due_s, now_s)
        self._numbers += 1
        hold = Hold(
            f"{slab.hold.id}/{self._numbers}",
            plan,
            nano,
            ttl_s,
            None,
            _Local(self._owner, slab, due_s),
        )
        slab.held += nano
        slab.used_s = now_s
        slab.open[hold.id] = hold
        return hold

    def _prolong(self, slab: _Slab, due_s: float, now_s: float) -> None:
        lasts_s = due_s - now_s + 2 * self._ttl_s
        # If it has expired in the store it is charged there in full, so its calls stay covered.
        self._inner.renew(slab.hold, lasts_s)
        slab.due_s = now_s + lasts_s

    def settle(self, hold: Hold, nano: int, outcome: Outcome = NOTHING) -> LeaseState | None:
        """Charge what the call cost; see `Store.settle`."""
        if not isinstance(hold.cells, _Local):
            return self._inner.settle(hold, nano, outcome)
        with self._lock:
            local = hold.cells
            if os.getpid() != self._pid or local.owner is not self._owner:
                return None
            before, slab = hold.state, local.slab
            if before == "held":
                del slab.open[hold.id]
                slab.held -= hold.nano
                slab.spent += nano
                slab.requests += 1
                slab.count(outcome)
            elif before == "expired":
                if slab.late.pop(hold.id, None) is not None:
                    slab.spent += nano - hold.nano
                    slab.count(outcome)
                elif nano > hold.nano:
                    self._charge_late(
                        slab.hold.plan, nano - hold.nano, hold.id, outcome._replace(requests=0)
                    )
            else:
                return before
            hold.state = "settled"
            return before

    def _charge_late(self, plan: Plan, nano: int, id: str, outcome: Outcome) -> None:
        while isinstance(self._inner.charge(plan, nano, id, outcome), Outdated):
            plan = self._replan(plan)

    def _restamped(self, plan: Plan) -> Plan:
        revision = self._inner.settings().revision
        return Plan(plan.lines, plan.scopes, plan.activity, plan.hour, revision)

    def release(self, hold: Hold) -> LeaseState | None:
        """Charge nothing; see `Store.release`."""
        if not isinstance(hold.cells, _Local):
            return self._inner.release(hold)
        with self._lock:
            local = hold.cells
            if os.getpid() != self._pid or local.owner is not self._owner:
                return None
            before, slab = hold.state, local.slab
            if before == "held":
                del slab.open[hold.id]
                slab.held -= hold.nano
            elif before == "expired":
                if slab.late.pop(hold.id, None) is not None:
                    slab.spent -= hold.nano
                    slab.requests -= 1
            else:
                return before
            hold.state = "released"
            return before

    def renew(self, hold: Hold, ttl_s: float) -> LeaseState | None:
        """Make a held lease expire `ttl_s` seconds from now; see `Store.renew`."""
        if not isinstance(hold.cells, _Local):
            return self._inner.renew(hold, ttl_s)
        with self._lock:
            local = hold.cells
            if os.getpid() != self._pid or local.owner is not self._owner:
                return None
            if hold.state == "held":
                now_s = self._monotonic_s()
                local.due_s = now_s + ttl_s
                hold.expires_in_s = ttl_s
                if local.due_s > local.slab.due_s:
                    self._prolong(local.slab, local.due_s, now_s)
            return hold.state

    def find(self, id: str) -> Hold | None:
        """Return a lease; those granted from a slab are only found in their own process."""
        with self._lock:
            for desk in self._desks.values():
                for slab in desk.slabs:
                    if id in slab.open:
                        return slab.open[id]
        return self._inner.find(id)

    def charge(
        self,
        plan: Plan,
        nano: int,
        id: str,
        outcome: Outcome = NOTHING,
    ) -> bool | Outdated:
        """Charge without a lease; see `Store.charge`."""
        plain = Plan(plan.lines, plan.scopes, plan.activity, plan.hour, plan.revision)
        return self._inner.charge(plain, nano, id, outcome)

    def totals(self, lines: Sequence[Line]) -> list[tuple[int, int]]:
        """Return what each line's window has spent and holds, exact for this process's slabs."""
        with self._lock:
            self._expire()
            totals = self._inner.totals(lines)
            for desk in self._desks.values():
                for slab in desk.slabs:
                    known = self._inner.find(slab.hold.id)
                    if known is None:
                        continue
                    for place, line in enumerate(lines):
                        if _counts(desk.plan, line):
                            spent, held = totals[place]
                            if known.state == "expired":
                                spent -= known.nano
                            else:
                                held -= known.nano
                            totals[place] = (spent + slab.spent, held + slab.held)
            return totals

    def reset(self, line: Line) -> int:
        """Set what the line's window has spent to 0, after settling this process's idle slabs."""
        with self._lock:
            self._end_idle()
            return self._inner.reset(line)

    def sweep(self) -> int:
        """Expire what is due, return idle slabs, and check for changed settings."""
        if os.getpid() != self._pid:
            self._fresh()
        with self._lock:
            expired = self._expire()
            now_s = self._monotonic_s()
            for desk in self._desks.values():
                for slab in desk.slabs:
                    if now_s - slab.used_s >= _IDLE_S or now_s - slab.made_s >= self._ttl_s:
                        slab.over = True
                    waiting = slab.open or slab.late
                    if waiting and now_s + self._ttl_s > slab.due_s:
                        self._prolong(slab, now_s + self._ttl_s, now_s)
            self._end_idle(only_over=True)
            revision = self._inner.settings().revision
            if self._revision is None or revision > self._revision:
                self._revision = revision
            for name in [
                name
                for name, desk in self._desks.items()
                if not desk.slabs and desk.plan.revision != revision
            ]:
                del self._desks[name]
        return expired + self._inner.sweep()

    def leases(self, limit: int) -> list[LeaseRow]:
        """Return the held leases; for other processes, their slabs."""
        with self._lock:
            self._expire()
            own = [slab for desk in self._desks.values() for slab in desk.slabs]
            slabs = {slab.hold.id for slab in own}
            now_s = self._monotonic_s()
            rows = [
                LeaseRow(
                    id=hold.id,
                    key=None,
                    scopes=hold.plan.scopes,
                    activity=hold.plan.activity,
                    nano=hold.nano,
                    state="held",
                    expires_in_s=hold.cells.due_s - now_s,  # type: ignore[attr-defined]  # is a _Local
                )
                for slab in own
                for hold in slab.open.values()
            ]
        others = [row for row in self._inner.leases(limit + len(slabs)) if row.id not in slabs]
        return (others + rows)[:limit]

    def usage(self, since: int, until: int, scope: str | None = None) -> list[UsageRow]:
        """Return the rows of the inner store, which include ended slabs."""
        return self._inner.usage(since, until, scope)

    def settings(self) -> Settings:
        """Return the settings."""
        settings = self._inner.settings()
        with self._lock:
            self._revision = settings.revision
        return settings

    def read(self, kind: RecordKind, key: str) -> str | None:
        """Return a record's text."""
        return self._inner.read(kind, key)

    def update(
        self, kind: RecordKind, key: str, change: Callable[[str | None], str | None]
    ) -> str | None:
        """Replace a record by `change` of it; see `Store.update`."""
        after = self._inner.update(kind, key, change)
        if kind != "health":
            self.settings()
        return after

    def records(self, kind: RecordKind) -> Iterable[tuple[str, str]]:
        """Return all records of a kind, by key."""
        return self._inner.records(kind)

    def close(self) -> None:
        """Settle the slabs, with calls in flight at their estimates, and close the inner store."""
        if os.getpid() != self._pid:
            self._fresh()
        failure: GuardStoreError | None = None
        with self._lock:
            for desk in self._desks.values():
                slabs, desk.slabs = desk.slabs, []
                for slab in slabs:
                    for hold in slab.open.values():
                        slab.spent += hold.nano
                        slab.requests += 1
                        hold.state = "expired"
                    try:
                        self._end(slab)
                    except GuardStoreError as error:
                        failure = error  # the store charges the slab in full when it expires
        self._inner.close()
        if failure is not None:
            raise failure

    def _expire(self) -> int:
        now_s, expired = self._monotonic_s(), 0
        for desk in self._desks.values():
            for slab in desk.slabs:
                due = [
                    hold
                    for hold in slab.open.values()
                    if hold.cells.due_s <= now_s  # type: ignore[attr-defined]  # is a _Local
                ]
                for hold in due:
                    del slab.open[hold.id]
                    slab.held -= hold.nano
                    slab.spent += hold.nano
                    slab.requests += 1
                    slab.late[hold.id] = now_s
                    hold.state = "expired"
                expired += len(due)
        return expired

    def _end_idle(self, *, only_over: bool = False) -> int:
        """Return slabs without calls in flight to the store; return how many."""
        now_s, ended = self._monotonic_s(), 0
        for desk in self._desks.values():
            for slab in list(desk.slabs):
                waiting = any(now_s - at_s < self._ttl_s for at_s in slab.late.values())
                if slab.open or waiting or (only_over and not slab.over):
                    continue
                self._end(slab)
                desk.slabs.remove(slab)
                ended += 1
        return ended

    def _end(self, slab: _Slab) -> None:
        slab.late.clear()
        if slab.requests:
            outcome = Outcome(slab.bytes_in, slab.bytes_out, slab.failed, slab.requests)
            self._inner.settle(slab.hold, slab.spent, outcome)
        else:
            self._inner.release(slab.hold)


def _counts(plan: Plan, asked: Line) -> bool:
    """Return whether the store counts leases of the plan on that line."""
    for own in plan.lines:
        if own.scope == asked.scope and own.period == asked.period:
            return asked.first <= own.bucket <= asked.last
    known = asked.fixed is None and asked.scope in plan.scopes
    return known and seed_bucket(asked, plan.hour) is not None

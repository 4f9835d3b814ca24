"""Counters in this process's memory: exact for its threads, lost when it ends.

After a fork the child has its own counters: it knows what its parent had spent, but from then on
neither sees what the other spends. A program that forks workers needs a shared store.
"""

import itertools
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from costmon.clock import EpochClock
from costmon.guard.errors import INTERRUPTED, GuardStoreUnavailable, LeaseError
from costmon.guard.stores.base import (
    NOTHING,
    REMEMBERED_S,
    Hold,
    LeaseRow,
    LeaseState,
    Line,
    Outcome,
    Outdated,
    Plan,
    RecordKind,
    Refusal,
    Settings,
    UsageRow,
)
from costmon.guard.stores.memory_cells import Bound, add, hold_all
from costmon.guard.stores.memory_counters import MemoryCounters

P = ParamSpec("P")
T = TypeVar("T")

_NEVER = float("inf")
# The same as Refusal(...), in half the time.
_refusal: Callable[..., Refusal] = tuple.__new__
_new = object.__new__
_HOUR_S = 3600
_KEPT_S = 40 * 86_400
"""How long usage rows are kept: a month for new budgets, and some days to report it."""


_OUTDATED = Bound(0)

_STORES: "weakref.WeakSet[MemoryStore]" = weakref.WeakSet()


_paused: "list[MemoryStore]" = []
_LONGEST_PAUSE_S = 1.0


def _before_fork() -> None:
    """Wait until no thread is inside a step, of which the child would inherit a part."""
    _paused.extend(store for store in list(_STORES) if store.pause(_LONGEST_PAUSE_S))


def _after_fork() -> None:
    while _paused:
        _paused.pop().resume()


def _after_fork_in_child() -> None:
    _paused.clear()
    for store in list(_STORES):
        store.after_fork()


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child
)


def _step(
    method: Callable[Concatenate["MemoryStore", P], T],
) -> Callable[Concatenate["MemoryStore", P], T]:
    """Run a method while the lock is held; refuse it to a signal handler that interrupted one."""

    @wraps(method)
    def run(self: "MemoryStore", /, *args: P.args, **named: P.kwargs) -> T:
        if self._inside and self._is_owned():
            raise _interrupted()
        # No handler runs between taking this lock and entering the block.
        with self._lock:
            try:
                self._inside = True
                return method(self, *args, **named)
            finally:
                self._inside = False

    return run


def _interrupted() -> GuardStoreUnavailable:
    return GuardStoreUnavailable("memory://", "be used", INTERRUPTED)


class MemoryStore:
    """A store in the memory of its process."""

    shared = False

    def __init__(self, *, clock: EpochClock) -> None:
        self._monotonic_s = clock.monotonic_s
        self._epoch_s = clock.epoch_s
        self._forgotten_until = 0
        self._inside = False
        """Whether a step has begun; only true for this thread if it owns the lock, too."""
        self._make_lock()
        self._number = 0
        self._identity = os.urandom(16).hex()
        # By number, in the order of creation; `cells` of a hold is the time when it expires.
        self._held: dict[object, Hold] = {}
        self._counters = MemoryCounters(self._held)
        self._earliest_due_s = _NEVER
        self._keys: dict[str, Hold] = {}
        # Ended leases and charges that will be dropped, oldest first; a charge has no hold.
        self._over: dict[str, tuple[Hold | None, float]] = {}
        self._records: dict[RecordKind, dict[str, str]] = {
            "budget": {},
            "scope": {},
            "health": {},
            "model": {},
        }
        self._revision = 0

        _STORES.add(self)

    def __str__(self) -> str:
        return "memory://"

    def identity(self) -> str:
        """Return a random name, different in every process."""
        return self._identity

    def reserve(  # noqa: C901, PLR0912, PLR0915 - in one piece: another function call costs a tenth of its time
        self, plan: Plan, nano: int, ttl_s: float, key: str | None = None
    ) -> Hold | Refusal | Outdated:
        """Hold `nano` on every line or on none; see `Store.reserve`."""
        bound = plan.cache
        if bound.__class__ is not Bound:
            bound = self._bind(plan)
        only = bound.only
        if bound.full and only is not None and plan.revision == self._revision:
            # Refused without the lock: no concurrent step can make these two sums too high.
            cell, limit, warn, line = only
            spent, held = cell.spent, cell.held
            if spent + held + nano > limit and key is None:
                return _refusal(Refusal, (line, spent, held))
            bound.full = False
        due_s = self._monotonic_s() + ttl_s
        # The same as Hold(...), in two thirds of the time.
        hold = _new(Hold)
        hold.plan = plan
        hold.nano = nano
        hold.expires_in_s = ttl_s
        hold.state = "held"
        hold.warned = ()
        hold.key = key
        hold.cells = due_s
        if self._inside and self._is_owned():
            raise _interrupted()
        try:
            if not self._acquire(False):
                self._take()
        except BaseException:
            self._let_go()
            raise
        try:
            self._inside = True
            if plan.revision != self._revision:
                return Outdated(self._revision)
            if key is not None and (known := self._keys.get(key)) is not None:
                return _same_chain(known, plan, key)
            if only is not None:
                cell, limit, warn, line = only
                used = cell.spent + cell.held + nano
                if used > limit:
                    bound.full = True
                    return Refusal(line, cell.spent, cell.held)
                cell.held += nano
                if used >= warn:
                    hold.warned = ((line, cell.spent, cell.held),)
            else:
                for top, line in bound.rolling:
                    if top.first != line.first:
                        # A clock was set, and another thread still uses the other time.
                        bound = self._counters.look_up(plan)
                        break
                refusal = hold_all(bound, hold)
                if refusal is not None:
                    return refusal
            hold._id = self._number = number = self._number + 1
            self._held[number] = hold
            if due_s < self._earliest_due_s:  # noqa: PLR1730 - a call of min costs 90 ns
                self._earliest_due_s = due_s
            if key is not None:
                self._keys[key] = hold
        except LeaseError:
            raise
        except BaseException:
            # A signal handler raised: nobody gets this hold.
            if self._held.get(self._number) is hold:
                del self._held[self._number]
            self._counters.recount_held()
            raise
        finally:
            self._inside = False
            self._release()
        return hold

    def settle(  # noqa: C901, PLR0912 - in one piece for speed, like `reserve`
        self, hold: Hold, nano: int, outcome: Outcome = NOTHING
    ) -> LeaseState | None:
        """Charge what the call cost; see `Store.settle`."""
        bound: Bound = hold.plan.cache  # type: ignore[assignment]  # reserved by this store
        if self._inside and self._is_owned():
            raise _interrupted()
        try:
            if not self._acquire(False):
                self._take()
        except BaseException:
            self._let_go()
            raise
        try:
            self._inside = True
            before = hold.state
            if before == "held":
                del self._held[hold._id]
                hold.state = "settled"
                if bound.only is not None:
                    cell = bound.only[0]
                    cell.held -= hold.nano
                    cell.spent += nano
                else:
                    for cell in bound.money:
                        add(cell, nano, -hold.nano)
                    for cell, count in bound.fixed:
                        add(cell, count, -count)
                for row in bound.usage:
                    row.spent += nano
                    if outcome is NOTHING:
                        row.plain += 1
                    else:
                        row.requests += outcome.requests
                        row.changes += 1
                        row.add(outcome)
                if hold.key is not None:
                    self._end(hold)
            elif before == "expired":
                self._correct(hold, nano, outcome, requests=0)
                hold.state = "settled"
                self._end(hold)
            else:
                return before
        except BaseException:
            self._counters.recount_held()  # a signal handler raised
            raise
        finally:
            self._inside = False
            self._release()
        return before

    @_step
    def release(self, hold: Hold) -> LeaseState | None:
        """Charge nothing; see `Store.release`."""
        before = hold.state
        if before == "held":
            del self._held[hold._id]
            bound: Bound = hold.plan.cache  # type: ignore[assignment]  # reserved by this store
            for cell in bound.money:
                add(cell, 0, -hold.nano)
            for cell, count in bound.fixed:
                add(cell, 0, -count)
        elif before == "expired":
            self._correct(hold, 0, NOTHING, requests=-1)
        else:
            return before
        hold.state = "released"
        self._end(hold)
        return before

    @_step
    def renew(self, hold: Hold, ttl_s: float) -> LeaseState | None:
        """Make a held lease expire `ttl_s` seconds from now; see `Store.renew`."""
        if hold.state == "held":
            hold.cells = due_s = self._monotonic_s() + ttl_s
            hold.expires_in_s = ttl_s
            self._earliest_due_s = min(self._earliest_due_s, due_s)
        return hold.state

    @_step
    def find(self, id: str) -> Hold | None:
        """Return a lease; of ended ones, only those with a key or that expired are kept."""
        known = self._held.get(int(id)) if id.isdecimal() else None
        return known if known is not None else self._over.get(id, (None, 0))[0]

    @_step
    def charge(
        self,
        plan: Plan,
        nano: int,
        id: str,
        outcome: Outcome = NOTHING,
    ) -> bool | Outdated:
        """Charge without a lease; see `Store.charge`."""
        name = f"charge {id}"
        if name in self._over:
            return False
        if plan.revision != self._revision:
            return Outdated(self._revision)
        bound = self._counters.look_up(plan)
        for cell in bound.money:
            add(cell, nano, 0)
        for cell, count in bound.fixed:
            add(cell, count, 0)
        self._count(bound, nano, outcome, requests=outcome.requests, expired=0)
        self._over[name] = (None, self._monotonic_s())
        return True

    @_step
    def totals(self, lines: Sequence[Line]) -> list[tuple[int, int]]:
        """Return what each line's window has spent and holds."""
        self._expire()
        return self._counters.totals(lines)

    @_step
    def reset(self, line: Line) -> int:
        """Set what the line's window has spent to 0; see `Store.reset`."""
        self._expire()
        return self._counters.reset(line)

    @_step
    def sweep(self) -> int:
        """Expire what is due and delete old data; see `Store.sweep`."""
        expired = self._expire()
        self._forget()
        return expired

    def _forget(self) -> None:
        """Drop what is too old to be needed."""
        now_s = self._monotonic_s()
        while self._over:
            name = next(iter(self._over))
            hold, ended_s = self._over[name]
            if now_s - ended_s < REMEMBERED_S:
                break
            del self._over[name]
            if hold is not None and hold.key is not None:
                self._keys.pop(hold.key, None)
        before = int(self._epoch_s()) - _KEPT_S
        if before - self._forgotten_until >= _HOUR_S:
            self._forgotten_until = before
            self._counters.forget(before)

    @_step
    def leases(self, limit: int) -> list[LeaseRow]:
        """Return the held leases, oldest first."""
        self._expire()
        now_s = self._monotonic_s()
        return [
            LeaseRow(
                id=hold.id,
                key=hold.key,
                scopes=hold.plan.scopes,
                activity=hold.plan.activity,
                nano=hold.nano,
                state=hold.state,
                expires_in_s=_due_s(hold) - now_s,
            )
            for hold in itertools.islice(self._held.values(), limit)
        ]

    @_step
    def usage(self, since: int, until: int, scope: str | None = None) -> list[UsageRow]:
        """Return the rows of the hours in [since, until), oldest first."""
        self._expire()
        return self._counters.usage(since, until, scope)

    @_step
    def settings(self) -> Settings:
        """Return the settings."""
        return Settings(self._revision, dict(self._records["budget"]), dict(self._records["scope"]))

    @_step
    def read(self, kind: RecordKind, key: str) -> str | None:
        """Return a record's text."""
        return self._records[kind].get(key)

    @_step
    def update(
        self, kind: RecordKind, key: str, change: Callable[[str | None], str | None]
    ) -> str | None:
        """Replace a record by `change` of it; see `Store.update`."""
        records = self._records[kind]
        before = records.get(key)
        after = change(before)
        if after is None:
            records.pop(key, None)
        else:
            records[key] = after
        if after != before and kind in {"budget", "scope"}:
            self._revision += 1
        return after

    @_step
    def records(self, kind: RecordKind) -> Iterable[tuple[str, str]]:
        """Return all records of a kind, by key."""
        return sorted(self._records[kind].items())

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def pause(self, timeout_s: float) -> bool:
        """Start no step until `resume`; False if one takes too long, such as one of this thread."""
        return self._lock.acquire(timeout=timeout_s)

    def resume(self) -> None:
        """Continue after `pause`."""
        self._lock.release()

    def after_fork(self) -> None:
        """Become a separate store in the child: leases and reported usage stay the parent's."""
        self._make_lock()
        self._identity = os.urandom(16).hex()
        for hold in self._held.values():
            bound: Bound = hold.plan.cache  # type: ignore[assignment]  # reserved by this store
            for cell in bound.money:
                add(cell, 0, -hold.nano)
            for cell, count in bound.fixed:
                add(cell, 0, -count)
            hold.state = "released"
        self._held.clear()
        self._counters.after_fork()

    def _make_lock(self) -> None:
        # Reentrant, so that a signal handler that calls the guard is refused instead of waiting for
        # its own thread for ever.
        self._lock = threading.RLock()
        self._acquire = self._lock.acquire
        self._release = self._lock.release
        self._is_owned: Callable[[], bool] = self._lock._is_owned  # type: ignore[attr-defined]  # as threading.Condition does
        self._inside = False

    def _let_go(self) -> None:
        """Release the lock if a signal handler raised right after it was taken."""
        if self._is_owned():
            self._release()

    def _take(self) -> None:
        """Take the lock without sleeping in it.

        A thread that sleeps in a lock gets it while another thread has the interpreter, which then
        finds it taken and sleeps, too: from then on every call costs a thread switch. With 8
        threads on 2 cores that was 9 times slower.
        """
        while not self._acquire(False):
            os.sched_yield()

    @_step
    def _bind(self, plan: Plan) -> Bound:
        """Look up the plan's counters; an outdated plan creates none, and is refused later."""
        if int(self._epoch_s()) - _KEPT_S - self._forgotten_until >= _HOUR_S:
            # A program may never read figures or sweep.
            self._expire()
            self._forget()
        return self._counters.look_up(plan) if plan.revision == self._revision else _OUTDATED

    def _expire(self) -> int:
        now_s = self._monotonic_s()
        if now_s < self._earliest_due_s:
            return 0
        due = [hold for hold in self._held.values() if _due_s(hold) <= now_s]
        for hold in due:
            del self._held[hold._id]
            bound: Bound = hold.plan.cache  # type: ignore[assignment]  # reserved by this store
            for cell in bound.money:
                add(cell, hold.nano, -hold.nano)
            for cell, count in bound.fixed:
                add(cell, count, -count)
            self._count(bound, hold.nano, NOTHING, requests=1, expired=1)
            hold.state = "expired"
            hold.cells = self._counters.resets
            self._end(hold)
        self._earliest_due_s = min(map(_due_s, self._held.values()), default=_NEVER)
        return len(due)

    def _correct(self, hold: Hold, nano: int, outcome: Outcome, *, requests: int) -> None:
        """Correct the charge of an expired lease."""
        bound: Bound = hold.plan.cache  # type: ignore[assignment]  # reserved by this store
        resets: int = hold.cells  # type: ignore[assignment]  # set by `_expire`
        # What was reset cannot be credited again.
        for cell in bound.money:
            if cell.reset <= resets:
                add(cell, nano - hold.nano, 0)
        self._counters.correct_forgiven(hold.plan, nano - hold.nano, resets)
        if requests:
            for cell, count in bound.fixed:
                add(cell, -count, 0)
        self._count(bound, nano - hold.nano, outcome, requests=requests, expired=-1)

    def _count(
        self, bound: Bound, nano: int, outcome: Outcome, *, requests: int, expired: int
    ) -> None:
        for row in bound.usage:
            row.spent += nano
            row.requests += requests
            row.changes += 1
            row.expired += expired
            row.add(outcome)

    def _end(self, hold: Hold) -> None:
        """Keep leases that may be looked up later; others are only known to their own object."""
        if hold.key is not None or hold.state == "expired":
            self._over.pop(hold.id, None)
            self._over[hold.id] = (hold, self._monotonic_s())


def _due_s(hold: Hold) -> float:
    return hold.cells  # type: ignore[return-value]  # made by `reserve`


def _same_chain(known: Hold, plan: Plan, key: str) -> Hold:
    if known.plan.scopes != plan.scopes:
        raise LeaseError(key, f"the key belongs to a call of {', '.join(known.plan.scopes)}")
    return known

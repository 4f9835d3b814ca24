"""Programs on one store, each step of which is checked against the reference."""

import datetime as dt
import itertools
from typing import Any

from costmon.guard import Budget, BudgetRefused, CallRefused, Guard, TierRefused
from tests.guard.stores.reference import Program, Reference

DAY_S = 86_400
_SINCE = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_UNTIL = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


class _Running:
    """A program and its guard."""

    def __init__(self, program, guard):
        self.program = program
        self.guard = guard


class World:
    """A store, the programs on it, and what the reference says.

    Args:
        place: Where the store is; see `places`.
        clock: The clock of all programs.
    """

    def __init__(self, place, clock):
        self._place = place
        self._clock = clock
        self.be_in("UTC")
        self.running = []
        self.leases = []
        self.failed = False

    def be_in(self, zone):
        """Let calendar periods begin by a time zone; before anything else."""
        self._zone = zone
        self.reference = Reference(zone)

    @property
    def now_s(self):
        """Return the time of the wall clock."""
        return self._clock.epoch_s()

    @property
    def _passed_s(self):
        return self._clock.monotonic_s()

    def start(self, budgets=()):
        """Start a program with budgets of its own: {(scope or pattern, period): limit}."""
        program = Program(budgets)
        self.running.append(_Running(program, self._guard(program)))

    def _guard(self, program):
        budgets = [Budget(s, limit, period) for (s, period), limit in program.budgets.items()]
        store = self._place.open()
        store.settings()  # which makes a database's tables: time passes in them, too
        return Guard(store, budgets, zone=self._zone, clock=self._clock, app="world")

    def stop(self, number):
        """Close a program; its leases stay."""
        self.running.pop(number % len(self.running)).guard.close()

    def restart(self, number):
        """Close a program and start it again."""
        running = self._running(number)
        running.guard.close()
        running.guard = self._guard(running.program)

    def _running(self, number):
        return self.running[number % len(self.running)]

    def reserve(self, number, chain, estimate, ttl_s):
        """Ask for a lease; return whether it was granted: where there is room, and only there."""
        running = self._running(number)
        scopes = (*dict.fromkeys((*chain, "global")),)
        self.reference.expire(self._passed_s)
        must, may = self.reference.room(running.program, scopes, estimate, self.now_s)
        self.reference.announce(running.program)
        asked = f"{estimate} for {', '.join(scopes)}"
        try:
            lease = running.guard.reserve(chain, estimate, ttl=ttl_s)
        except CallRefused as refused:
            self._expect(not must, f"{asked}: refused, but there is room: {refused}")
            self._check_refusal(refused, running, estimate)
            return False
        call = self.reference.make(scopes, self.now_s, estimate, self._passed_s + ttl_s)
        self.leases.append((call, lease, running))
        self._expect(may, f"{asked}: granted above a limit; {self._described(running, scopes)}")
        return True

    def _check_refusal(self, refused, running, estimate):
        if not isinstance(refused, BudgetRefused):
            self._expect(isinstance(refused, TierRefused), f"refused by {refused!r}")
            return
        name = (refused.scope, refused.period)
        limit = self.reference.limits(running.program, refused.scope).get(refused.period)
        self._expect(refused.limit == limit, f"{name} refused by {refused.limit}, not {limit}")
        # A lease that is due may still be held: it expires before any figure is read.
        self._within("used", name, refused.spent + refused.held)
        over = refused.spent + refused.held + estimate > refused.limit
        self._expect(over, f"{name} was refused, though {estimate} fits: {refused}")

    def _described(self, running, scopes):
        return [
            f"{scope} {period}: {limit}, used {tuple(map(str, self._used(scope, period)))}"
            for scope in scopes
            for period, limit in self.reference.limits(running.program, scope).items()
        ]

    def _used(self, scope, period):
        return self.reference.used(scope, period, self.now_s)

    def end(self, number, by, charged):
        """Settle a lease at what it cost, or release it (`None`), by its program or another one."""
        call, lease, owner = self.leases[number % len(self.leases)]
        self.reference.expire(self._passed_s)
        by_id = by is not None or owner not in self.running
        if (by_id and call.state in {"settled", "released"}) or (
            call.state == "expired" and self._passed_s >= call.due_s + DAY_S
        ):
            return  # it may have been forgotten
        found = self._running(by or 0).guard.lease(lease.id) if by_id else lease
        if charged is None:
            found.release()
        else:
            found.settle(charged)
        self.reference.end(call, charged)

    def charge(self, number, host, scopes, cost):
        """Record a cost that no lease was made for."""
        running = self._running(number)
        chain = (*dict.fromkeys((f"host:{host}", *scopes, "global")),)
        self.reference.announce(running.program)
        running.guard.records.record_cost(host, cost, scopes=scopes)
        self.reference.end(self.reference.make(chain, self.now_s, cost, self._passed_s), cost)

    def let_pass(self, seconds):
        """Let time pass, for the clock and for the store."""
        self._place.let_pass(seconds)

    def set_clock(self, seconds):
        """Set the wall clock forward or back; no time passes."""
        self._clock.step(seconds)

    def set_budget(self, number, scope, period, limit):
        """Set a budget for all programs."""
        self._running(number).guard.set_budget(Budget(scope, limit, period))
        self.reference.stored[scope, period] = limit
        self.reference.announce(self._running(number).program)

    def remove_budget(self, number, scope, period):
        """Remove a budget for all programs."""
        self._running(number).guard.remove_budget(scope, period)
        self.reference.stored[scope, period] = None

    def configure(self, number, scope, tier, custom_budget):
        """Configure a scope for all programs; what is `None` stays."""
        self._running(number).guard.configure(scope, tier=tier, custom_budget=custom_budget)
        before = self.reference.configs.get(scope, ("standard", None))
        own = before[1] if custom_budget is None else custom_budget
        self.reference.configs[scope] = (tier or before[0], own)

    def unconfigure(self, number, scope):
        """Forget the configuration of a scope."""
        self._running(number).guard.unconfigure(scope)
        self.reference.configs.pop(scope, None)

    def reset(self, number, scope, period):
        """Forget what a window has spent."""
        self.reference.expire(self._passed_s)
        forgotten = self._running(number).guard.reset(scope, period)
        self._within("spent", (scope, period), forgotten)
        self.reference.reset(scope, period, self.now_s)

    def read(self, number, scope, period, times=2):
        """Read the figures of a scope, some times in a row; nothing may change by it."""
        running = self._running(number)
        self.reference.expire(self._passed_s)
        before = running.guard.store.settings()
        for _ in range(times):
            self._read(running, scope, period)
        self._expect(running.guard.store.settings() == before, "reading has changed the settings")

    def _read(self, running, scope, period):
        guard = running.guard
        spent = guard.spent(scope, period)
        held, remaining = guard.held(scope, period), guard.remaining(scope, period)
        self._within("spent", (scope, period), spent)
        self._within("held", (scope, period), held)
        limit = self.reference.limits(running.program, scope).get(period)
        expected = None if limit is None else max(0, limit - spent - held)
        said = f"{scope} {period}: remaining {remaining} of {limit}, not {expected}"
        self._expect(remaining == expected, said)

    def look(self, number):
        """Read everything that a program can be asked about money."""
        running, reference = self._running(number), self.reference
        reference.expire(self._passed_s)
        before = running.guard.store.settings()
        status, gauges = running.guard.status(), running.guard.gauges()
        rows = running.guard.usage(_SINCE, _UNTIL)
        self._expect(running.guard.store.settings() == before, "reading has changed the settings")
        held = sorted(call.estimate for call in reference.calls if call.state == "held")
        self._expect(sorted(lease.estimate for lease in status.leases) == held, "other open leases")
        shown = {(gauge.scope, gauge.period): gauge for gauge in gauges}
        for gauge in (*status.scopes, *gauges):
            name = (gauge.scope, gauge.period)
            self._within("spent", name, gauge.spent)
            self._within("held", name, gauge.held)
            limit = reference.limits(running.program, gauge.scope).get(gauge.period)
            self._expect(gauge.limit == limit, f"gauge {name} of {gauge.limit}, not {limit}")
        for scope in reference.charged(self.now_s):
            for period in reference.limits(running.program, scope):
                self._expect((scope, period) in shown, f"no gauge of {scope} {period}: {shown}")
        self._check_rows(rows)

    def _check_rows(self, rows):
        found: dict[tuple[int, str], Any] = {}
        expected: dict[tuple[int, str], Any] = {}
        for row in rows:
            before = found.get((row.hour, row.scope), (0, 0, 0))
            more = (row.spent, row.requests, row.expired)
            found[row.hour, row.scope] = tuple(map(sum, zip(before, more, strict=True)))
        for call, scope in itertools.chain.from_iterable(
            [(call, scope) for scope in call.scopes] for call in self.reference.calls
        ):
            if call.state in {"settled", "expired"}:
                name = (int(call.made_s // 3600) * 3600, scope)
                before = expected.get(name, (0, 0, 0))
                more = (call.charged * 10**9, 1, int(call.state == "expired"))
                expected[name] = tuple(map(sum, zip(before, more, strict=True)))
        found = {name: row for name, row in found.items() if any(row)}
        self._expect(found == expected, f"usage rows {found}, not {expected}")

    def _within(self, what, name, amount):
        scope, period = name
        bounds = getattr(self.reference, what)(scope, period, self.now_s)
        least, most = map(str, bounds)
        right = least if least == most else f"{least} to {most}"
        self._expect(amount in bounds, f"{what} of {scope} {period} is {amount}, not {right}")

    def _expect(self, claim, message):
        if not claim:
            self.failed = True
            raise AssertionError(message)

    def close(self):
        """Close what is running."""
        while self.running:
            self.stop(0)

"""Counters of the memory store, by scope and period.

Everything here happens while the store's lock is held.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from costmon.guard.stores.base import Hold, Line, Plan, UsageRow
from costmon.guard.stores.memory_cells import Bound, Cell, Forgiven, Plans, Usage, add
from costmon.guard.stores.seeding import seed_bucket

T = TypeVar("T")

_NEVER = float("inf")


class MemoryCounters:
    """The counters and the usage rows of a store.

    Args:
        held: The store's held leases.
    """

    def __init__(self, held: Mapping[object, Hold]) -> None:
        self._held = held
        # By scope and period: a counter exists from the first plan with a line for it on.
        self._buckets: dict[tuple[str, str], dict[int, Cell]] = {}
        self._sums: dict[tuple[str, str], Cell] = {}
        # By scope, then by hour and activity.
        self._usage: dict[str, dict[tuple[int, str], Usage]] = {}
        # By scope, then by hour and period.
        self._forgiven: dict[str, dict[tuple[int, str], Forgiven]] = {}
        self._plans = Plans()
        self.resets = 0
        """The number of resets."""

    def look_up(self, plan: Plan) -> Bound:
        """Find the cells of a plan, and update the sums of its windows."""
        bound = Bound(plan.hour)
        found = [(line, self._cell(line)) for line in plan.lines]
        bound.money = tuple(cell for line, cell in found if line.fixed is None)
        bound.fixed = tuple((cell, line.fixed) for line, cell in found if line.fixed is not None)
        bound.limits = tuple(
            (self._top(line, cell), line.limit, line.fixed, line)
            for line, cell in found
            if line.limit is not None
        )
        bound.warns = tuple(
            (self._top(line, cell), line.warn, line)
            for line, cell in found
            if line.warn is not None
        )
        bound.rolling = tuple(
            (self._top(line, cell), line) for line, cell in found if line.first != line.last
        )
        if len(plan.lines) == 1 and plan.lines[0].fixed is None:
            ((line, cell),) = found
            if line.first == line.last:
                limit = _NEVER if line.limit is None else line.limit
                bound.only = (cell, limit, _NEVER if line.warn is None else line.warn, line)
        row = (plan.hour, plan.activity)
        bound.usage = tuple(
            self._usage.setdefault(scope, {}).setdefault(row, Usage()) for scope in plan.scopes
        )
        own = {(line.scope, line.period) for line in plan.lines}
        before = plan.cache
        for counter, cell in before.adopted.items() if isinstance(before, Bound) else ():
            if counter not in own:
                bound.adopt(counter, cell)
        for scope in plan.scopes:
            self._plans.add(scope, bound)
        plan.cache = bound
        return bound

    def totals(self, lines: Sequence[Line]) -> list[tuple[int, int]]:
        """Return what each line's window has spent and holds, with a counter or without."""
        opened = self._open(
            {
                line.scope
                for line in lines
                if not _used(line, self._buckets.get((line.scope, line.period), ()))
            }
        )
        return [self._figures(line, opened) for line in lines]

    def reset(self, line: Line) -> int:
        """Set what the line's window has spent to 0; return what it was."""
        self.resets += 1
        if (line.scope, line.period) not in self._buckets:
            return self._forgive(line)
        forgotten = 0
        top = self._top(line, self._cell(line))
        for bucket, cell in self._buckets[line.scope, line.period].items():
            if line.first <= bucket <= line.last:
                forgotten += cell.spent
                cell.spent = 0
                cell.reset = self.resets
        top.spent = 0
        return forgotten

    def correct_forgiven(self, plan: Plan, delta: int, resets: int) -> None:
        """Correct the amounts of later resets after a correction of an expired lease."""
        for scope in plan.scopes:
            for (hour, _), forgiven in self._forgiven.get(scope, {}).items():
                if hour == plan.hour and forgiven.reset > resets:
                    forgiven.spent += delta

    def usage(self, since: int, until: int, scope: str | None) -> list[UsageRow]:
        """Return the rows of the hours in [since, until), oldest first."""
        return [
            UsageRow(
                hour=hour,
                scope=name,
                activity=activity,
                spent=row.spent,
                requests=row.requests + row.plain,
                failed=row.failed,
                expired=row.expired,
                bytes_in=row.bytes_in,
                bytes_out=row.bytes_out,
                changes=row.changes + row.plain,
            )
            for hour, name, activity, row in sorted(self._rows(scope), key=_named)
            if since <= hour < until and (row.changes or row.plain)
        ]

    def recount_held(self) -> None:
        """Count again what is held, after a step was interrupted."""
        for buckets in self._buckets.values():
            for cell in buckets.values():
                cell.held = 0
        for top in self._sums.values():
            top.held = 0
        for hold in self._held.values():
            bound: Bound = hold.plan.cache  # type: ignore[assignment]  # reserved by this store
            for cell in bound.money:
                add(cell, 0, hold.nano)
            for cell, count in bound.fixed:
                add(cell, 0, count)

    def after_fork(self) -> None:
        """Do not report what the parent has counted."""
        for _, _, _, row in self._rows(None):
            # Plans refer to the row, so it must stay the same object.
            row.__init__(row.inherited + row.spent)  # type: ignore[misc]  # the same object, as above

    def forget(self, before: int) -> None:
        """Drop usage rows, resets and calendar buckets that no budget needs any more."""
        _drop(self._usage, before)
        _drop(self._forgiven, before)
        for (_, period), buckets in self._buckets.items():
            if period in {"hour", "day", "month"}:
                for bucket in [b for b, cell in buckets.items() if b < before and not cell.held]:
                    del buckets[bucket]
        for name, buckets in list(self._buckets.items()):
            if not buckets and name[0] not in self._usage:
                del self._buckets[name]

    def _rows(self, scope: str | None) -> Iterable[tuple[int, str, str, Usage]]:
        """Return the usage rows of one scope or of all."""
        for name in self._usage if scope is None else (scope,):
            for (hour, activity), row in self._usage.get(name, {}).items():
                yield hour, name, activity, row

    def _cell(self, line: Line) -> Cell:
        """Return the line's cell, with the sum of its window updated."""
        name = (line.scope, line.period)
        buckets = self._buckets.get(name)
        if buckets is None:
            buckets = self._buckets[name] = {}
            self._start(line, buckets, whole=False)
        elif not _used(line, buckets):
            self._start(line, buckets, whole=True)
        cell = buckets.setdefault(line.bucket, Cell())
        if line.first == line.last:
            return cell
        top = self._sums.setdefault(name, Cell())
        top.spent = top.held = 0
        top.first = line.first
        for bucket, one in list(buckets.items()):
            if line.first <= bucket <= line.last:
                one.sum = top
                top.spent += one.spent
                top.held += one.held
            else:
                one.sum = None
                # Twice the window, in case the wall clock is set back.
                if bucket < 2 * line.first - line.bucket and not one.held:
                    del buckets[bucket]
        return cell

    def _top(self, line: Line, cell: Cell) -> Cell:
        """Return the cell that the line's limit applies to: the bucket, or its rolling window."""
        return cell if line.first == line.last else self._sums[line.scope, line.period]

    def _start(self, line: Line, buckets: dict[int, Cell], *, whole: bool) -> None:
        """Start a window with what happened before in it."""
        if line.fixed is None:
            self._seed(line, buckets, whole=whole)
            self._adopt(line, buckets, whole=whole)

    def _seed(self, line: Line, buckets: dict[int, Cell], *, whole: bool) -> None:
        """Count what was spent in the window before it had a counter."""
        for hour, spent in self._spent(line, whole=whole).items():
            cell = buckets.setdefault(seed_bucket(line, hour) or 0, Cell())
            forgiven = self._forgiven.get(line.scope, {}).get((hour, line.period))
            if forgiven is not None:
                cell.spent -= forgiven.spent
                cell.reset = max(cell.reset, forgiven.reset)
            cell.spent += spent

    def _spent(self, line: Line, *, whole: bool) -> dict[int, int]:
        """Return what was spent in the line's window according to the usage rows, by hour."""
        hours: dict[int, int] = {}
        for (hour, _), row in self._usage.get(line.scope, {}).items():
            if seed_bucket(line, hour, whole=whole) is not None:
                hours[hour] = hours.get(hour, 0) + row.spent + row.inherited
        return hours

    def _adopt(self, line: Line, buckets: dict[int, Cell], *, whole: bool) -> None:
        """Count leases in a window that were made before it had a counter.

        If a clock is set back, a window may start a second time: then these are the leases whose
        cells have been dropped since.
        """
        opened: dict[Bound, int] | None = None
        for bound in self._plans.of(line.scope):
            bucket = seed_bucket(line, bound.hour, whole=whole)
            if bucket is None:
                continue
            if opened is None:
                opened = self._open({line.scope}).get(line.scope, {})
            cell = buckets.setdefault(bucket, Cell())
            cell.held += opened.get(bound, 0)
            bound.adopt((line.scope, line.period), cell)

    def _open(self, scopes: set[str]) -> dict[str, dict[Bound, int]]:
        """Return the amounts of held leases of some scopes, by scope and plan."""
        found: dict[str, dict[Bound, int]] = {}
        scopes = {scope for scope in scopes if scope in self._plans}
        for hold in self._held.values() if scopes else ():
            bound: Bound = hold.plan.cache  # type: ignore[assignment]  # reserved by this store
            for scope in scopes.intersection(hold.plan.scopes):
                plans = found.setdefault(scope, {})
                plans[bound] = plans.get(bound, 0) + hold.nano
        return found

    def _figures(self, line: Line, opened: dict[str, dict[Bound, int]]) -> tuple[int, int]:
        """Return what the line's window has spent and holds, with a counter or without."""
        buckets = self._buckets.get((line.scope, line.period))
        if buckets is not None and (line.fixed is not None or _used(line, buckets)):
            within = [cell for b, cell in buckets.items() if line.first <= b <= line.last]
            return sum(cell.spent for cell in within), sum(cell.held for cell in within)
        if line.fixed is not None:
            return 0, 0
        started: dict[int, Cell] = {}
        known = buckets is not None
        self._seed(line, started, whole=known)
        held = sum(
            nano
            for bound, nano in opened.get(line.scope, {}).items()
            if seed_bucket(line, bound.hour, whole=known) is not None
        )
        return sum(cell.spent for cell in started.values()), held

    def _forgive(self, line: Line) -> int:
        """Record a reset without a counter; return what was spent."""
        forgiven, total = self._forgiven.setdefault(line.scope, {}), 0
        for hour, spent in self._spent(line, whole=False).items():
            one = forgiven.setdefault((hour, line.period), Forgiven())
            total += spent - one.spent
            one.spent, one.reset = spent, self.resets
        return total


def _named(row: tuple[int, str, str, Usage]) -> tuple[int, str, str]:
    return row[:3]


def _used(line: Line, buckets: Iterable[int]) -> bool:
    return any(line.first <= bucket <= line.last for bucket in buckets)


def _drop(by_scope: dict[str, dict[tuple[int, str], T]], before: int) -> None:
    """Drop rows of earlier hours."""
    for scope, found in list(by_scope.items()):
        for name in [name for name in found if name[0] < before]:
            del found[name]
        if not found:
            del by_scope[scope]

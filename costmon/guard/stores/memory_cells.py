"""Counters and usage rows of the memory store, and those that a plan needs."""

import weakref
from collections import deque
from collections.abc import Iterator

from costmon.guard.stores.base import Hold, Line, Outcome, Refusal


class Cell:
    """One counter in one bucket; for a rolling window, `sum` is the sum of its current buckets."""

    __slots__ = ("first", "held", "reset", "spent", "sum")

    def __init__(self) -> None:
        self.spent = 0
        self.held = 0
        self.reset = 0
        """Number of the last reset that applied to it."""
        self.first = 0
        """Of a sum: its first bucket."""
        self.sum: Cell | None = None


class Usage:
    """A usage row."""

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "changes",
        "expired",
        "failed",
        "inherited",
        "plain",
        "requests",
        "spent",
    )

    def __init__(self, inherited: int = 0) -> None:
        self.spent = self.requests = self.failed = self.expired = 0
        self.bytes_in = self.bytes_out = self.changes = 0
        self.plain = 0
        """Further requests, each a change, of which only the cost is known."""
        self.inherited = inherited
        """What the parent had spent before the fork: counted here, but reported by the parent."""

    def add(self, outcome: Outcome) -> None:
        """Count everything besides the cost."""
        self.failed += outcome.failed
        self.bytes_in += outcome.bytes_in
        self.bytes_out += outcome.bytes_out


class Forgiven:
    """What was reset of a scope's spending in an hour, in a period without counter.

    Attributes:
        spent: Nano-units.
        reset: Number of the last reset.
    """

    __slots__ = ("reset", "spent")

    def __init__(self) -> None:
        self.spent = self.reset = 0


class Bound:
    """A plan's lines, looked up once.

    Attributes:
        hour: The plan's.
        adopted: Cells of counters, by scope and period, that were created after leases of the plan,
            which count there, too.
        only: The cell of a plan with a single line, of money, in a calendar period. Most calls have
            such a plan, and a loop would cost them a third of their time. `None` otherwise.
        full: Whether the last call of a plan with a single line was refused.
        money: The cells that count costs.
        fixed: The cells that count a fixed number, with that number.
        limits: The limits to check: the window's cell, its limit, the fixed number or `None` for
            the call's amount, and the line.
        warns: The sums from which users are warned.
        rolling: The sums of rolling windows, with their lines.
        usage: The usage rows.
    """

    __slots__ = (
        "__weakref__",
        "adopted",
        "fixed",
        "full",
        "hour",
        "limits",
        "money",
        "only",
        "rolling",
        "usage",
        "warns",
    )

    def __init__(self, hour: int) -> None:
        self.hour = hour
        self.adopted: dict[tuple[str, str], Cell] = {}
        self.only: tuple[Cell, float, float, Line] | None = None
        self.full = False
        self.money: tuple[Cell, ...] = ()
        self.fixed: tuple[tuple[Cell, int], ...] = ()
        self.limits: tuple[tuple[Cell, int, int | None, Line], ...] = ()
        self.warns: tuple[tuple[Cell, int, Line], ...] = ()
        self.rolling: tuple[tuple[Cell, Line], ...] = ()
        self.usage: tuple[Usage, ...] = ()

    def adopt(self, counter: tuple[str, str], cell: Cell) -> None:
        """Count costs in a further cell."""
        self.adopted[counter] = cell
        self.money += (cell,)
        self.only = None


class Plans:
    """Plans that may have leases, by scope; those that are gone are dropped as others come."""

    __slots__ = ("_by_scope", "_unchecked")

    def __init__(self) -> None:
        self._by_scope: dict[str, _References] = {}
        self._unchecked: deque[str] = deque()

    def add(self, scope: str, bound: Bound) -> None:
        """Add a plan of a scope; the time is constant on average."""
        known = self._by_scope.get(scope)
        if known is None:
            known = self._by_scope[scope] = _References()
            self._unchecked.append(scope)
        known.add(bound)
        # Two are checked for each that may come, so at most half of all scopes have no plan any
        # more. Kept, their objects would make each full garbage collection take twice the time.
        for _ in range(min(2, len(self._unchecked))):
            other = self._unchecked.popleft()
            if any(self._by_scope[other].plans()):
                self._unchecked.append(other)
            else:
                del self._by_scope[other]

    def of(self, scope: str) -> Iterator[Bound]:
        """Return the plans of a scope."""
        known = self._by_scope.get(scope)
        return iter(()) if known is None else known.plans()

    def __contains__(self, scope: str) -> bool:
        return scope in self._by_scope


class _References:
    """Weak references to the plans of one scope."""

    __slots__ = ("_most", "_refs")

    def __init__(self) -> None:
        self._refs: list[weakref.ref[Bound]] = []
        self._most = 4

    def add(self, bound: Bound) -> None:
        if len(self._refs) >= self._most:
            self._refs = [ref for ref in self._refs if ref() is not None]
            self._most = 2 * len(self._refs) + 4
        self._refs.append(weakref.ref(bound))

    def plans(self) -> Iterator[Bound]:
        for ref in self._refs:
            bound = ref()
            if bound is not None:
                yield bound


def hold_all(bound: Bound, hold: Hold) -> Refusal | None:
    """Hold on every line, or return the line without room; the lock is held."""
    nano = hold.nano
    for cell, limit, fixed, line in bound.limits:
        if cell.spent + cell.held + (nano if fixed is None else fixed) > limit:
            return Refusal(line, cell.spent, cell.held)
    for cell in bound.money:
        add(cell, 0, nano)
    for cell, count in bound.fixed:
        add(cell, 0, count)
    for cell, warn, line in bound.warns:
        if cell.spent + cell.held >= warn:
            hold.warned += ((line, cell.spent, cell.held),)
    return None


def add(cell: Cell, spent: int, held: int) -> None:
    """Count in a bucket and in its window."""
    cell.spent += spent
    cell.held += held
    if cell.sum is not None:
        cell.sum.spent += spent
        cell.sum.held += held

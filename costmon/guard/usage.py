"""Read what was spent and is held."""

import datetime as dt
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple

from costmon.clock import EpochClock
from costmon.domain.money import plain
from costmon.domain.scope import scope_of
from costmon.domain.spend import LeaseNote, ScopeGauge
from costmon.domain.window import period_of, window_at
from costmon.guard.policy import CALLS, Limit
from costmon.guard.rulebook import Rulebook
from costmon.guard.stores.base import Line, Store, UsageRow

_MOST_GAUGES = 100
_FAR_S = 1 << 40
"""Later than any hour: after a clock was set back, some rows lie in the future."""


class ScopeUse(NamedTuple):
    """What one scope has used over a span of time.

    Attributes:
        scope: In canonical form.
        spent: Major units.
        requests: Calls that were charged.
        failed: Of these, failed ones.
        bytes_in: Received.
        bytes_out: Sent.
    """

    scope: str
    spent: Decimal
    requests: int
    failed: int
    bytes_in: int
    bytes_out: int


class UsageReader:
    """Reads the figures of one guard's store."""

    def __init__(self, store: Store, rulebook: Rulebook, clock: EpochClock) -> None:
        self._store = store
        self._rulebook = rulebook
        self._clock = clock

    def counter(self, scope: str, period: str | None) -> tuple[Limit, int, int]:
        """Return a scope's limit, what it has spent and what it holds, in nano-units."""
        line, limit = self._line(scope, period)
        ((spent, held),) = self._store.totals([line])
        return limit, spent, held

    def reset(self, scope: str, period: str | None) -> Decimal:
        """Set what was spent in the current window to zero; return what it was."""
        line, _ = self._line(scope, period)
        return plain(self._store.reset(line))

    def gauges(self, used: Iterable[Line]) -> tuple[ScopeGauge, ...]:
        """Return the counters of recently used lines and of all scopes used this month.

        Counters with a limit come first, the most used of them first; at most 100.
        """
        rules, epoch_s = self._rulebook.fresh(), self._clock.epoch_s()
        scopes = dict.fromkeys(line.scope for line in used if not line.period.startswith(CALLS))
        month = window_at("month", epoch_s, dt.UTC)
        scopes |= dict.fromkeys(row.scope for row in self.usage(month.bucket, _FAR_S))
        lines = [
            rules.line(scope, limit.period, epoch_s)[0]
            for scope in scopes
            for limit in rules.figures(scope)
        ]
        found = [
            ScopeGauge(
                scope=line.scope,
                period=line.period,
                limit=None if line.limit is None else plain(line.limit),
                spent=plain(spent),
                held=plain(held),
                resets_at=_moment(line.resets_at),
            )
            for line, (spent, held) in zip(lines, self._store.totals(lines), strict=True)
        ]
        return tuple(sorted(found, key=_use, reverse=True)[:_MOST_GAUGES])

    def leases(self, limit: int) -> tuple[LeaseNote, ...]:
        """Return the oldest calls in flight."""
        self._rulebook.recent()  # the store may count in another currency
        now = self._clock.now()
        return tuple(
            LeaseNote(
                id=row.id,
                scopes=row.scopes,
                activity=row.activity,
                estimate=plain(row.nano),
                expires_at=now + dt.timedelta(seconds=row.expires_in_s),
            )
            for row in self._store.leases(limit)
        )

    def usage(self, since: int, until: int, scope: str | None = None) -> list[UsageRow]:
        """Return the usage rows of [since, until), seconds since 1970."""
        self._rulebook.recent()  # the store may count in another currency
        return self._store.usage(since, until, scope)

    def top(
        self, count: int, since: dt.datetime, until: dt.datetime, by: Callable[[ScopeUse], object]
    ) -> tuple[ScopeUse, ...]:
        """Return the scopes with the highest use in the hours that begin in [since, until)."""
        sums: dict[str, ScopeUse] = {}
        for row in self.usage(int(since.timestamp()), int(until.timestamp())):
            before = sums.get(row.scope, ScopeUse(row.scope, Decimal(), 0, 0, 0, 0))
            sums[row.scope] = ScopeUse(
                scope=row.scope,
                spent=before.spent + plain(row.spent),
                requests=before.requests + row.requests,
                failed=before.failed + row.failed,
                bytes_in=before.bytes_in + row.bytes_in,
                bytes_out=before.bytes_out + row.bytes_out,
            )
        return tuple(sorted(sums.values(), key=by, reverse=True)[:count])  # type: ignore[arg-type]  # any sortable key

    def _line(self, scope: str, period: str | None) -> tuple[Line, Limit]:
        name = scope_of(scope)
        asked = None if period is None else period_of(period)
        return self._rulebook.fresh().line(name, asked, self._clock.epoch_s())


def _use(gauge: ScopeGauge) -> tuple[bool, Decimal]:
    if gauge.limit is None:
        return (False, gauge.spent + gauge.held)
    return (True, (gauge.spent + gauge.held) / gauge.limit if gauge.limit else Decimal(1))


def _moment(epoch_s: float | None) -> dt.datetime | None:
    return None if epoch_s is None else dt.datetime.fromtimestamp(epoch_s, dt.UTC)

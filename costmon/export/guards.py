"""Export what guards reported to Prometheus.

Only amounts in USD: adding currencies would be wrong. Each scope of a call's chain counts the call,
so sums over scopes mean nothing: the scope `global` is the sum.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from heapq import nlargest

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from costmon.domain.policy import Policy
from costmon.domain.scope import GLOBAL
from costmon.domain.vendor_hosts import provider_of
from costmon.export.scopes import MOST_SCOPES, OTHER, Bounded, Series, most_expensive
from costmon.state.budget_status import budget_statuses, is_away
from costmon.state.guard_state import GuardState

_CURRENCY = "USD"


class GuardCollector(Collector):
    """Read what guards reported at every scrape."""

    def __init__(
        self,
        *,
        guard_state: Callable[[], GuardState],
        policy: Callable[[], Policy | None],
        now: Callable[[], dt.datetime],
    ) -> None:
        self._guard_state = guard_state
        self._policy = policy
        self._now = now
        self._spent = Bounded()
        self._unpriced_calls = Bounded()
        self._unpriced_spent = Bounded()
        self._decisions = Bounded()

    def collect(self) -> Iterator[Metric]:
        """Yield every family that has something to say."""
        guard_state, policy, now = self._guard_state(), self._policy(), self._now()
        families = (
            *self._totals(guard_state),
            *self._unpriced(guard_state),
            _held(guard_state, now),
            _circuits(policy, now),
            _last_reports(guard_state),
        )
        return (family for family in families if family.samples)

    def _totals(self, guard_state: GuardState) -> Iterator[Metric]:
        spent: dict[Series, Decimal] = {}
        requests: dict[str, int] = {}
        for (scope, currency), total in guard_state.totals.items():
            requests[scope] = requests.get(scope, 0) + total.requests
            if currency == _CURRENCY:
                spent[_provider(scope), scope] = total.spent
        shown = most_expensive((labels[-1], amount) for labels, amount in spent.items()) | {GLOBAL}
        family = CounterMetricFamily(
            "costmon_guard_spent_usd",
            "Cost of guarded calls in USD. A call counts in each of its scopes: do not sum them, "
            "use the scope `global`.",
            labels=("provider", "scope"),
        )
        for labels, amount in self._spent.series(spent, shown):
            family.add_metric(labels, float(amount))
        yield family
        yield self._decided(guard_state, requests, shown)

    def _unpriced(self, guard_state: GuardState) -> Iterator[Metric]:
        calls: dict[Series, Decimal] = {}
        spent: dict[Series, Decimal] = {}
        for (scope, currency), total in guard_state.unpriced.items():
            labels = (_provider(scope), scope)
            calls[labels] = calls.get(labels, Decimal()) + total.requests
            if currency == _CURRENCY:
                spent[labels] = total.spent
        shown = most_expensive((labels[-1], count) for labels, count in calls.items()) | {GLOBAL}
        for name, text, bounded, values in (
            (
                "costmon_guard_unpriced_calls",
                "Calls to models without a known price, by scope.",
                self._unpriced_calls,
                calls,
            ),
            (
                "costmon_guard_unpriced_usd",
                "What was charged for them in USD, most of it estimated.",
                self._unpriced_spent,
                spent,
            ),
        ):
            family = CounterMetricFamily(
                name,
                f"{text} A call counts in each of its scopes: do not sum them, use `global`.",
                labels=("provider", "scope"),
            )
            for series, value in bounded.series(values, shown):
                family.add_metric(series, float(value))
            yield family

    def _decided(
        self, guard_state: GuardState, requests: dict[str, int], shown: frozenset[str]
    ) -> Metric:
        decisions: dict[Series, Decimal] = {
            ("allowed", scope): Decimal(count) for scope, count in requests.items()
        }
        for (scope, reason), refused in guard_state.refused.items():
            decisions[f"refused_{reason}", scope] = Decimal(refused)
        refusing = nlargest(MOST_SCOPES, guard_state.refused.items(), key=lambda pair: pair[1])
        shown |= {scope for (scope, _), _ in refusing}
        family = CounterMetricFamily(
            "costmon_guard_decisions",
            "Calls that guards charged (`allowed`) or did not make (`refused_` and the reason), "
            "by scope.",
            labels=("decision", "scope"),
        )
        for labels, count in self._decisions.series(decisions, shown):
            family.add_metric(labels, float(count))
        return family


def _provider(scope: str) -> str:
    """Return whose vendor a scope is about; empty when it is about none, or several."""
    kind, _, value = scope.partition(":")
    if kind == "provider":
        return value
    return (provider_of(value) or "") if kind == "host" else ""


def _held(guard_state: GuardState, now: dt.datetime) -> Metric:
    family = GaugeMetricFamily(
        "costmon_guard_held_usd",
        "Estimated cost of calls in flight, of guards that report, in USD.",
        labels=("scope",),
    )
    living = GuardState(
        guards=tuple(seen for seen in guard_state.guards if not is_away(seen, now)),
        totals={},
        unpriced={},
        refused={},
        refusals=(),
        notices=(),
    )
    by_store: dict[tuple[str, str], Decimal] = {}
    for status in budget_statuses(living):
        if status.currency == _CURRENCY:
            key = (status.scope, status.store)
            # Each period of a scope holds the same calls.
            by_store[key] = max(by_store.get(key, Decimal()), status.held)
    held: dict[str, Decimal] = {}
    for (scope, _), amount in by_store.items():
        held[scope] = held.get(scope, Decimal()) + amount
    for scope, amount in nlargest(MOST_SCOPES, held.items(), key=lambda pair: pair[1]):
        family.add_metric((scope,), float(amount))
    return family


def _circuits(policy: Policy | None, now: dt.datetime) -> Metric:
    family = GaugeMetricFamily(
        "costmon_circuit_open",
        "Whether the scope's circuit stops calls: open circuits first, then the most recently "
        "open ones.",
        labels=("scope",),
    )
    circuits = policy.circuits if policy else ()
    latest = nlargest(MOST_SCOPES, circuits, key=lambda it: (it.is_open(now), it.changed_at))
    for circuit in latest:
        family.add_metric((circuit.scope,), circuit.is_open(now))
    return family


def _last_reports(guard_state: GuardState) -> Metric:
    family = GaugeMetricFamily(
        "costmon_guard_last_report_timestamp_seconds",
        "When the program's guards reported last.",
        labels=("app",),
    )
    latest: dict[str, float] = {}
    for seen in sorted(guard_state.guards, key=lambda guard: guard.seen_at, reverse=True):
        app = seen.app if seen.app in latest or len(latest) < MOST_SCOPES else OTHER
        latest.setdefault(app, seen.seen_at.timestamp())
    for app, seen_at in latest.items():
        family.add_metric((app,), seen_at)
    return family

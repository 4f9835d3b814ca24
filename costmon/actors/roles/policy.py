"""Keep what guards enforce, and what they have reported.

What people decide is on the disk before anything else happens, and in the database as soon as that
can be written; what guards enforce is published with every change, and when a circuit expires. The
published values are all the state there is: a new incarnation resumes from them.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar, assert_never

from costmon.actors.address import Address
from costmon.actors.base import Incarnation, SupervisedActor
from costmon.actors.roles import decision
from costmon.domain.budget import Budget
from costmon.domain.change import Change, CircuitChange, GuardChange
from costmon.domain.circuit import Circuit, Opening, opened_by_rule
from costmon.domain.policy import Policy, PolicyBudget
from costmon.domain.spend import GuardReport
from costmon.errors import StoreError
from costmon.messages import (
    CloseCircuit,
    GuardCommand,
    GuardNoticed,
    GuardReported,
    OpenByRule,
    OpenCircuit,
    PolicyChanged,
    PolicyMessage,
    RemoveBudget,
    SetBudget,
    Tick,
)
from costmon.state import guard_reports
from costmon.state import policy as policies
from costmon.state.guard_state import GuardState, SpendTotal
from costmon.state.policy import Decided
from costmon.state.published import SharedPublished, Watched
from costmon.state.report_limits import ReportLimits

_LOAD, _EXPIRE, _SWEEP = "load", "expire", "sweep"
_SWEEP_EVERY_S = 600.0
_LOAD_MIN_S, _LOAD_MAX_S = 0.5, 15.0
_LOOK_AGAIN_S = 30.0
"""The longest wait until the wall clock is read again: it may have been set."""
_MOST_LOGGED = 10

Kept = TypeVar("Kept", bound=Change)


class WaitingChanges(Protocol):
    """Where decisions wait for the database, first in first out, on disk."""

    def keep(self, change: Kept) -> Kept:
        """Keep a change; return it, or the one of the same id that waits already."""
        ...

    def waiting(self) -> tuple[Change, ...]:
        """Return all that wait, in order."""
        ...


class GuardDecisions(Protocol):
    """What the database knows of guards."""

    @property
    def circuits(self) -> Iterable[Circuit]:
        """The last decision about every scope."""
        ...

    @property
    def budgets(self) -> Iterable[PolicyBudget]:
        """Those that were set by API."""
        ...

    @property
    def totals(self) -> Mapping[tuple[str, str], SpendTotal]:
        """What was spent, by scope and currency."""
        ...

    @property
    def unpriced(self) -> Mapping[tuple[str, str], SpendTotal]:
        """The same of calls to models without a known price."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPlan:
    """Settings of the policy actor.

    Attributes:
        budgets: Those of costmon.toml.
        load: Reads the database; raises `StoreError` when it cannot be read.
        changes: Where decisions wait for the database.
        guard_state: Where what guards report is published; the persister adds its sums.
        policy: Where what guards obey is published.
    """

    budgets: tuple[Budget, ...]
    load: Callable[[], GuardDecisions]
    changes: WaitingChanges
    guard_state: SharedPublished[GuardState]
    policy: Watched[Policy | None]


class PolicyActor(SupervisedActor[PolicyMessage]):
    """Keeps budgets and circuits, and what guards have reported."""

    def __init__(
        self, incarnation: Incarnation, plan: PolicyPlan, *, persister: Address, alerter: Address
    ) -> None:
        super().__init__(incarnation)
        self._plan = plan
        self._persister = persister
        self._alerter = alerter
        self._load_again_s = _LOAD_MIN_S
        self._limits = ReportLimits()
        self._told_expired: set[tuple[str, int]] = set()
        self._waiting_openings: dict[str, Opening] = {}

    def started(self) -> None:
        """Read what was decided before the process started, unless an incarnation has done so."""
        self.timer.every(_SWEEP, _SWEEP_EVERY_S, first_s=_SWEEP_EVERY_S)
        self.timer.after(_LOAD if self._plan.policy.read() is None else _EXPIRE, 0.0)

    def handle(self, message: PolicyMessage) -> None:
        """Fold in a report of a guard, carry out a command, or check what is due."""
        match message:
            case GuardReported():
                self._fold(message)
            case OpenCircuit() | CloseCircuit() | SetBudget() | RemoveBudget():
                self._decide(message)
            case OpenByRule(opening=opening):
                self._open_by_rule(opening)
            case Tick(key=key) if key == _LOAD:
                self._load()
            case Tick(key=key) if key == _SWEEP:
                now = self.clock.now()
                self._change_guard_state(lambda state: guard_reports.swept(state, now))
            case Tick():
                self._look_at_the_time()
            case _:
                assert_never(message)

    # --- what guards report ------------------------------------------------------------------

    def _fold(self, message: GuardReported) -> None:
        now, authenticated = self.clock.now(), message.authenticated
        before = self._plan.guard_state.read()
        if guard_reports.impersonates(before, message.report, authenticated=authenticated):
            if self._limits.is_first("impersonation", now, authenticated=False):
                self.log.warning(
                    "policy.report_refused",
                    guard=message.report.guard,
                    hint="this guard reports with a token; this report came without one. Further "
                    "ones are not logged in this hour",
                )
            return
        report = self._within_limits(message, now)
        if report is None:
            # How its budgets stand is shown all the same; rows and notices come again.
            shown = message.report._replace(rows=(), notices=())
            self._show(shown, now, authenticated=authenticated)
            return
        message = replace(message, report=report)
        _, fresh = guard_reports.reported(before, report, now)
        for notice in fresh:
            self.tell(
                self._alerter,
                GuardNoticed(
                    app=report.app,
                    host=report.host,
                    notice=notice,
                    gauge=guard_reports.pressing(report, notice.scope),
                ),
            )
        self.tell(self._persister, message)
        # Published last: after a crash before this line all of it happens again, and whoever was
        # told knows notices by their ids and rows by their changes.
        self._show(report, now, authenticated=authenticated)
        if all(seen.guard != report.guard for seen in before.guards):
            self.log.info(
                "policy.guard_appeared",
                guard=report.guard,
                app=report.app,
                host=report.host,
                pid=report.pid,
                store=report.store,
            )

    def _show(self, report: GuardReport, now: dt.datetime, *, authenticated: bool) -> None:
        self._change_guard_state(
            lambda state: guard_reports.reported(state, report, now, authenticated=authenticated)[0]
        )

    def _within_limits(self, message: GuardReported, now: dt.datetime) -> GuardReport | None:
        report, authenticated = message.report, message.authenticated
        verdict = self._limits.check(report, now, authenticated=authenticated)
        facts = {"guard": report.guard, "app": report.app, "authenticated": authenticated}
        if verdict.is_first and verdict.report is None:
            self.log.warning(
                "policy.reports_limited",
                **facts,
                hint="guards report more new rows than are accepted in an hour; they keep them and "
                "send them again. Further ones are not logged in this hour",
            )
        elif verdict.is_first:
            self.log.warning(
                "policy.rows_dropped",
                **facts,
                rows=verdict.dropped,
                hint="their hours are more than an hour ahead, or 400 days ago: check that "
                "machine's clock. Further ones are not logged in this hour",
            )
        return verdict.report

    def _change_guard_state(self, fold: Callable[[GuardState], GuardState]) -> None:
        self.fenced(lambda: self._plan.guard_state.change(fold))

    # --- what people and rules decide --------------------------------------------------------

    def _decide(self, command: GuardCommand) -> None:
        now = self.clock.now()
        before = self._known(command.scope) if isinstance(command, CloseCircuit) else None
        change = decision.change_of(command, now, self._next_revision(now), before)
        self._keep(change)

    def _open_by_rule(self, opening: Opening) -> None:
        """Open a circuit because a rule says so, unless it is open.

        Before the database was read it is not known what is open: the rule waits until then.
        """
        if self._plan.policy.read() is None:
            self._waiting_openings[opening.scope] = opening
            return
        now = self.clock.now()
        circuit = opened_by_rule(self._known(opening.scope), opening, now, self._next_revision(now))
        if circuit is not None:
            self._keep(CircuitChange(id=f"{opening.id}/{circuit.revision}", circuit=circuit))

    def _known(self, scope: str) -> Circuit | None:
        """Return what was decided last about a scope's circuit, as far as it is known."""
        policy = self._plan.policy.read()
        found = {it.scope: it for it in policy.circuits} if policy is not None else {}
        for change in self._plan.changes.waiting():
            if isinstance(change, CircuitChange):
                found[change.circuit.scope] = change.circuit
        return found.get(scope)

    def _next_revision(self, now: dt.datetime) -> int:
        policy, waiting = self._plan.policy.read(), self._plan.changes.waiting()
        known = [it.circuit.revision for it in waiting if isinstance(it, CircuitChange)]
        known += [it.revision for it in policy.circuits] if policy is not None else []
        return decision.next_revision(known, now)

    def _keep(self, decided: GuardChange) -> None:
        """Store a change on disk, tell the actors concerned, and publish it for guards."""
        policy = self._plan.policy.read()
        change = self._plan.changes.keep(decided)
        self.tell(self._persister, PolicyChanged(change=change))
        if isinstance(change, CircuitChange):
            self.tell(self._alerter, PolicyChanged(change=change))
        if policy is not None:
            self._publish(policies.after(policies.of_policy(policy), change))
        event, facts = decision.logged(change)
        self.log.info(event, id=change.id, published=policy is not None, **facts)

    # --- what guards enforce -----------------------------------------------------------------

    def _load(self) -> None:
        """Publish what guards enforce, once the database says what was decided before.

        Guessing would let calls pass that somebody has stopped: until then nothing is published.
        """
        if self._plan.policy.read() is not None:
            return
        # First what waits, then the database: what is written in between is seen twice, not never.
        waiting = self._plan.changes.waiting()
        try:
            decisions = self._plan.load()
        except StoreError as error:
            self.log.warning(
                "policy.decisions_unreadable", error=str(error), retry_s=self._load_again_s
            )
            self.timer.after(_LOAD, self._load_again_s)
            self._load_again_s = min(self._load_again_s * 2, _LOAD_MAX_S)
            return
        taken = policies.decided(decisions.circuits, decisions.budgets)
        for change in waiting:
            taken = policies.after(taken, change)
        # What the persister has published meanwhile is at least as new.
        self._change_guard_state(
            lambda state: guard_reports.recorded(
                state,
                {**decisions.totals, **state.totals},
                {**decisions.unpriced, **state.unpriced},
            )
        )
        self._publish(taken)
        self.log.info(
            "policy.decisions_loaded",
            circuits=len(taken.circuits),
            budgets=len(taken.budgets) + len(self._plan.budgets),
            waiting=len(waiting),
        )
        for opening in self._waiting_openings.values():
            self._open_by_rule(opening)
        self._waiting_openings.clear()

    def _look_at_the_time(self) -> None:
        policy = self._plan.policy.read()
        if policy is not None:
            self._publish(policies.of_policy(policy))

    def _publish(self, taken: Decided) -> None:
        now = self.clock.now()
        before, after = self._plan.policy.read(), policies.policy_of(self._plan.budgets, taken, now)
        if before is None or before.revision != after.revision:
            self.fenced(lambda: self._plan.policy.publish(after))
            self.log.info(
                "policy.published",
                revision=after.revision,
                budgets=len(after.budgets),
                open_circuits=[it.scope for it in after.circuits if it.is_open(now)][:_MOST_LOGGED],
            )
        self._tell_expired(after.circuits, now)
        end = policies.next_expiry(after.circuits, now)
        if end is None:
            self.timer.cancel(_EXPIRE)
        else:
            self.timer.after(_EXPIRE, min((end - now).total_seconds(), _LOOK_AGAIN_S))

    def _tell_expired(self, circuits: Iterable[Circuit], now: dt.datetime) -> None:
        """Report circuits that have ended by themselves, each once."""
        for circuit in circuits:
            ended = (circuit.scope, circuit.revision)
            if circuit.state == "closed" or circuit.is_open(now) or ended in self._told_expired:
                continue
            change = CircuitChange(id=f"expired/{circuit.revision}", circuit=circuit)
            self.tell(self._alerter, PolicyChanged(change=change))
            if circuit.is_on_trial(now):
                self.log.info(
                    "policy.circuit_half_opened",
                    scope=circuit.scope,
                    rule=circuit.rule,
                    trial_ends_at=circuit.trial_ends_at and circuit.trial_ends_at.isoformat(),
                )
            self._told_expired.add(ended)

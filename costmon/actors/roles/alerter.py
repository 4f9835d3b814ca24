"""Decide which alerts are due, and send each of them once.

What was sent is stored in the database together with what is to be delivered, in one transaction,
before the messenger gets it: after a restart pending alerts are delivered, and none is repeated.
While the database is unavailable, this is kept in memory, and the messenger gets alerts at once.

Facts are judged when they arrive. What becomes due with a new day, or was missed because the
service was stopped, is found by checking the published values at the start and every hour.
"""

import datetime as dt
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, assert_never

from costmon.actors.address import Address
from costmon.actors.base import Incarnation, SupervisedActor
from costmon.actors.detection import Detection, DetectionPlan
from costmon.actors.roles.policy import WaitingChanges
from costmon.actors.spend_rules import RulePlan, SpendRules
from costmon.alerts import condition as conditions
from costmon.alerts import guard as guard_conditions
from costmon.alerts.alert import Alert, Outgoing
from costmon.alerts.caps import Crossing, budget_crossings, quota_crossings
from costmon.alerts.condition import Condition
from costmon.alerts.forecast import forecast_crossings
from costmon.alerts.memory import NOTHING_SAID, Memory
from costmon.alerts.openings import budget_opening, finding_opening, threshold_opening
from costmon.alerts.policy import began, decided, judge, woken
from costmon.alerts.reminders import due_reminders
from costmon.alerts.rule_found import rule_broken
from costmon.alerts.spend import FOUND, spend_found
from costmon.domain.cap import Cap, Quota
from costmon.domain.change import AlertChange, Change, CircuitChange
from costmon.domain.circuit import Opening
from costmon.domain.finding import Series, SpendFinding
from costmon.domain.fx import Rates
from costmon.domain.renewal import renewing
from costmon.domain.resource import Resource
from costmon.domain.rule import Rule
from costmon.domain.subscription import Subscription
from costmon.domain.totals import Threshold
from costmon.domain.usage import UsageReading
from costmon.errors import StoreError
from costmon.messages import (
    AcknowledgeAlert,
    AlertDecision,
    AlerterMessage,
    BucketsClosed,
    ChargesCompleted,
    ChargesRecorded,
    ChildRecovered,
    ChildSetAside,
    CostsCalculated,
    DeliverAlert,
    ForecastMade,
    GuardNoticed,
    HeartbeatReported,
    OpenByRule,
    PolicyChanged,
    PollFailed,
    SnoozeAlert,
    Tick,
    UsageCalculated,
)
from costmon.state.accounts import most_expensive, totals_over
from costmon.state.caps import budget_uses, quota_uses
from costmon.state.charges import ChargeState, on_day
from costmon.state.forecast import budget_forecasts
from costmon.state.published import Published

_TOP = 3
_SAVE, _LOOK, _WAKE = "save", "look", "wake"
_SAVE_AGAIN_S = 5.0
_LOOK_EVERY_S = 3600.0


class MemoryStore(Protocol):
    """Where what was said outlives the process."""

    def load(self) -> dict[str, str]:
        """Return the memory text of every condition."""
        ...

    def save(self, condition: str, text: str, outgoing: Iterable[Outgoing]) -> None:
        """Keep one condition's memory, and what is to be delivered, in one step."""
        ...


@dataclass(slots=True)
class Recollection:
    """What outlives an incarnation: owned by the name, handed to each incarnation.

    Attributes:
        said: Memory by condition.
        unsaved: Conditions that the database does not know yet, with the alerts that are to be
            delivered because of them.
        untold: Alerts that the messenger has not been told yet, oldest first.
        loaded: The database has been read.
    """

    said: MutableMapping[str, Memory]
    unsaved: dict[str, list[Alert]]
    untold: list[Alert] = field(default_factory=list)
    loaded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AlerterPlan:
    """Settings of the alerter.

    Attributes:
        accounts: Names of the accounts that are polled.
        threshold: Monthly run-rate above which people are told.
        cooldown_s: Seconds between repeats of one condition.
        open_store: Opens the place where memory outlives the process, for one incarnation.
        recollection: What outlives the incarnation.
        changes: Where decisions about alerts wait to be written to the audit.
        channels: The channels whose deliveries are kept in the database.
        caps: Budgets that are compared with charges; guards tell of their own spending themselves.
        quotas: Those of the user before those that costmon knows.
        rates: For charges in other currencies than a cap's.
        subscriptions: The manual entries, which people are reminded of.
        resources: Returns what accounts hold, for what their vendors charge soon.
        charges: Returns what was charged, of the month that it is.
        usages: Returns the last usage of each account.
        today: Returns the day in people's time zone.
        announced: Where it is published what people believe to hold; `None` until the database has
            been read.
        detection: Settings of detection; `None`: it is off.
        open_findings: Returns the findings that are open; `None` until they have been read.
        rules: Settings of the rules; `None`: no rules.
    """

    accounts: frozenset[str]
    threshold: Threshold
    cooldown_s: float
    open_store: Callable[[], MemoryStore]
    recollection: Recollection
    changes: WaitingChanges
    channels: tuple[str, ...]
    caps: tuple[Cap, ...]
    quotas: tuple[Quota, ...]
    rates: Rates
    subscriptions: tuple[Subscription, ...]
    resources: Callable[[], Iterable[Resource]]
    charges: Callable[[], ChargeState]
    usages: Callable[[], Iterable[UsageReading]]
    today: Callable[[], dt.date]
    announced: Published[tuple[Memory, ...] | None]
    detection: DetectionPlan | None = None
    open_findings: Callable[[], Iterable[SpendFinding] | None] = tuple
    rules: RulePlan | None = None


class Alerter(SupervisedActor[AlerterMessage]):
    """Judges each fact against what was said before."""

    def __init__(
        self,
        incarnation: Incarnation,
        plan: AlerterPlan,
        *,
        messenger: Address,
        policy: Address,
        persister: Address,
    ) -> None:
        super().__init__(incarnation)
        self._plan = plan
        self._messenger = messenger
        self._policy = policy
        self._persister = persister
        self._memory = plan.recollection
        self._store = plan.open_store()
        self._store_is_away = False
        self._detected_until: dt.datetime | None = None
        self._detection = Detection(plan.detection, self.beat) if plan.detection else None
        self._rules = SpendRules(plan.rules, self.beat) if plan.rules else None

    def started(self) -> None:
        """Recall what was said before the process started."""
        self._settle()
        self.timer.after(_LOOK, 0.0)

    def handle(self, message: AlerterMessage) -> None:  # noqa: C901 - one short case per message
        """Judge what the message says."""
        match message:
            case CostsCalculated():
                self._judge_costs(message)
            case PollFailed(report=report, failure=failure):
                self._judge(conditions.account_blind(report, failure))
            case ChargesCompleted(report=report):
                self._judge(conditions.account_blind(report, None))
            case UsageCalculated(report=report, usage=usage):
                self._judge(conditions.account_blind(report, None))
                self._judge_quotas([usage])
            case ChargesRecorded(totals=totals) | ForecastMade(totals=totals):
                self._judge_caps(on_day(totals, self._plan.today()))
            case ChildSetAside() | ChildRecovered() | HeartbeatReported():
                self._judge(self._of_the_service(message))
            case GuardNoticed():
                self._judge_notice(message)
            case PolicyChanged(change=change):
                self._judge_change(change)
            case AcknowledgeAlert() | SnoozeAlert():
                self._decide(message)
            case BucketsClosed(until=until):
                self._detect(until)
            case Tick(key=key):
                self._on_time(key)
            case _:
                assert_never(message)

    def _of_the_service(
        self, message: ChildSetAside | ChildRecovered | HeartbeatReported
    ) -> Condition:
        match message:
            case ChildSetAside(name=name, error=error, until=until):
                cause = f"until {until.isoformat()}"
                return conditions.child_set_aside(name, holds=True, error=error, cause=cause)
            case ChildRecovered(name=name):
                cause = f"recovered {self.clock.now().isoformat()}"
                return conditions.child_set_aside(name, holds=False, error="", cause=cause)
            case HeartbeatReported(error=failure, at=at):
                return conditions.heartbeat_failing(failure, cause=at.isoformat())

    def _judge_notice(self, message: GuardNoticed) -> None:
        condition, least_s = guard_conditions.noticed(
            message.notice,
            app=message.app,
            host=message.host,
            gauge=message.gauge,
            cooldown_s=self._plan.cooldown_s,
        )
        self._judge(condition, least_s)

    def _judge_change(self, change: Change) -> None:
        if isinstance(change, CircuitChange):  # nobody is alerted of a budget that was set
            condition = guard_conditions.circuit(
                change.circuit, now=self.clock.now(), cause=change.id
            )
            self._judge(condition, 0.0)  # each opening is somebody's decision: none is a repeat

    def _on_time(self, key: str) -> None:
        if key == _LOOK:
            self._look()
        elif key == _WAKE:
            self._wake()
        else:
            self._store_is_away = False
            self._settle()

    def _judge_costs(self, message: CostsCalculated) -> None:
        report, threshold = message.observation.report, self._plan.threshold
        self._judge(conditions.account_blind(report, None))
        accounts = [it for it in message.snapshot.accounts if it.provider == threshold.provider]
        totals = totals_over(accounts)
        if totals is None:
            return
        self._judge(
            conditions.threshold(
                totals=totals,
                limit=threshold.limit,
                top=most_expensive(accounts, _TOP),
                changes=message.changes,
                cause=report.cycle_id,
            )
        )

    def _look(self) -> None:
        """Judge what is published, once it is known what was said before."""
        self._load_if_needed()
        if self._memory.loaded:
            self._judge_caps(self._plan.charges())
            self._judge_quotas(self._plan.usages())
            today, entries = self._plan.today(), self._plan.subscriptions
            told_by_vendors = renewing(self._plan.resources(), entries, today)
            due = due_reminders((*entries, *told_by_vendors), today, self._memory.said)
            self._tell_crossings(due)
            self._wake()
        self.timer.after(_LOOK, _LOOK_EVERY_S if self._memory.loaded else _SAVE_AGAIN_S)

    def _judge_quotas(self, usages: Iterable[UsageReading]) -> None:
        self._load_if_needed()
        now = self.clock.now()
        uses = quota_uses(self._plan.quotas, usages)
        current = [use for use in uses if use.resets_at is None or use.resets_at > now]
        self._tell_crossings(quota_crossings(current, self._memory.said))

    def _judge_caps(self, charges: ChargeState) -> None:
        self._load_if_needed()
        uses = budget_uses(self._plan.caps, charges, (), self._plan.rates, self.clock.now())
        self._tell_crossings(budget_crossings(uses, self._memory.said))
        for use in uses:
            self._open_by_rule(budget_opening(use, self._every_rule))
        forecasts = budget_forecasts(self._plan.caps, charges.forecast, self._plan.rates)
        self._tell_crossings(forecast_crossings(forecasts, self._memory.said))

    def _tell_crossings(self, crossings: Iterable[Crossing]) -> None:
        """Tell of each budget or quota the highest level that it has crossed, once a period."""
        now = self.clock.now()
        for crossing in crossings:
            for name in reversed(crossing.crossed):  # the one that is told last: a crash repeats it
                before = self._memory.said.get(name, NOTHING_SAID)
                if name == crossing.condition.name:
                    verdict = began(crossing.condition, before, now)
                    self.fenced(partial(self._remember, name, verdict.memory, verdict.alert))
                else:  # the higher level's message covers it
                    covered = replace(
                        NOTHING_SAID, last_cause=crossing.cause, said_at=before.said_at or now
                    )
                    self.fenced(partial(self._remember, name, covered, None))
        self._settle()

    def _detect(self, until: dt.datetime) -> None:
        """Feed rules and detection what is over, and tell what they find."""
        try:
            for outcome in self._rules.closed(until) if self._rules else ():
                self._judge(rule_broken(outcome), outcome.rule.cooldown_s)
                self._open_by_rule(threshold_opening(outcome))
            for finding in self._detection.closed(until) if self._detection else ():
                self._judge(spend_found(finding), 0.0)
                self._open_for(finding)
            for part in self._new_parts(until):
                self._open_for(part)
        except StoreError as error:
            self.log.warning(
                "alerter.detection_delayed",
                error=str(error),
                hint="it goes on with the next bucket",
            )

    def _open_for(self, finding: SpendFinding) -> None:
        """Ask for the circuit of a finding's scope to be opened, if a rule says so."""
        if finding.is_open and finding.severity != "info":
            text = spend_found(finding).text
            scope, severity = finding.series.scope, finding.severity
            self._open_by_rule(finding_opening(finding.id, scope, severity, text, self._every_rule))
            vendor = self._vendor_of(scope)
            if vendor is not None:
                opening_id = f"{finding.id}/{vendor}"
                self._open_by_rule(
                    finding_opening(opening_id, vendor, severity, text, self._every_rule)
                )

    def _vendor_of(self, scope: str) -> str | None:
        """Return the scope that guards know of the calls that an account's counters count."""
        kind, _, name = scope.partition(":")
        plan = self._plan.rules
        provider = plan.providers.get(name) if plan and kind == "account" else None
        return None if provider is None else f"provider:{provider}"

    def _new_parts(self, until: dt.datetime) -> tuple[SpendFinding, ...]:
        """Return what was found since the last look and is told with another finding.

        A rule for a vendor stops that vendor though people are told of the total.
        """
        since, self._detected_until = self._detected_until, until
        parts = (it for it in self._plan.open_findings() or () if it.part_of is not None)
        return tuple(it for it in parts if (it.at > since if since else it.at == until))

    @property
    def _every_rule(self) -> tuple[Rule, ...]:
        return self._plan.rules.rules if self._plan.rules else ()

    def _open_by_rule(self, opening: Opening | None) -> None:
        """Ask for the circuit of a scope to be opened, if a rule says so."""
        if opening is not None:
            self.tell(self._policy, OpenByRule(opening=opening))

    def _load_if_needed(self) -> None:
        if not self._memory.loaded:
            self._save()  # still unread when the database is away: told twice beats not at all

    def _judge(self, condition: Condition, cooldown_s: float | None = None) -> None:
        self._load_if_needed()
        least_s = self._plan.cooldown_s if cooldown_s is None else cooldown_s
        before = self._memory.said.get(condition.name, NOTHING_SAID)
        verdict = judge(condition, before, now=self.clock.now(), cooldown_s=least_s)
        if verdict.kept_back is not None:
            self.log.info(
                "alerter.alert_suppressed",
                message=verdict.kept_back,
                condition=condition.name,
                suppressed=verdict.memory.suppressed,
                cooldown_s=least_s,
                **condition.facts,
            )
        self.fenced(lambda: self._remember(condition.name, verdict.memory, verdict.alert))
        self._settle()

    def _decide(self, decision: AlertDecision) -> None:
        """Remember what somebody decided about an alert that is open."""
        self._load_if_needed()
        now = self.clock.now()
        memory = self._memory.said.get(decision.condition, NOTHING_SAID)
        facts = {"id": decision.id, "condition": decision.condition, "author": decision.author}
        if not memory.is_open(now):
            self.log.warning("alerter.decision_ignored", **facts, reason="the alert is not open")
            return
        facts["reason"] = decision.reason
        change = AlertChange(
            id=decision.id,
            condition=decision.condition,
            author=decision.author,
            reason=decision.reason,
            changed_at=now,
            snoozed_until=decision.until if isinstance(decision, SnoozeAlert) else None,
        )
        try:  # on the disk first: it outlives a kill though the database is away
            change = self._plan.changes.keep(change)
        except StoreError as error:
            self.log.error("alerter.decision_refused", **facts, error=str(error))
            return
        self.tell(self._persister, PolicyChanged(change=change))
        after = decided(memory, change)
        if change.snoozed_until is None:
            self._accept_finding(memory.told, now)
            self.log.info("alerter.alert_acknowledged", **facts)
        else:
            self.log.info("alerter.alert_snoozed", **facts, until=change.snoozed_until.isoformat())
        self.fenced(lambda: self._remember(decision.condition, after, None))
        self._settle()
        self._wake()

    def _accept_finding(self, told: Alert | None, now: dt.datetime) -> None:
        """Tell detection that the finding an alert was about is normal."""
        if told is None or told.event != FOUND or self._detection is None:
            return
        series = Series(told.labels["scope"], told.labels["unit"])
        try:
            self._detection.acknowledge(series, told.labels["kind"], now)
        except StoreError as error:
            self.log.warning(
                "alerter.detection_delayed",
                error=str(error),
                hint="the acknowledgement is kept with the next hourly save",
            )

    def _wake(self) -> None:
        """Tell again what was snoozed until now, and come back for what is snoozed for longer."""
        now = self.clock.now()
        for name, memory in tuple(self._memory.said.items()):
            verdict = woken(memory, now)
            if verdict is not None:
                self.fenced(partial(self._remember, name, verdict.memory, verdict.alert))
        self._settle()
        ends = [it.snoozed_until for it in self._memory.said.values() if it.snoozed_until]
        if ends:
            # The clock may be set meanwhile.
            wait_s = min((min(ends) - now).total_seconds(), _LOOK_EVERY_S)
            self.timer.after(_WAKE, max(wait_s, 0.0))

    def _remember(self, name: str, after: Memory, alert: Alert | None) -> None:
        before = self._memory.said.get(name, NOTHING_SAID)
        self._memory.said[name] = after
        # A quiet judgement changes nothing that people were told: it is not worth a transaction.
        if alert is not None or _is_news(before, after):
            self._memory.unsaved.setdefault(name, []).extend([alert] if alert else [])
        self._memory.untold.extend([alert] if alert else [])

    def _settle(self) -> None:
        """Save what was decided, publish it, then let it be delivered, saved or not."""
        if self._memory.unsaved or not self._memory.loaded:
            self._publish()
            self._save()
        while self._memory.untold:
            self.tell(self._messenger, DeliverAlert(alert=self._memory.untold[0]))
            self.fenced(lambda: self._memory.untold.pop(0))

    def _load(self) -> None:
        for name, text in self._store.load().items():
            try:
                memory = Memory.from_text(text)
            except ValueError as error:
                self.log.warning("alerter.memory_unreadable", condition=name, error=str(error))
                continue
            if name not in self._memory.said:
                self._memory.said[name] = memory
                self._end_if_nobody_will(name, memory)
        self._decide_again()
        self._memory.loaded = True
        self._publish()

    def _decide_again(self) -> None:
        """Apply decisions that an earlier process has kept on the disk only."""
        for change in self._plan.changes.waiting():
            if not isinstance(change, AlertChange):
                continue
            memory = self._memory.said.get(change.condition, NOTHING_SAID)
            if memory.said_at is not None and memory.said_at <= change.changed_at:
                after = decided(memory, change)
                self.fenced(partial(self._remember, change.condition, after, None))

    def _end_if_nobody_will(self, name: str, memory: Memory) -> None:
        """End what an earlier process has told and what nothing in this one can end."""
        now, told = self.clock.now(), memory.told
        if told is None or not memory.is_open(now):
            return
        cause = f"restarted {now.isoformat()}"
        child, account = told.labels.get("child"), told.labels.get("account")
        if told.event == "alerter.child_set_aside" and child is not None:
            ended = conditions.child_set_aside(child, holds=False, error="", cause=cause)
            verdict = judge(ended, memory, now=now, cooldown_s=self._plan.cooldown_s)
            self._remember(name, verdict.memory, verdict.alert)
        elif told.event == "alerter.account_unreadable" and account not in self._plan.accounts:
            self._remember(name, replace(memory, announced=False), None)

    def _publish(self) -> None:
        if self._memory.loaded:
            announced = tuple(it for it in self._memory.said.values() if it.announced)
            self.fenced(lambda: self._plan.announced.publish(announced))

    def _save(self) -> None:
        """Bring memory and database together; try again later when the database is away.

        Until then it is not used: an alert must not wait for a database that takes seconds to
        answer.
        """
        if self._store_is_away:
            return
        try:
            if not self._memory.loaded:
                self._load()
            for name, alerts in tuple(self._memory.unsaved.items()):
                self.beat()
                outgoing = [Outgoing(alert, self._plan.channels) for alert in alerts]
                self._store.save(name, self._memory.said[name].to_text(), outgoing)
                self._memory.unsaved.pop(name, None)
        except StoreError as error:
            self._store_is_away = True
            self.log.warning("alerter.memory_not_saved", error=str(error))
            self.timer.after(_SAVE, _SAVE_AGAIN_S)


def _is_news(before: Memory, after: Memory) -> bool:
    """Tell whether people were told something, or decided something."""
    same = replace(after, suppressed=before.suppressed, last_cause=before.last_cause)
    return same != before

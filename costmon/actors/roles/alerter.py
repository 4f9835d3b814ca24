"""Say what people must know, once each.

What was said is remembered in the database together with what is to be delivered, in one
transaction, before the messenger is told: a restart delivers what was not, and says nothing again.
While the database is away this process remembers, and the messenger is told at once.

Facts are judged when they come. Those that a day brings, and those that a stop has kept from being
judged, are found by a look at what is published, at the start and every hour.
"""

import datetime as dt
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, assert_never

from costmon.actors.address import Address
from costmon.actors.base import Incarnation, SupervisedActor
from costmon.actors.detection import Detection, DetectionPlan
from costmon.alerts import condition as conditions
from costmon.alerts import guard as guard_conditions
from costmon.alerts.alert import Alert, Outgoing
from costmon.alerts.caps import Crossing, budget_crossings, quota_crossings
from costmon.alerts.condition import Condition
from costmon.alerts.memory import NOTHING_SAID, Memory
from costmon.alerts.policy import judge
from costmon.alerts.reminders import due_reminders
from costmon.alerts.spend import spend_found
from costmon.domain.cap import Cap, Quota
from costmon.domain.change import CircuitChange
from costmon.domain.fx import Rates
from costmon.domain.subscription import Subscription
from costmon.domain.totals import Threshold
from costmon.domain.usage import UsageReading
from costmon.errors import StoreError
from costmon.messages import (
    AlerterMessage,
    BucketsClosed,
    ChargesCompleted,
    ChargesRecorded,
    ChildRecovered,
    ChildSetAside,
    CostsCalculated,
    DeliverAlert,
    GuardNoticed,
    PolicyChanged,
    PollFailed,
    Tick,
    UsageCalculated,
)
from costmon.state.accounts import most_expensive, totals_over
from costmon.state.caps import budget_uses, quota_uses
from costmon.state.charges import ChargeState, on_day

_TOP = 3
_SAVE, _LOOK = "save", "look"
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
        threshold: Monthly run-rate above which people are told.
        cooldown_s: Seconds between repeats of one condition.
        open_store: Opens the place where memory outlives the process, for one incarnation.
        recollection: What outlives the incarnation.
        channels: The channels whose deliveries are kept in the database.
        caps: Budgets that are compared with charges; guards tell of their own spending themselves.
        quotas: Those of the user before those that costmon knows.
        rates: For charges in other currencies than a cap's.
        subscriptions: What people are reminded of.
        charges: Returns what was charged, of the month that it is.
        usages: Returns the last usage of each account.
        today: Returns the day in people's time zone.
        detection: Settings of detection; `None`: it is off.
    """

    threshold: Threshold
    cooldown_s: float
    open_store: Callable[[], MemoryStore]
    recollection: Recollection
    channels: tuple[str, ...]
    caps: tuple[Cap, ...]
    quotas: tuple[Quota, ...]
    rates: Rates
    subscriptions: tuple[Subscription, ...]
    charges: Callable[[], ChargeState]
    usages: Callable[[], Iterable[UsageReading]]
    today: Callable[[], dt.date]
    detection: DetectionPlan | None = None


class Alerter(SupervisedActor[AlerterMessage]):
    """Judges each fact against what was said before."""

    def __init__(self, incarnation: Incarnation, plan: AlerterPlan, messenger: Address) -> None:
        super().__init__(incarnation)
        self._plan = plan
        self._messenger = messenger
        self._memory = plan.recollection
        self._store = plan.open_store()
        self._store_is_away = False
        self._detection = Detection(plan.detection, self.beat) if plan.detection else None

    def started(self) -> None:
        """Recall what was said before the process started."""
        self._settle()
        self.timer.after(_LOOK, 0.0)

    def handle(self, message: AlerterMessage) -> None:  # noqa: C901, PLR0912 - one short case per message
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
            case ChargesRecorded(totals=totals):
                self._judge_caps(on_day(totals, self._plan.today()))
            case BucketsClosed(until=until):
                self._detect(until)
            case ChildSetAside(name=name, error=error, until=until):
                cause = f"until {until.isoformat()}"
                self._judge(conditions.child_set_aside(name, holds=True, error=error, cause=cause))
            case ChildRecovered(name=name):
                cause = f"recovered {self.clock.now().isoformat()}"
                self._judge(conditions.child_set_aside(name, holds=False, error="", cause=cause))
            case GuardNoticed(app=app, host=host, notice=notice, gauge=gauge):
                condition, least_s = guard_conditions.noticed(
                    notice, app=app, host=host, gauge=gauge, cooldown_s=self._plan.cooldown_s
                )
                self._judge(condition, least_s)
            case PolicyChanged(change=CircuitChange(id=id_, circuit=circuit)):
                # Each opening is somebody's decision: none is a repeat.
                now = self.clock.now()
                self._judge(guard_conditions.circuit(circuit, now=now, cause=id_), 0.0)
            case PolicyChanged():
                pass  # nobody is alerted of a budget that was set
            case Tick(key=key):
                self._on_time(key)
            case _:
                assert_never(message)

    def _on_time(self, key: str) -> None:
        if key == _LOOK:
            self._look()
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
            due = due_reminders(self._plan.subscriptions, self._plan.today(), self._memory.said)
            self._tell_crossings(due)
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

    def _tell_crossings(self, crossings: Iterable[Crossing]) -> None:
        """Tell of each budget or quota the highest level that it has crossed, once a period."""
        now = self.clock.now()
        for crossing in crossings:
            alert = crossing.condition.alert(now, resolved=False)
            told = Memory(announced=True, said_at=now, suppressed=0, last_cause=crossing.cause)
            for name in crossing.crossed:
                own = alert if name == crossing.condition.name else None
                self.fenced(partial(self._remember, name, NOTHING_SAID, told, own))
        self._settle()

    def _detect(self, until: dt.datetime) -> None:
        """Feed detection what is over, and tell what it finds."""
        if self._detection is None:
            return
        try:
            for finding in self._detection.closed(until):
                self._judge(spend_found(finding), 0.0)
        except StoreError as error:
            self.log.warning(
                "alerter.detection_delayed",
                error=str(error),
                hint="it goes on with the next bucket",
            )

    def _load_if_needed(self) -> None:
        if not self._memory.loaded:
            self._save()  # still unread when the database is away: told twice beats not at all

    def _judge(self, condition: Condition, cooldown_s: float | None = None) -> None:
        self._load_if_needed()
        now = self.clock.now()
        least_s = self._plan.cooldown_s if cooldown_s is None else cooldown_s
        before = self._memory.said.get(condition.name, NOTHING_SAID)
        verdict, after = judge(
            holds=condition.holds,
            cause=condition.cause,
            memory=before,
            now=now,
            cooldown_s=least_s,
        )
        alert: Alert | None = None
        match verdict:
            case "say" | "resolve":
                alert = condition.alert(now, resolved=verdict == "resolve")
            case "suppress":
                self.log.info(
                    "alerter.alert_suppressed",
                    message="suppressed by cooldown",
                    condition=condition.name,
                    suppressed=after.suppressed,
                    cooldown_s=least_s,
                    **condition.facts,
                )
            case "quiet":
                pass
            case _:
                assert_never(verdict)
        self.fenced(lambda: self._remember(condition.name, before, after, alert))
        self._settle()

    def _remember(self, name: str, before: Memory, after: Memory, alert: Alert | None) -> None:
        self._memory.said[name] = after
        # A quiet judgement changes nothing that people were told: it is not worth a transaction.
        if (before.announced, before.said_at) != (after.announced, after.said_at):
            self._memory.unsaved.setdefault(name, []).extend([alert] if alert else [])
        self._memory.untold.extend([alert] if alert else [])

    def _settle(self) -> None:
        """Save what was decided, then let it be delivered, saved or not."""
        if self._memory.unsaved or not self._memory.loaded:
            self._save()
        while self._memory.untold:
            self.tell(self._messenger, DeliverAlert(alert=self._memory.untold[0]))
            self.fenced(lambda: self._memory.untold.pop(0))

    def _load(self) -> None:
        for name, text in self._store.load().items():
            try:
                self._memory.said.setdefault(name, Memory.from_text(text))
            except ValueError as error:
                self.log.warning("alerter.memory_unreadable", condition=name, error=str(error))
        self._memory.loaded = True

    def _save(self) -> None:
        """Bring memory and database together; try again later when the database is away.

        Until then nobody asks it: an alert must not wait for a database that answers after seconds.
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

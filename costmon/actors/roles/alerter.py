"""Say what people must know, once each.

What was said is remembered in the database, and by this process for the time the database is away.
An alert is told before it is remembered: at worst it is told twice, never not at all. What is to be
delivered is kept with it, in one transaction, so that a restart delivers what was not.
"""

from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol, assert_never

from costmon.actors.address import Address
from costmon.actors.base import Incarnation, SupervisedActor
from costmon.alerts import condition as conditions
from costmon.alerts import guard as guard_conditions
from costmon.alerts.alert import Alert, Outgoing
from costmon.alerts.caps import Crossing, budget_crossings, quota_crossings
from costmon.alerts.condition import Condition
from costmon.alerts.forecast import forecast_crossings
from costmon.alerts.memory import NOTHING_SAID, Memory
from costmon.alerts.policy import judge
from costmon.domain.cap import Cap, Quota
from costmon.domain.change import CircuitChange
from costmon.domain.fx import Rates
from costmon.domain.totals import Threshold
from costmon.domain.usage import UsageReading
from costmon.errors import StoreError
from costmon.messages import (
    AlerterMessage,
    ChargesCompleted,
    ChargesRecorded,
    ChildRecovered,
    ChildSetAside,
    CostsCalculated,
    DeliverAlert,
    ForecastMade,
    GuardNoticed,
    PolicyChanged,
    PollFailed,
    Tick,
    UsageCalculated,
)
from costmon.state.accounts import most_expensive, totals_over
from costmon.state.caps import budget_uses, quota_uses
from costmon.state.charges import ChargeState
from costmon.state.forecast import budget_forecasts

_TOP = 3
_SAVE = "save"
_SAVE_AGAIN_S = 5.0


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
        loaded: The database has been read.
    """

    said: MutableMapping[str, Memory]
    unsaved: dict[str, list[Alert]]
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
    """

    threshold: Threshold
    cooldown_s: float
    open_store: Callable[[], MemoryStore]
    recollection: Recollection
    channels: tuple[str, ...]
    caps: tuple[Cap, ...]
    quotas: tuple[Quota, ...]
    rates: Rates


class Alerter(SupervisedActor[AlerterMessage]):
    """Judges each fact against what was said before."""

    def __init__(self, incarnation: Incarnation, plan: AlerterPlan, messenger: Address) -> None:
        super().__init__(incarnation)
        self._plan = plan
        self._messenger = messenger
        self._memory = plan.recollection
        self._store = plan.open_store()
        self._store_is_away = False

    def started(self) -> None:
        """Recall what was said before the process started."""
        self._save()

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
                self._judge_quotas(usage)
            case ChargesRecorded(totals=totals) | ForecastMade(totals=totals):
                self._judge_caps(totals)
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
            case Tick():
                self._store_is_away = False
                self._save()
            case _:
                assert_never(message)

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

    def _judge_quotas(self, usage: UsageReading) -> None:
        self._load_if_needed()
        uses = quota_uses(self._plan.quotas, [usage])
        self._tell_crossings(quota_crossings(uses, self._memory.said))

    def _judge_caps(self, charges: ChargeState) -> None:
        self._load_if_needed()
        uses = budget_uses(self._plan.caps, charges, (), self._plan.rates, self.clock.now())
        self._tell_crossings(budget_crossings(uses, self._memory.said))
        forecasts = budget_forecasts(self._plan.caps, charges.forecast, self._plan.rates)
        self._tell_crossings(forecast_crossings(forecasts, self._memory.said))

    def _tell_crossings(self, crossings: Iterable[Crossing]) -> None:
        """Tell of each budget or quota the highest level that it has crossed, once a period."""
        now = self.clock.now()
        for crossing in crossings:
            alert = crossing.condition.alert(now, resolved=False)
            self.tell(self._messenger, DeliverAlert(alert=alert))
            told = Memory(announced=True, said_at=now, suppressed=0, last_cause=crossing.cause)
            for name in crossing.crossed:
                own = alert if name == crossing.condition.name else None
                self.fenced(partial(self._remember, name, NOTHING_SAID, told, own))
        if self._memory.unsaved:
            self._save()

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
                self.tell(self._messenger, DeliverAlert(alert=alert))
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
        if self._memory.unsaved:
            self._save()

    def _remember(self, name: str, before: Memory, after: Memory, alert: Alert | None) -> None:
        self._memory.said[name] = after
        # A quiet judgement changes nothing that people were told: it is not worth a transaction.
        if (before.announced, before.said_at) != (after.announced, after.said_at):
            self._memory.unsaved.setdefault(name, []).extend([alert] if alert else [])

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

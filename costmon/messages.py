"""Every message between actors: frozen values, "from -> to" in the first line of each.

Commands are imperative, events past tense. Handlers match on the union of what they accept and end
with `assert_never`, so that a forgotten message is a type error.
"""

import datetime as dt
from dataclasses import dataclass

from costmon.alerts.alert import Alert
from costmon.domain.budget import Budget
from costmon.domain.change import Change
from costmon.domain.charge import ChargeWindow
from costmon.domain.charge_report import Restatement
from costmon.domain.circuit import Opening
from costmon.domain.poll import Observation, PollFailure, PollReport, ReadingKind
from costmon.domain.resource import Gap, Inventory
from costmon.domain.spend import GuardReport, Notice, ScopeGauge
from costmon.domain.usage import UsageReading
from costmon.meter.figures import Snapshot as MeterSnapshot
from costmon.meter.recording_control import Control
from costmon.state.charges import ChargeState
from costmon.state.value import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A timer that an actor asked for is due (mailbox -> the same actor).

    Attributes:
        key: The key the timer was asked for with.
    """

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRequested:
    """Poll now (api, console -> poller).

    Attributes:
        id: Names the request in the log and in its answer.
        readings: What to read, of that which the vendor has.
    """

    id: str
    readings: tuple[ReadingKind, ...] = ("inventory", "charges", "usage")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAgain:
    """What was read could not be kept until the database came back (persister -> poller)."""

    reading: ReadingKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A whole inventory, usage or window of charges was read (poller -> calculator).

    Of charges one cycle has several; the report of each is about the cycle so far, and
    `ChargesCompleted` follows the last of them.
    """

    report: PollReport
    reading: Inventory | ChargeWindow | UsageReading


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargesCompleted:
    """All windows of a cycle were read and told (poller -> calculator -> persister, alerter).

    Attributes:
        report: How the whole cycle went.
        complete_through: Up to when the vendor's charges are complete, aware UTC; `None` when it
            does not say.
        gaps: What the newest window could not see.
        windows: How many windows there were: when one is missing, the reading is not done.
    """

    report: PollReport
    windows: int
    complete_through: dt.datetime | None
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargesFetched:
    """A window of charges is to be recorded (calculator -> persister)."""

    report: PollReport
    window: ChargeWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageCalculated:
    """A usage was folded in and believed (calculator -> persister, alerter)."""

    report: PollReport
    usage: UsageReading


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargesRecorded:
    """A window was recorded (persister -> alerter); sent again when a crash repeats it.

    Attributes:
        account: Whose charges they are.
        totals: What everything adds up to now.
        restated: Complete days that cost something else now.
    """

    account: str
    totals: ChargeState
    restated: tuple[Restatement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastMade:
    """Forecasts have been recalculated from the same charges (persister -> alerter).

    Attributes:
        totals: What everything adds up to, with the forecast.
    """

    totals: ChargeState


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketsClosed:
    """What was spent before a moment is in the database, and final (persister -> alerter).

    Attributes:
        until: End of the last bucket that is over, aware UTC.
    """

    until: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PollFailed:
    """A cycle of a reading failed (poller -> calculator -> alerter).

    Windows of charges that were read before it failed have been told.
    """

    report: PollReport
    failure: PollFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class CostsCalculated:
    """A cycle has been folded into the current costs (calculator -> persister, alerter).

    Attributes:
        observation: What history keeps of the cycle, failed ones too.
        snapshot: The current costs with the cycle folded in.
        changes: What changed in this account since its last good cycle, in words for humans,
            largest amount first, at most ten.
    """

    observation: Observation
    snapshot: Snapshot
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSetAside:
    """A child crashed too often and is paused (supervisor -> alerter).

    Attributes:
        name: The child's full name.
        error: Its last error.
        until: When it is tried again, aware UTC.
    """

    name: str
    error: str
    until: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildRecovered:
    """A child that was set aside runs again and has been stable (supervisor -> alerter)."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverAlert:
    """An alert is to be told to people (alerter -> messenger)."""

    alert: Alert


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgeAlert:
    """Acknowledge an open alert (api -> alerter).

    Attributes:
        id: Names the request in the log and in its answer.
        condition: What the alert is about.
        author: Who decided it.
        reason: Why; may be empty.
    """

    id: str
    condition: str
    author: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnoozeAlert:
    """Keep an open alert silent for a while (api -> alerter).

    Attributes:
        id: Names the request in the log and in its answer.
        condition: What the alert is about.
        author: Who decided it.
        reason: Why; may be empty.
        until: When it is told again if it still holds, aware UTC.
    """

    id: str
    condition: str
    author: str
    reason: str
    until: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatReported:
    """The dead man's switch was pinged, or several pings have failed (heartbeat -> alerter).

    Attributes:
        error: Why the last one failed; `None`: it was accepted.
        at: When, aware UTC.
    """

    error: str | None
    at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStarted:
    """An incarnation has opened what it needs and takes messages (child -> supervisor).

    Attributes:
        name: The child's full name.
        generation: Which incarnation.
    """

    name: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildExited:
    """An incarnation's thread has ended, however it ended (child -> supervisor).

    Attributes:
        name: The child's full name.
        generation: Which incarnation.
        error: `repr` of what ended it; `None` when it stopped because it was asked to.
    """

    name: str
    generation: int
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartChild:
    """Restart one child or all of a role (console, api -> supervisor).

    The current message finishes first; queued messages are kept.

    Attributes:
        name: A full name (`poller.digitalocean`) or a role (`poller`).
    """

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetChildren:
    """Return the children, as `tuple[ChildStatus, ...]` (console -> supervisor)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdown:
    """Stop all children in reverse order, drained, then end (bootstrap -> supervisor).

    Attributes:
        exit_code: What the process shall exit with when nothing is left undelivered.
    """

    exit_code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartAnswer:
    """The result of a `RestartChild` (supervisor -> console, api).

    Attributes:
        restarted: Full names that are being restarted; empty when the name is unknown.
        known: Names and roles that exist.
    """

    restarted: tuple[str, ...]
    known: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardReported:
    """A guard has reported calls and refusals (api, intake -> policy -> persister).

    Attributes:
        report: What it says.
        authenticated: Whether it came with the token or over the socket; anybody on this machine
            may report without either.
    """

    report: GuardReport
    authenticated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCircuit:
    """Stop all calls that a scope covers (api, console -> policy).

    Attributes:
        id: Names the request in the log and in its answer.
        scope: In canonical form; may be a pattern.
        reason: Why, for people.
        author: Who decided it.
        expires_at: When it closes by itself, aware UTC; `None`: never.
    """

    id: str
    scope: str
    reason: str
    author: str
    expires_at: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenByRule:
    """Stop all calls that a scope covers, since a rule says so (alerter -> policy).

    It may be told again with every bucket: nothing changes while the circuit is open.
    """

    opening: Opening


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseCircuit:
    """Let calls pass again (api, console -> policy); no error when none was open.

    Attributes:
        id: Names the request in the log and in its answer.
        scope: Exactly as it was opened.
        reason: Why, for people.
        author: Who decided it.
    """

    id: str
    scope: str
    reason: str
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBudget:
    """Set a budget, in place of the file's and of what was set before (api, console -> policy).

    Attributes:
        id: Names the request in the log and in its answer.
        budget: Its `currency` is set.
        author: Who decided it.
    """

    id: str
    budget: Budget
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveBudget:
    """Take back what `SetBudget` set; the file's holds again (api, console -> policy).

    Attributes:
        id: Names the request in the log and in its answer.
        scope: The budget's.
        period: The budget's.
        author: Who decided it.
    """

    id: str
    scope: str
    period: str
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChanged:
    """A circuit or budget holds, or an alert was decided (policy, alerter -> persister, alerter).

    The alerter is told of circuits only, also when an open one has expired. Of that the persister
    is not told: the database knows when it ends.
    """

    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardNoticed:
    """A guard has reported something that people should know (policy -> alerter).

    Attributes:
        app: What the guard's program calls itself.
        host: Its machine.
        notice: What it is.
        gauge: How the budget that it is about stood then; `None`: it is about none, or not told.
    """

    app: str
    host: str
    notice: Notice
    gauge: ScopeGauge | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterReported:
    """A metered worker has told what it has measured so far (intake -> meters).

    Attributes:
        part: Numbers the worker's reports.
        is_final: Whether it is the last report of the worker.
        report: Its figures, with the rows that have changed.
    """

    part: int
    is_final: bool
    report: MeterSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRecording:
    """Let all workers of a service record, stop, or reset (api -> meters).

    Attributes:
        id: Names the request in the log and in its answer.
        service: Whose workers; an unknown one is not an error.
        control: What is wanted.
    """

    id: str
    service: str
    control: Control


PollerMessage = Tick | RefreshRequested | ReadAgain
CalculatorMessage = Fetched | ChargesCompleted | PollFailed
GuardCommand = OpenCircuit | CloseCircuit | SetBudget | RemoveBudget
AlertDecision = AcknowledgeAlert | SnoozeAlert
PolicyMessage = Tick | GuardReported | GuardCommand | OpenByRule
MetersMessage = Tick | MeterReported | SetRecording
PersisterMessage = (
    Tick
    | CostsCalculated
    | ChargesFetched
    | ChargesCompleted
    | UsageCalculated
    | GuardReported
    | PolicyChanged
)
AlerterMessage = (
    Tick
    | BucketsClosed
    | CostsCalculated
    | ChargesCompleted
    | UsageCalculated
    | ChargesRecorded
    | ForecastMade
    | PollFailed
    | ChildSetAside
    | ChildRecovered
    | GuardNoticed
    | PolicyChanged
    | AlertDecision
    | HeartbeatReported
)
HeartbeatMessage = Tick
MessengerMessage = Tick | DeliverAlert
SupervisorMessage = Tick | ChildStarted | ChildExited | RestartChild | GetChildren | Shutdown

"""The conditions that costmon watches for: each turns a fact into words and numbers."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from costmon.alerts.alert import Alert, AlertState, FactValue, Severity
from costmon.domain.money import shown
from costmon.domain.poll import PollFailure, PollReport
from costmon.domain.resource import Resource
from costmon.domain.totals import Totals
from costmon.state.changes import plain

ConditionState = Literal["opened", "escalated", "resolved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that holds or not, and the texts for both cases.

    Attributes:
        name: Names it for ever, such as `threshold:monthly`.
        state: `opened`: it holds; `escalated`: it holds and has got worse, which is told at once;
            `resolved`: it does not hold.
        cause: What this is based on, such as a cycle's id; the same one is not judged twice.
        event: The log event when it begins.
        resolved_event: The log event when it ends.
        severity: Of the beginning; the end is `info`.
        title: What it is about in a few words.
        text: The beginning, for humans.
        resolved_text: The end, for humans.
        labels: What it is about, for routing and grouping; the same whenever it is judged.
        facts: For machines.
        escalates: Whether it is told at the next higher severity when it lasts.
        repeats: Whether it is told again after each cool-down when its severity is the highest.
        since: When it began, aware UTC; `None`: when it was first told.
        expires_at: When it is over though nobody judges it again, aware UTC; `None`: its end is
            judged.
    """

    name: str
    state: ConditionState
    cause: str
    event: str
    resolved_event: str
    severity: Severity
    title: str
    text: str
    resolved_text: str
    labels: Mapping[str, str]
    facts: Mapping[str, FactValue]
    escalates: bool
    repeats: bool
    since: dt.datetime | None = None
    expires_at: dt.datetime | None = None

    @property
    def holds(self) -> bool:
        """Tell whether it holds."""
        return self.state != "resolved"

    def alert(
        self,
        now: dt.datetime,
        *,
        state: AlertState,
        severity: Severity,
        since: dt.datetime,
        previous_severity: Severity | None,
    ) -> Alert:
        """Return the alert about its beginning, its repetition or its end."""
        event = self.resolved_event if state == "resolved" else self.event
        return Alert(
            id=f"{self.name}/{event}/{self.cause}",
            event=event,
            severity=severity,
            condition=self.name,
            title=self.title,
            text=self._text(state, severity, since),
            labels=self.labels,
            facts=self.facts,
            state=state,
            since=since,
            previous_severity=previous_severity,
            raised_at=now,
        )

    def _text(self, state: AlertState, severity: Severity, since: dt.datetime) -> str:
        match state:
            case "opened":
                return self.text
            case "resolved":
                return self.resolved_text
            case "escalated":
                return f"Now {severity}, open since {_minute(since)}. {self.text}"
            case "repeated":
                return f"Open since {_minute(since)}. {self.text}"


def held(holds: bool) -> ConditionState:  # noqa: FBT001 - its only argument
    """Return the state of a condition that knows no more than whether it holds."""
    return "opened" if holds else "resolved"


def _minute(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def threshold(
    *,
    totals: Totals,
    limit: Decimal,
    top: tuple[Resource, ...],
    changes: tuple[str, ...],
    cause: str,
) -> Condition:
    """Watch the monthly run-rate against `DO_COST_THRESHOLD` (US dollars, strictly above)."""
    over = totals.monthly - limit
    most_expensive = tuple(
        {
            "name": plain(resource.name),
            "monthly_cost_usd": None
            if resource.monthly_cost is None
            else float(shown(resource.monthly_cost)),
            "size": resource.size,
            "account": resource.account,
        }
        for resource in top
    )
    return Condition(
        name="threshold:monthly",
        state=held(over > 0),
        cause=cause,
        event="alerter.threshold_exceeded",
        resolved_event="alerter.threshold_resolved",
        severity="warning",
        title="Monthly run-rate above the threshold",
        text=(
            f"The monthly run-rate is ${shown(totals.monthly)}, ${shown(over)} above your "
            f"threshold of ${shown(limit)}. {_in_words(top)}Destroy or resize what is not "
            "needed, or raise DO_COST_THRESHOLD."
        ),
        resolved_text=(
            f"The monthly run-rate is ${shown(totals.monthly)}, back within your threshold of "
            f"${shown(limit)}."
        ),
        labels={},
        escalates=True,
        repeats=True,
        facts={
            "monthly_total_usd": float(shown(totals.monthly)),
            "threshold_usd": float(shown(limit)),
            "over_usd": float(shown(over)),
            "top": most_expensive,
            "changes": changes,
            "unpriced_count": totals.unpriced_count,
        },
    )


def _in_words(top: tuple[Resource, ...]) -> str:
    named = [
        f"{plain(resource.name)} (${shown(resource.monthly_cost)})"
        for resource in top
        if resource.monthly_cost is not None
    ]
    return f"Most expensive: {', '.join(named)}. " if named else ""


_READINGS = {
    "inventory": "The costs",
    "charges": "The charges",
    "usage": "The usage",
}


def account_blind(report: PollReport, failure: PollFailure | None) -> Condition:
    """Watch whether a reading of an account works: not once its breaker has opened."""
    blind = failure is not None and report.breaker != "closed"
    message = failure.message if failure else ""
    is_inventory = report.reading == "inventory"
    what = _READINGS[report.reading]
    return Condition(
        # Without the reading for the inventory: memory of earlier versions has this name.
        name=f"account_blind:{report.account}" + ("" if is_inventory else f":{report.reading}"),
        state=held(blind),
        cause=report.cycle_id,
        event="alerter.account_unreadable",
        resolved_event="alerter.account_recovered",
        severity="warning",
        title=f"{what} of account {report.account} cannot be read",
        text=(
            f"{what} of account {report.account} cannot be read, the last good figures are "
            f"kept and flagged stale: {message}"
        ),
        resolved_text=f"{what} of account {report.account} can be read again.",
        labels={
            "account": report.account,
            "provider": report.provider,
            "reading": report.reading,
        },
        escalates=True,
        repeats=False,
        facts={
            "account": report.account,
            "reading": report.reading,
            "provider": report.provider,
            "reason": failure.reason if failure else None,
            "next_poll_at": report.next_poll_at.isoformat(),
        },
    )


def heartbeat_failing(error: str | None, *, cause: str) -> Condition:
    """Watch whether the dead man's switch accepts the pings."""
    return Condition(
        name="heartbeat",
        state=held(error is not None),
        cause=cause,
        event="alerter.heartbeat_failing",
        resolved_event="alerter.heartbeat_recovered",
        severity="warning",
        title="The dead man's switch cannot be reached",
        text=(
            f"The dead man's switch does not accept the pings: {error}. It may report costmon as "
            "down. Check COSTMON_HEARTBEAT_URL and the network."
        ),
        resolved_text="The dead man's switch accepts the pings again.",
        labels={},
        facts={"error": error},
        escalates=False,
        repeats=False,
    )


def child_set_aside(name: str, *, holds: bool, error: str, cause: str) -> Condition:
    """Watch for a child that crashes too often to be restarted at once."""
    return Condition(
        name=f"child_set_aside:{name}",
        state=held(holds),
        cause=cause,
        event="alerter.child_set_aside",
        resolved_event="alerter.child_recovered",
        severity="critical",
        title=f"{name} is paused",
        text=(
            f"{name} crashed too often and is paused: its costs are not polled. Last error: "
            f"{error}. "
            f'To restart it now: send(supervisor, "restart_child", name="{name}") '
            "in `costmon console`."
        ),
        resolved_text=f"{name} is running again and stable.",
        labels={"child": name},
        escalates=True,
        repeats=False,
        facts={"name": name, "last_error": error or None},
    )

"""What costmon watches for: each condition turns a fact into words and numbers."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from costmon.alerts.alert import Alert, FactValue, Severity
from costmon.domain.money import shown
from costmon.domain.poll import PollFailure, PollReport
from costmon.domain.resource import Resource
from costmon.domain.totals import Totals
from costmon.state.changes import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One thing that holds or does not, and how to say either.

    Attributes:
        name: Names it for ever, such as `threshold:monthly`.
        holds: Whether it holds.
        cause: What this is based on, such as a cycle's id.
        event: The log event when it begins.
        resolved_event: The log event when it ends.
        severity: How loud the beginning is; the end is `info`.
        text: The beginning, for humans.
        resolved_text: The end, for humans.
        facts: For machines.
    """

    name: str
    holds: bool
    cause: str
    event: str
    resolved_event: str
    severity: Severity
    text: str
    resolved_text: str
    facts: Mapping[str, FactValue]

    def alert(self, now: dt.datetime, *, resolved: bool) -> Alert:
        """Return the alert that says its beginning, or its end."""
        event = self.resolved_event if resolved else self.event
        return Alert(
            id=f"{self.name}/{event}/{self.cause}",
            event=event,
            severity="info" if resolved else self.severity,
            condition=self.name,
            text=self.resolved_text if resolved else self.text,
            facts=self.facts,
            raised_at=now,
        )


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
        holds=over > 0,
        cause=cause,
        event="alerter.threshold_exceeded",
        resolved_event="alerter.threshold_resolved",
        severity="warning",
        text=(
            f"The monthly run-rate is ${shown(totals.monthly)}, ${shown(over)} above your "
            f"threshold of ${shown(limit)}. {_in_words(top)}Destroy or resize what is not "
            "needed, or raise DO_COST_THRESHOLD."
        ),
        resolved_text=(
            f"The monthly run-rate is ${shown(totals.monthly)}, back within your threshold of "
            f"${shown(limit)}."
        ),
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
        holds=blind,
        cause=report.cycle_id,
        event="alerter.account_unreadable",
        resolved_event="alerter.account_recovered",
        severity="warning",
        text=(
            f"{what} of account {report.account} cannot be read, the last good figures are "
            f"kept and flagged stale: {message}"
        ),
        resolved_text=f"{what} of account {report.account} can be read again.",
        facts={
            "account": report.account,
            "reading": report.reading,
            "provider": report.provider,
            "reason": failure.reason if failure else None,
            "next_poll_at": report.next_poll_at.isoformat(),
        },
    )


def child_set_aside(name: str, *, holds: bool, error: str, cause: str) -> Condition:
    """Watch for a child that crashes too often to be restarted at once."""
    return Condition(
        name=f"child_set_aside:{name}",
        holds=holds,
        cause=cause,
        event="alerter.child_set_aside",
        resolved_event="alerter.child_recovered",
        severity="critical",
        text=(
            f"{name} crashed too often and is paused: its costs are not polled. Last error: "
            f"{error}. "
            f'To restart it now: send(supervisor, "restart_child", name="{name}") '
            "in `costmon console`."
        ),
        resolved_text=f"{name} is running again and stable.",
        facts={"name": name, "last_error": error or None},
    )

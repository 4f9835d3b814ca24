"""What guards and their circuits have to say to people, as conditions."""

import datetime as dt
from collections.abc import Mapping

from costmon.alerts.alert import Severity
from costmon.alerts.condition import Condition
from costmon.domain.circuit import Circuit
from costmon.domain.money import shown_exact
from costmon.domain.spend import Notice, NoticeKind, ScopeGauge
from costmon.domain.window import rolling_s

_LONGEST = 400
_EVENTS: Mapping[NoticeKind, str] = {
    "warn": "budget_warned",
    "refused": "budget_refused",
    "store_lost": "store_lost",
    "store_returned": "store_lost",
    "quarantined": "host_quarantined",
    "expired": "calls_expired",
}
_SEVERITY: Mapping[NoticeKind, Severity] = {
    "warn": "warning",
    "refused": "critical",
    "store_lost": "critical",
    "store_returned": "critical",
    "quarantined": "warning",
    "expired": "warning",
}


def circuit(decided: Circuit, *, now: dt.datetime, cause: str) -> Condition:
    """Watch a circuit; one that has expired by `now` is closed."""
    scope, author, reason = _line(decided.scope), _line(decided.author), _line(decided.reason)
    until = (
        "until somebody closes it"
        if decided.expires_at is None
        else f"until {decided.expires_at.isoformat()}"
    )
    why = f": {reason}" if reason else ""
    if decided.current_state(now) == "half-open" and decided.trial_ends_at is not None:
        closed = (
            f"The circuit of {scope}, opened by {author}{why}, is half-open: calls are allowed; "
            "if the rule is broken again it opens at once for twice as long. It is closed on "
            f"{decided.trial_ends_at.isoformat(timespec='minutes')}."
        )
    elif decided.state == "open":
        closed = (
            f"The circuit of {scope}, opened by {author}{why}, has expired: calls are "
            "allowed again."
        )
    else:
        closed = f"{author} closed the circuit of {scope}{why}. Calls are allowed again."
    return Condition(
        name=f"circuit:{decided.scope}",
        holds=decided.is_open(now),
        cause=cause,
        event="alerter.circuit_opened",
        resolved_event="alerter.circuit_closed",
        severity="critical",
        text=(
            f"{author} opened the circuit of {scope}{why}. Guards refuse all calls it covers"
            f" {until}. To close it: `costmon circuits close {scope}`."
        ),
        resolved_text=closed,
        facts={
            "scope": scope,
            "author": author,
            "reason": reason,
            "expires_at": _shown(decided.expires_at),
            "rule": decided.rule,
            "cause": decided.cause,
            "openings": decided.openings,
        },
    )


def noticed(
    notice: Notice, *, app: str, host: str, gauge: ScopeGauge | None, cooldown_s: float
) -> tuple[Condition, float]:
    """Return the condition that a guard's notice is about, and the seconds between its repeats.

    A budget's level is said once in each of its periods; guards that share a budget each notice it.

    Args:
        notice: What it is.
        app: Which program noticed it.
        host: On which machine.
        gauge: The budget it is about, if any was told.
        cooldown_s: Seconds between repeats of everything else.
    """
    who = f"{_line(app) or 'a guard'} on {_line(host) or 'an unnamed host'}"
    name, cause, least_s = f"guard_{notice.kind}:{notice.scope}", notice.id, cooldown_s
    if notice.kind in {"warn", "refused"} and gauge is not None:
        name = f"{name}:{gauge.period}"
        cause, least_s = _period_of(notice, gauge)
    elif notice.kind in {"store_lost", "store_returned"}:
        name = f"guard_store:{app}@{host}"
    return Condition(
        name=name,
        holds=notice.kind != "store_returned",
        cause=cause,
        event=f"alerter.guard_{_EVENTS[notice.kind]}",
        resolved_event="alerter.guard_store_returned",
        severity=_SEVERITY[notice.kind],
        text=f"{_line(notice.text)} (reported by {who})",
        resolved_text=f"{_line(notice.text)} (reported by {who})",
        facts={
            "scope": _line(notice.scope),
            "app": _line(app),
            "host": _line(host),
            "noticed_at": notice.at.isoformat(),
            **_figures(gauge),
        },
    ), least_s


def _period_of(notice: Notice, gauge: ScopeGauge) -> tuple[str, float]:
    """Return a cause that is the same for a whole period, and the least time between repeats.

    Another limit is another budget: reaching that one is said again.
    """
    limit = None if gauge.limit is None else shown_exact(gauge.limit)
    rolling = rolling_s(gauge.period)
    if rolling:  # such a period has no end: a repeat waits for its length
        return notice.id, float(rolling)
    end = "never" if gauge.resets_at is None else gauge.resets_at.isoformat()
    return f"{gauge.period} of {limit} until {end}", 0.0


def _shown(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _line(text: str) -> str:
    """Return a stranger's text as one line that a terminal, a log and a message can bear."""
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:_LONGEST])
    return line if len(text) <= _LONGEST else f"{line[:-1]}…"


def _figures(gauge: ScopeGauge | None) -> Mapping[str, str | None]:
    if gauge is None:
        return {}
    return {
        "period": gauge.period,
        "limit": None if gauge.limit is None else shown_exact(gauge.limit),
        "spent": shown_exact(gauge.spent),
        "held": shown_exact(gauge.held),
        "resets_at": _shown(gauge.resets_at),
    }

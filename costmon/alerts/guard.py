"""The conditions about guards and their circuits."""

import datetime as dt
from collections.abc import Mapping

from costmon.alerts.alert import Severity
from costmon.alerts.condition import Condition, held
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
    "unpriced": "calls_unpriced",
}
_TITLES: Mapping[NoticeKind, str] = {
    "warn": "Budget nearly spent",
    "refused": "Budget spent, calls are refused",
    "store_lost": "A guard cannot use its store",
    "store_returned": "A guard cannot use its store",
    "quarantined": "Host not called any more",
    "expired": "Calls never settled",
    "unpriced": "The price of calls is not known",
}
_REMAINS = dt.timedelta(days=1)
"""How long something that happened counts as open: nobody tells its end."""
_STORE_REMAINS = dt.timedelta(days=7)
_SEVERITY: Mapping[NoticeKind, Severity] = {
    "warn": "warning",
    "refused": "critical",
    "store_lost": "critical",
    "store_returned": "critical",
    "quarantined": "warning",
    "expired": "warning",
    "unpriced": "warning",
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
        state=held(decided.is_open(now)),
        cause=cause,
        event="alerter.circuit_opened",
        resolved_event="alerter.circuit_closed",
        severity="critical",
        title=f"Circuit of {scope} opened",
        text=(
            f"{author} opened the circuit of {scope}{why}. Guards refuse all calls it covers"
            f" {until}. To close it: `costmon circuits close {scope}`."
        ),
        resolved_text=closed,
        labels={"scope": scope},
        escalates=True,
        repeats=True,
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
    labels = {"scope": _line(notice.scope)}
    expires_at: dt.datetime | None = notice.at + _REMAINS
    if notice.kind in {"warn", "refused"} and gauge is not None:
        name = f"{name}:{gauge.period}"
        cause, least_s, expires_at = _period_of(notice, gauge)
        labels["period"] = gauge.period
    elif notice.kind in {"store_lost", "store_returned"}:
        name = f"guard_store:{app}@{host}"
        labels = {"app": _line(app), "host": _line(host)}
        expires_at = notice.at + _STORE_REMAINS  # its program may be gone and never tell the end
    return Condition(
        name=name,
        state=held(notice.kind != "store_returned"),
        cause=cause,
        event=f"alerter.guard_{_EVENTS[notice.kind]}",
        resolved_event="alerter.guard_store_returned",
        severity=_SEVERITY[notice.kind],
        title=f"{_TITLES[notice.kind]}: {_line(notice.scope)}",
        text=f"{_line(notice.text)} (reported by {who})",
        resolved_text=f"{_line(notice.text)} (reported by {who})",
        labels=labels,
        # Another notice is another occurrence of the same kind, not a condition that lasts.
        escalates=False,
        repeats=True,
        expires_at=expires_at,
        facts={
            "scope": _line(notice.scope),
            "app": _line(app),
            "host": _line(host),
            "noticed_at": notice.at.isoformat(),
            **_figures(gauge),
        },
    ), least_s


def _period_of(notice: Notice, gauge: ScopeGauge) -> tuple[str, float, dt.datetime | None]:
    """Return a cause that is the same for a whole period, the least time between repeats, the end.

    Another limit is another budget: reaching that one is said again.
    """
    limit = None if gauge.limit is None else shown_exact(gauge.limit)
    rolling = rolling_s(gauge.period)
    if rolling:  # such a period has no end: a repeat waits for its length
        return notice.id, float(rolling), notice.at + dt.timedelta(seconds=rolling)
    end = "never" if gauge.resets_at is None else gauge.resets_at.isoformat()
    return f"{gauge.period} of {limit} until {end}", 0.0, gauge.resets_at


def _shown(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _line(text: str) -> str:
    """Return untrusted text as one line that is safe in a terminal, a log and a message."""
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

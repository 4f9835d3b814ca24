"""Tell people what detection has found, in money."""

from costmon.alerts.condition import Condition
from costmon.domain.finding import Series, SpendFinding

FOUND = "alerter.spend_anomaly_found"
_LEAST_FIXED = 0.1


def spend_found(finding: SpendFinding) -> Condition:
    """Return the condition that a finding is about: each change of its state is told once."""
    scope, unit = finding.series
    subject = _subject(finding.series)
    since = f"{finding.since:%Y-%m-%d %H:%M} UTC"
    return Condition(
        name=f"finding:{scope}:{unit}:{finding.cause}",
        state=finding.state,
        cause=f"{finding.state} {finding.at.isoformat()}",
        event=FOUND,
        resolved_event="alerter.spend_anomaly_over",
        severity=finding.severity,
        title=f"Unusual {'spend' if finding.series.is_money else 'use'} of"
        f" {'all vendors' if scope == 'global' else scope}",
        text=_text(finding, subject, since),
        resolved_text=(
            f"{subject} is back to normal. Since {since} {money(finding.burned)} {unit} more than"
            f" usual was {'spent' if finding.series.is_money else 'used'}."
        ),
        labels={"scope": scope, "unit": unit, "kind": finding.cause},
        facts={
            "finding": finding.id,
            "scope": scope,
            "unit": unit,
            "kind": finding.cause,
            "quiet": finding.quiet,
            "observed": finding.observed,
            "expected": finding.expected,
            "low": finding.low,
            "high": finding.high,
            "burned": finding.burned,
            "per_hour": finding.per_hour,
            "projected": finding.projected,
            "projected_until": finding.projected_until.isoformat(),
            "confidence": finding.confidence,
            "why": finding.why,
            "contributors": tuple(
                {"scope": one.scope, "observed": one.observed, "expected": one.expected}
                for one in finding.contributors
            ),
        },
        escalates=False,
        repeats=False,
        since=finding.since,
    )


def money(amount: float) -> str:
    """Return an amount for people: cents, or two digits of what is less."""
    if amount == 0 or abs(amount) >= _LEAST_FIXED:
        return f"{amount:,.2f}"
    return f"{amount:.2g}"


def _text(finding: SpendFinding, subject: str, since: str) -> str:
    scope, unit = finding.series
    used = "spent" if finding.series.is_money else "used"
    rising = ", ".join(
        f"{one.scope} ({one.observed - one.expected:+,.2f})" for one in finding.contributors
    )
    parts = [
        (
            f"{subject} is unusually high: {money(finding.observed)} {unit}, usual is"
            f" {money(finding.expected)} ({money(finding.low)} to {money(finding.high)})."
        ),
        (
            f"Since {since} {money(finding.burned)} {unit} more than usual was {used}, now"
            f" {money(finding.per_hour)} an hour more: {money(finding.projected)} by"
            f" {finding.projected_until:%Y-%m-%d} if it goes on."
        ),
        f"What has risen most: {rising}." if rising else "",
        f"Why now: {'; '.join(finding.why)}." if finding.why else "",
        "The vendor's counters say so; the bill follows later."
        if finding.series.is_usage
        else f"`costmon circuits open {scope}` stops guarded calls.",
    ]
    return " ".join(filter(None, parts))


def _subject(series: Series) -> str:
    if series.scope == "global":
        return "The spend of all vendors together"
    if not series.is_usage:
        return f"The spend of {series.scope}"
    return f"The use of {series.scope}{' at list price' if series.is_money else ''}"

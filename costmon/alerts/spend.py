"""Tell people what detection has found, in money."""

from collections.abc import Mapping

from costmon.alerts.condition import Condition
from costmon.domain.finding import Series, SpendFinding, SpendSource
from costmon.domain.money import brief

FOUND = "alerter.spend_anomaly_found"
_NEXT: Mapping[SpendSource, str] = {
    "guards": "`costmon circuits open {scope}` stops guarded calls.",
    "vendors": "The vendor's counters say so; the bill follows later.",
    "meters": "The meter says so: it is a share of machines that are billed as a whole."
    " The page /meter shows what its requests use.",
}


def condition_name(series: Series, cause: str) -> str:
    """Return what the condition of a finding is called."""
    return f"finding:{series.scope}:{series.unit}:{cause}"


def spend_found(finding: SpendFinding) -> Condition:
    """Return the condition that a finding is about: each change of its state is told once."""
    scope, unit = finding.series
    subject = _subject(finding.series)
    since = f"{finding.since:%Y-%m-%d %H:%M} UTC"
    return Condition(
        name=condition_name(finding.series, finding.cause),
        state=finding.state,
        cause=f"{finding.state} {finding.at.isoformat()}",
        event=FOUND,
        resolved_event="alerter.spend_anomaly_over",
        severity=finding.severity,
        title=f"Unusual {'spend' if finding.series.is_money else 'use'} of"
        f" {'all vendors' if scope == 'global' else scope}",
        text=_text(finding, subject, since),
        resolved_text=(
            f"{subject} is back to normal. Since {since} {brief(finding.burned)} {unit} more than"
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


def _text(finding: SpendFinding, subject: str, since: str) -> str:
    scope, unit = finding.series
    used = "spent" if finding.series.is_money else "used"
    rising = ", ".join(
        f"{one.scope} (+{brief(one.observed - one.expected)})" for one in finding.contributors
    )
    parts = [
        (
            f"{subject} is unusually high: {brief(finding.observed)} {unit}, usual is"
            f" {brief(finding.expected)} ({brief(finding.low)} to {brief(finding.high)})."
        ),
        (
            f"Since {since} {brief(finding.burned)} {unit} more than usual was {used}, now"
            f" {brief(finding.per_hour)} an hour more: {brief(finding.projected)} by"
            f" {finding.projected_until:%Y-%m-%d} if it goes on."
        ),
        f"What has risen most: {rising}." if rising else "",
        f"Why now: {'; '.join(finding.why)}." if finding.why else "",
        _NEXT[finding.series.source].format(scope=scope),
    ]
    return " ".join(filter(None, parts))


def _subject(series: Series) -> str:
    if series.scope == "global":
        return "The spend of all vendors together"
    if series.source == "guards":
        return f"The spend of {series.scope}"
    used = "CPU and traffic" if series.source == "meters" else "use"
    return f"The {used} of {series.scope}{' at list price' if series.is_money else ''}"

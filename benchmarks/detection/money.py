"""Run detection over simulated spend: how soon incidents are found, and how often it is wrong."""

import datetime as dt
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

from benchmarks.detection import series
from costmon.detection import Finding, SpendWatch

WARM_UP = dt.timedelta(days=30)
WEEK = dt.timedelta(days=7)
MONTH_S = 30 * 86_400


@dataclass(slots=True)
class Outcome:
    """What detection told about one series.

    Attributes:
        case: Its kind.
        seed: Its seed.
        minutes: From the beginning of the incident to the first finding that is not quiet;
            infinite if nothing is found within a week. None for a series without incident.
        burned: Money above expectation before it was told.
        cause: Cause of that finding.
        months: Service-months in which any finding is false.
        false_alarms: Causes of findings in them that are not quiet.
        quiet: Quiet findings in them.
        again: Causes of findings that are not quiet after the first was acknowledged.
        in_month_end: Whether the incident begins in a month end that was seen before.
    """

    case: str
    seed: int
    minutes: float | None = None
    burned: float = 0.0
    cause: str = ""
    months: float = 0.0
    false_alarms: list[str] = field(default_factory=list)
    quiet: int = 0
    again: list[str] = field(default_factory=list)
    in_month_end: bool = False


def run(case: series.Case, seed: int, *, acknowledge: bool = False) -> Outcome:
    """Feed a series to a new `SpendWatch` and compare what it tells with what happened."""
    watch = SpendWatch(expected=case.expected)
    outcome = Outcome(case.kind, seed, in_month_end=case.in_month_end)
    first, last = case.samples[0][0], case.samples[-1][0]
    until = case.began or last
    acknowledged = False
    outcome.months = max(0.0, (until - first - WARM_UP).total_seconds() / MONTH_S)
    if case.began:
        outcome.minutes = math.inf
    for at, amount in case.samples:
        finding = watch.update(at, amount)
        if finding is None or finding.state == "resolved":
            continue
        if at > until:
            if acknowledged and finding.state == "opened" and not finding.quiet:
                outcome.again.append(finding.cause)
            _found(outcome, case, finding)
            if acknowledge and not acknowledged:
                watch.acknowledge(at)
                acknowledged = True
        elif finding.state == "opened" and at - first > WARM_UP:
            if finding.quiet:
                outcome.quiet += 1
            else:
                outcome.false_alarms.append(finding.cause)
    return outcome


def _found(outcome: Outcome, case: series.Case, finding: Finding) -> None:
    if case.began is None or finding.quiet or outcome.minutes != math.inf:
        return
    after = finding.at - case.began
    if after <= WEEK and (case.ended is None or finding.at <= case.ended):
        outcome.minutes = after.total_seconds() / 60
        outcome.burned, outcome.cause = finding.burned, finding.cause


def run_services(seeds: Sequence[int], kinds: Iterable[str] = ()) -> list[Outcome]:
    """Run the first generator; all of its kinds when none is named."""
    chosen = tuple(kinds) or series.INCIDENTS + series.LEGITIMATE
    return [run(series.services(kind, seed), seed) for seed in seeds for kind in chosen]


def run_others(
    seeds: Sequence[int], shapes: Iterable[str] = (), trouble: str = ""
) -> list[Outcome]:
    """Run the second generator; all of its shapes when none is named."""
    chosen = tuple(shapes) or series.SHAPES
    return [run(series.others(shape, seed, trouble), seed) for seed in seeds for shape in chosen]


def run_cases(seeds: Sequence[int], make: Callable[[int], series.Case]) -> list[Outcome]:
    """Run one kind of the further series."""
    return [run(make(seed), seed) for seed in seeds]


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def false_alarm_rate(outcomes: Iterable[Outcome]) -> float:
    """Return false alarms per service-month."""
    listed = list(outcomes)
    months = sum(outcome.months for outcome in listed)
    return sum(len(outcome.false_alarms) for outcome in listed) / months if months else 0.0


def resample(seeds: Sequence[int], draws: int, size: int) -> Iterable[list[int]]:
    """Yield sets of seeds drawn with replacement, always the same ones."""
    rng = Random("resample")
    for _ in range(draws):
        yield [rng.choice(seeds) for _ in range(size)]


def told_weeks(case: series.Case) -> int:
    """Return in how many calendar weeks after its beginning a finding was opened on its weekday."""
    watch, weeks = SpendWatch(expected=case.expected), set()
    for at, amount in case.samples:
        finding = watch.update(at, amount)
        begun = case.began is not None and at > case.began
        if finding and finding.state == "opened" and begun and at.weekday() == case.weekday:
            weeks.add(at.isocalendar().week)
    return len(weeks)

"""Print what detection reaches on simulated spend, seed by seed and beside its goals."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.detection.money import Outcome, false_alarm_rate, quantile, resample
from benchmarks.report import Row

MINUTE, HOUR, DAY = 1, 60, 1440
DRAWS, FRESH_SEEDS = 2000, 12


@dataclass(frozen=True, slots=True)
class Goal:
    """What must be reached for one incident, in minutes."""

    kind: str
    median: float
    p90: float


GOALS = (
    Goal("loop x100", 5, 5),
    Goal("loop x10", 15, 15),
    Goal("new service", 5, 10),
    Goal("retry storm", 30, 40),
    Goal("night loop", 15, 20),
    Goal("step +150 %", 20, 30),
    Goal("step +60 %", 6 * HOUR, 12 * HOUR),
    Goal("cron leak", 4 * HOUR, 8 * HOUR),
    Goal("slow leak", 5 * DAY, 6 * DAY),
    Goal("price +20 %", 2 * DAY, 4 * DAY),
)
JOB_GOAL = Goal("sparse: step +80 %", DAY, 2 * DAY)
FALSE_ALARMS, FALSE_ALARMS_OTHERS = 0.2, 0.4


def span(minutes: float) -> str:
    """Return minutes as people say them."""
    if math.isinf(minutes):
        return "never"
    if minutes < 3 * HOUR:
        return f"{minutes:.0f} min"
    return f"{minutes / HOUR:.1f} h" if minutes < 2 * DAY else f"{minutes / DAY:.1f} d"


def times(outcomes: Sequence[Outcome], kind: str, *, in_month_end: bool = False) -> list[float]:
    """Return the minutes to the finding for one kind of incident."""
    return [
        outcome.minutes
        for outcome in outcomes
        if outcome.case == kind
        and outcome.minutes is not None
        and outcome.in_month_end == in_month_end
    ]


def goal_row(outcomes: Sequence[Outcome], goal: Goal) -> Row:
    """Return the row of one incident."""
    minutes = times(outcomes, goal.kind)
    apart = times(outcomes, goal.kind, in_month_end=True)
    median, p90 = quantile(minutes, 0.5), quantile(minutes, 0.9)
    burned = quantile([o.burned for o in outcomes if o.case == goal.kind], 0.5)
    causes = Counter(o.cause for o in outcomes if o.case == goal.kind and o.cause)
    note = f"most {span(max(minutes))}; {burned:.2f} burned; " + ", ".join(
        f"{cause} {count}" for cause, count in causes.most_common(3)
    )
    if apart:
        note += f"; in a month end: {', '.join(map(span, sorted(apart)))}"
    return Row(
        goal.kind,
        f"{span(median)} / {span(p90)}",
        f"{span(goal.median)} / {span(goal.p90)}",
        median <= goal.median and p90 <= goal.p90,
        note,
    )


def alarm_row(name: str, outcomes: Sequence[Outcome], goal: float) -> Row:
    """Return the row of the false alarms of a generator."""
    rate = false_alarm_rate(outcomes)
    months = sum(outcome.months for outcome in outcomes)
    causes = Counter(cause for outcome in outcomes for cause in outcome.false_alarms)
    quiet = sum(outcome.quiet for outcome in outcomes) / months
    note = (
        f"{sum(causes.values())} in {months:.0f} service-months; {quiet:.2f} quiet; "
        + ", ".join(f"{cause} {count}" for cause, count in causes.most_common())
    )
    return Row(name, f"{rate:.3f}", f"<= {goal}", rate <= goal, note)


def print_seeds(name: str, outcomes: Sequence[Outcome]) -> None:
    """Print a line for each seed: false alarms, and minutes to each incident."""
    print(f"\n{name}, seed by seed (false alarms; minutes to the finding, * in a month end)")
    seeds: dict[int, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        seeds[outcome.seed].append(outcome)
    for seed, part in seeds.items():
        alarms = sum(len(outcome.false_alarms) for outcome in part)
        found = "  ".join(
            f"{o.case} {o.minutes:.0f}{'*' if o.in_month_end else ''}"
            for o in part
            if o.minutes is not None
        )
        print(f"  {seed}: {alarms}; {found}")


def print_kinds(outcomes: Sequence[Outcome]) -> None:
    """Print false alarms by kind of series."""
    kinds: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        kinds[outcome.case].append(outcome)
    for kind, part in kinds.items():
        causes = Counter(cause for outcome in part for cause in outcome.false_alarms)
        quiet = sum(outcome.quiet for outcome in part)
        print(f"  {kind:18} {false_alarm_rate(part):.2f} a month  {dict(causes)}  quiet {quiet}")


def chance(outcomes: Sequence[Outcome]) -> float:
    """Return how often a fresh set of seeds would pass all goals of the first generator."""
    seeds = sorted({outcome.seed for outcome in outcomes})
    by_seed = {seed: [o for o in outcomes if o.seed == seed] for seed in seeds}
    passed = 0
    for drawn in resample(seeds, DRAWS, FRESH_SEEDS):
        part = [outcome for seed in drawn for outcome in by_seed[seed]]
        passed += false_alarm_rate(part) <= FALSE_ALARMS and all(
            goal_row(part, goal).met for goal in GOALS
        )
    return passed / DRAWS


def silent_rows(groups: dict[str, list[Outcome]], goal: float) -> list[Row]:
    """Return a row for each kind of fault that is no runaway."""
    return [alarm_row(name, outcomes, goal) for name, outcomes in groups.items()]


def found_row(
    name: str,
    outcomes: Sequence[Outcome],
    limit: float,
    told: Callable[[Outcome], str] | None = None,
) -> Row:
    """Return a row of incidents that must all be found within `limit` minutes."""
    minutes = [o.minutes for o in outcomes if o.minutes is not None]
    note = f"{len(minutes)} series"
    if told:
        note += "; " + ", ".join(told(outcome) for outcome in outcomes)
    return Row(name, span(max(minutes)), f"all <= {span(limit)}", max(minutes) <= limit, note)

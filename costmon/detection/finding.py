"""What a watch is told (`WatchConfig`) and what it tells (`Finding`)."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

State = Literal["opened", "escalated", "resolved"]
Cause = Literal[
    "hourly",
    "daily",
    "budget",
    "new",
    "burst",
    "ramp",
    "shift",
    "lumps",
    "step",
    "leak",
    "job",
    "frozen",
]
"""`hourly`, `daily`, `budget`: an amount of the configuration was passed.
`new`: never cost anything and now does.
`burst`: far above the usual for this time of the week.
`ramp`: rises from bucket to bucket.
`shift`: jumped and stayed.
`lumps`: too many separate peaks.
`step`: days are above the reference.
`leak`: days rise one after another.
`job`: one job of a sparse series is larger than its like, or there are too many.
`frozen`: the same amount again and again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchConfig:
    """Rules of one series. Amounts are in the unit of the series.

    Attributes:
        hourly: More than this within an hour is a finding; None: no such rule.
        daily: More than this within a calendar day is a finding; None: no such rule.
        budget: Budget of a calendar month; spending it at a pace that would use it up early is a
            finding. None: no such rule.
        new_service: What a series that never cost anything may spend before it is a finding.
        least_share: A statistical finding exceeds the expectation by this share of a usual day.
        least_ratio: And by this factor.
        holidays: Days that are like a weekend.
        step_s: Length of a bucket in seconds; None: learned from the first samples.
    """

    hourly: float | None = None
    daily: float | None = None
    budget: float | None = None
    new_service: float = 1.0
    least_share: float = 0.01
    least_ratio: float = 1.28
    holidays: frozenset[dt.date] = frozenset()
    step_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributor:
    """A part of the series that explains a finding; filled in by whoever knows the parts.

    Attributes:
        name: What the part is, for example a model or a tag.
        observed: What it cost in the window of the finding.
        expected: What it usually costs in such a window.
    """

    name: str
    observed: float
    expected: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to tell about one series. Times are aware UTC, amounts in the unit of the series.

    Attributes:
        state: `opened`, `escalated` (it got much worse) or `resolved`.
        cause: Which rule or statistic found it; at most one finding is open for each group of them:
            each amount of the configuration, `frozen`, and all others.
        quiet: It only repeats a peak that was seen before.
        at: End of the bucket that decided.
        since: When it began, as far as is known.
        observed: What was spent in the deciding window.
        expected: What is usual for it; `low` and `high` are its usual range.
        burned: Spent above the expectation since it began.
        per_hour: Spent above the expectation per hour now.
        projected: `burned` by `projected_until` if it goes on like this.
        projected_until: End of the calendar month of `at`.
        confidence: From 0.5 (just over the line) to 1.
        why: Sentences in plain English.
        contributors: Empty here; a single series does not know its parts.
    """

    state: State
    cause: Cause
    quiet: bool
    at: dt.datetime
    since: dt.datetime
    observed: float
    expected: float
    low: float
    high: float
    burned: float
    per_hour: float
    projected: float
    projected_until: dt.datetime
    confidence: float
    why: tuple[str, ...]
    contributors: tuple[Contributor, ...] = ()

"""What detection has found in a series of spend, as it is stored, told and shown."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal, NamedTuple

FindingState = Literal["opened", "escalated", "resolved"]
FindingSeverity = Literal["info", "warning", "critical"]

SpendSource = Literal["guards", "vendors", "meters"]
"""Who tells of a series: each sees another part of the same money, so they are never added."""

BUCKET_S = 300
"""Default length of a bucket in seconds; it divides an hour."""


class Series(NamedTuple):
    """One series of spend.

    Attributes:
        scope: In canonical form, such as `provider:openai`; `global` is the total that guards
            report. Meters report `app:NAME` and `endpoint:NAME METHOD ROUTE`.
        unit: An ISO 4217 currency, or the name of a counter of a vendor such as `output_tokens`.
    """

    scope: str
    unit: str

    @property
    def source(self) -> SpendSource:
        """Tell who reports it; what vendors count and meters report is money at list price."""
        if self.scope.startswith(("account:", "project:")):
            return "vendors"
        return "meters" if self.scope.startswith(("app:", "endpoint:")) else "guards"

    @property
    def is_money(self) -> bool:
        """Tell whether the unit is a currency."""
        return self.unit.isupper()


class Contribution(NamedTuple):
    """What another scope has to do with a finding.

    Attributes:
        scope: Such as `tag:search`.
        observed: What it has cost since the finding began.
        expected: What it costs in such a time usually.
    """

    scope: str
    observed: float
    expected: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendFinding:
    """A finding by its newest state. Times are aware UTC, amounts in the unit of the series.

    Attributes:
        id: Names it for ever.
        series: Where it was found.
        state: `opened`, `escalated` (it got much worse) or `resolved`.
        cause: The rule or statistic that found it.
        severity: How loud.
        quiet: It only repeats a peak that was seen before.
        part_of: Id of the finding that tells of the same money; `None`: it is told itself.
        opened_at: End of the bucket with which it was found.
        at: End of the bucket that decided its state.
        since: When it began, as far as is known.
        observed: What was spent in the deciding window.
        expected: What is usual for it.
        low: Lower end of the usual range.
        high: Upper end.
        burned: Spent above the expectation since it began.
        per_hour: Spent above the expectation per hour now.
        projected: `burned` by `projected_until` if it goes on like this.
        projected_until: End of the calendar month.
        confidence: From 0.5 (just over the line) to 1.
        why: Sentences in plain English.
        contributors: The scopes that have risen most, at most three.
    """

    id: str
    series: Series
    state: FindingState
    cause: str
    severity: FindingSeverity
    quiet: bool
    part_of: str | None
    opened_at: dt.datetime
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
    contributors: tuple[Contribution, ...]

    @property
    def is_open(self) -> bool:
        """Tell whether it is not over."""
        return self.state != "resolved"


def bucket_floor(moment: dt.datetime, bucket_s: int) -> dt.datetime:
    """Return the end of the last bucket that is over at `moment`, aware UTC."""
    seconds = int(moment.timestamp() // bucket_s) * bucket_s
    return dt.datetime.fromtimestamp(seconds, dt.UTC)

"""Questions to history, and its answers."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from costmon.domain.period import Period

Step = Literal["day", "week", "month"]
GroupBy = Literal["total", "provider", "account", "kind", "region"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery:
    """What is asked.

    Attributes:
        period: Whole UTC days, half-open.
        step: Length of a bucket; weeks start on Monday.
        group_by: What each row is about; `total` gives one row a bucket and currency.
        not_observed: Whether rows tell what was not observed, too.
    """

    period: Period
    step: Step
    group_by: GroupBy
    not_observed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """One bucket of one group, from the daily roll-ups.

    Attributes:
        period: The bucket, cut to what was asked.
        group: The value of `group_by`; `total` when everything is summed; an absent region is "-".
        currency: ISO 4217; currencies are never added.
        accrued: What the observed rates (monthly / 720 per hour) add up to over `observed_s`.
        average_monthly: Mean monthly run-rate over the observed time; `None` without any.
        last_monthly: The monthly run-rate when it was last seen in the bucket.
        observed_s: Seconds of the bucket covered by observations, of the longest-seen account.
        resource_count: Most resources seen at once.
        unpriced_count: The most of them at once whose price was unknown or not whole: when it is
            not 0, the amounts are lower bounds.
        not_observed: What the last known rates add up to over `not_observed_s`; not in `accrued`.
            `None` when it was not asked for.
        not_observed_s: Seconds of the bucket between observations that lie too far apart: the
            service did not run, polls failed, or the clock was set; of the account with most.
    """

    period: Period
    group: str
    currency: str
    accrued: Decimal
    average_monthly: Decimal | None
    last_monthly: Decimal
    observed_s: int
    resource_count: int
    unpriced_count: int
    not_observed: Decimal | None = Decimal(0)
    not_observed_s: int | None = 0

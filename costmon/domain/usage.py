"""How much of something was used: quantities, as fresh as the vendor has them."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from costmon.domain.resource import Gap

PREPAID_BALANCE = "prepaid_balance"
"""The quota of what was paid in advance: its limit is what was paid, its unit the currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What was used of one thing in one span of time.

    Attributes:
        quota: What it is compared with: a slug such as `function_invocations`, the same for every
            reader, page and metric.
        unit: FOCUS unit: `Requests`, `GB`, `GB-Hours`, `Tokens`, `Rows`.
        used: How much; 0 only when the vendor says 0.
        start: Start of the span, aware UTC; for a level (bytes stored now) the moment itself.
        end: First instant after the span so far, aware UTC.
        resets_at: When the count is reset, aware UTC; `None` for a level.
        limit: What the vendor itself says is included; `None` when it does not say.
        estimated: Whether the figure is ours or the vendor's own estimate.
        project: The vendor's project or bucket it belongs to; `None` for the whole account.
    """

    quota: str
    unit: str
    used: Decimal
    start: dt.datetime
    end: dt.datetime
    resets_at: dt.datetime | None
    limit: Decimal | None = None
    estimated: bool
    project: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReading:
    """What one read of an account's usage brought.

    Attributes:
        account: The account's name.
        provider: The vendor's slug.
        observed_at: When the read began, aware UTC.
        quantities: Each (quota, project) once.
        complete_through: Up to when the vendor has counted, aware UTC; `None` when it does not say.
        gaps: What this credential or plan cannot see, by quota.
        plan: The vendor's plan, such as `hobby`: which free tier's quotas hold. `None` when the
            vendor does not say.
    """

    account: str
    provider: str
    observed_at: dt.datetime
    quantities: tuple[Quantity, ...]
    complete_through: dt.datetime | None
    gaps: tuple[Gap, ...]
    plan: str | None = None

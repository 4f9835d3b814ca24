"""Quotas of free tiers and plans, from the list that comes with costmon."""

from costmon.domain.cap import DEFAULT_LEVELS, Quota, QuotaPeriod
from costmon.pricing.csv_rows import CsvRow, csv_rows, shipped_text

_COLUMNS = (
    "provider",
    "plan",
    "quota",
    "unit",
    "limit",
    "period",
    "per_project",
    "as_of",
    "source",
)
_PERIODS: dict[str, QuotaPeriod] = {"day": "day", "month": "month", "now": "now"}


def known_quotas() -> tuple[Quota, ...]:
    """Return the quotas of `data/quotas.csv`, in the order of the file."""
    return tuple(map(_quota, csv_rows(shipped_text("quotas.csv"), _COLUMNS, _COLUMNS)))


def _quota(row: CsvRow) -> Quota:
    period = _PERIODS.get(row.text("period"))
    if period is None:
        row.refuse("period", f"one of {', '.join(_PERIODS)}")
    return Quota(
        provider=row.text("provider"),
        account=None,
        quota=row.text("quota"),
        unit=row.text("unit"),
        limit=row.decimal("limit"),
        period=period,
        levels=DEFAULT_LEVELS,
        plan=row.text("plan") or None,
        per_project=row.text("per_project") == "yes",
        source=row.text("source"),
        as_of=row.day("as_of"),
    )

"""Read one Wasabi account: from the stats API, or by listing buckets when the key may not.

Source: https://docs.wasabi.com/apidocs/wasabi-stats-api
Lag: a day is there some hours after it is over, or several days.
Needs: the policy WasabiViewBillingAccess; or s3:ListBucket on the buckets named.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from decimal import Decimal

from costmon.domain.charge import ChargeWindow
from costmon.domain.resource import Gap
from costmon.domain.usage import Quantity, UsageReading
from costmon.errors import ProviderAuthError, ProviderError, ProviderPermissionError
from costmon.outbound import Outbound
from costmon.providers.base import Provider
from costmon.providers.figures import Poll, Span
from costmon.providers.reading import EXACT, Answers, midnight, month_of, months
from costmon.providers.wasabi.buckets import BucketLister, Listed
from costmon.providers.wasabi.estimate import Stored, estimate
from costmon.providers.wasabi.prices import StoragePrices
from costmon.providers.wasabi.stats import ACCOUNT_PATH, SLUG, Day, read_buckets, read_days

RESTATED = dt.timedelta(days=5)
"""For how long days of a month may still come late."""
LOOK_BACK = dt.timedelta(days=30)
_NEEDS_STATS = (
    "not visible with this key (needs the policy WasabiViewBillingAccess; the buckets named were "
    "listed instead)"
)
_CALLS = {
    "requests": "all_calls",
    "requests_get": "get_calls",
    "requests_put": "put_calls",
    "requests_delete": "delete_calls",
    "requests_list": "list_calls",
    "requests_head": "head_calls",
}


class Wasabi(Provider):
    """One account, or some of its buckets."""

    def __init__(
        self, outbound: Outbound, prices: StoragePrices, lister: BucketLister | None
    ) -> None:
        """Read with `outbound`; with `lister` what the stats API refuses, if there is one."""
        self._answers = Answers(SLUG, outbound)
        self._prices = prices
        self._lister = lister

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return an estimate, month by month; of today only when buckets must be listed."""
        for start, end in months(now, known_through, RESTATED):
            try:
                days = self._days(start, end)
            except (ProviderAuthError, ProviderPermissionError) as error:
                refusal = error
            else:
                if known_through is not None and start < known_through:
                    if not days and known_through > end:
                        continue  # an older month: what is stored of it stays
                    if known_through <= end and (not days or days[-1].end_time < known_through):
                        raise self._answers.fault(
                            ACCOUNT_PATH, "incomplete: days that were there before are gone"
                        )
                yield self._month(account, now, start, end, days)
                continue
            yield self._today(account, now, self._listed(refusal, now))
            return

    def usage(self, account: str, now: dt.datetime) -> UsageReading:
        """Return bytes of the newest day that is there, and what was sent and asked this month."""
        start = month_of(now)[0]
        try:
            days = self._days(min(start, midnight(now - LOOK_BACK)), now)
        except (ProviderAuthError, ProviderPermissionError) as error:
            refusal = error
        else:
            quantities, gaps = _of_days(days, start)
            buckets, bucket_gaps = self._of_buckets(now) if days else ((), ())
            return Poll(SLUG, account, now).usage(
                (*quantities, *buckets),
                (*gaps, *bucket_gaps),
                complete_through=days[-1].end_time.astimezone(dt.UTC) if days else None,
            )
        listed = self._listed(refusal, now)
        unseen = ("storage_deleted", "storage_minimum", "egress", *_CALLS)
        return Poll(SLUG, account, now).usage(
            (_level("storage_active", size, now, bucket) for bucket, size in listed.sizes.items()),
            (*(Gap(kind=kind, reason=_NEEDS_STATS) for kind in unseen), *listed.gaps),
        )

    def _days(self, start: dt.datetime, end: dt.datetime) -> tuple[Day, ...]:
        """Return the days that are over and begin in [start, end), oldest first."""
        return tuple(
            day
            for day in read_days(self._answers, start.date(), end.date())
            if start <= day.start_time < end and day.end_time <= end
        )

    def _listed(self, refusal: ProviderError, now: dt.datetime) -> Listed:
        """Return what listing the buckets brings, or raise why the stats API may not be read."""
        if self._lister is not None:
            return self._lister.list_all(now)
        raise refusal.explained(
            detail=f"the key may not read the stats API ({refusal.status})",
            hint="check both keys; give the sub-user the policy WasabiViewBillingAccess and let "
            "root allow it billing; or name buckets in WASABI_BUCKETS to have them listed",
        )

    def _month(
        self,
        account: str,
        now: dt.datetime,
        start: dt.datetime,
        end: dt.datetime,
        days: Sequence[Day],
    ) -> ChargeWindow:
        stored = [
            Stored(day=day.start_time.astimezone(dt.UTC).date(), service=service, size=size)
            for day in days
            for service, size in (
                ("Active storage", day.active_bytes),
                ("Deleted storage", day.deleted_storage_size_bytes),
            )
        ]
        through = days[-1].end_time.astimezone(dt.UTC) if days else None
        charges = estimate(stored, self._prices)
        return Poll(SLUG, account, now).window(start, end, charges, complete_through=through)

    def _today(self, account: str, now: dt.datetime, listed: Listed) -> ChargeWindow:
        today = midnight(now)
        stored = [
            Stored(day=today.date(), service="Active storage", size=size, bucket=bucket)
            for bucket, size in listed.sizes.items()
        ]
        gaps = (
            Gap(kind="other days", reason="estimated for today only: " + _NEEDS_STATS),
            Gap(kind="deleted storage", reason=_NEEDS_STATS),
            Gap(kind="other buckets", reason=_NEEDS_STATS),
            *listed.gaps,
        )
        end = max(now, today + dt.timedelta(seconds=1))
        charges = estimate(stored, self._prices)
        return Poll(SLUG, account, now).window(today, end, charges, gaps=gaps)

    def _of_buckets(self, now: dt.datetime) -> tuple[tuple[Quantity, ...], tuple[Gap, ...]]:
        """Return the bytes by bucket, or the gap that they leave."""
        try:
            buckets = [day for day in read_buckets(self._answers) if day.end_time <= now]
        except ProviderError as error:
            reason = f"could not be read ({error.reason}): {error.detail}"
            return (), (Gap(kind="buckets", reason=reason),)
        found = []
        for day in buckets:
            at = day.end_time.astimezone(dt.UTC)
            found.append(_level("storage_active", day.active_bytes, at, day.bucket))
            found.append(_level("storage_deleted", day.deleted_storage_size_bytes, at, day.bucket))
        return tuple(found), ()


def _of_days(
    days: Sequence[Day], month_start: dt.datetime
) -> tuple[tuple[Quantity, ...], tuple[Gap, ...]]:
    """Return what the account's days say: levels of the newest, sums of those of this month."""
    if not days:
        return (), ()
    newest = days[-1]
    at = newest.end_time.astimezone(dt.UTC)
    quantities = [
        _level("storage_active", newest.active_bytes, at, None),
        _level("storage_deleted", newest.deleted_storage_size_bytes, at, None),
    ]
    if newest.min_storage_charge_bytes is not None:
        quantities.append(_level("storage_minimum", newest.min_storage_charge_bytes, at, None))
    of_month = [day for day in days if day.start_time >= month_start]
    if not of_month:
        reason = "no day of this month is reported yet"
        return tuple(quantities), tuple(Gap(kind=kind, reason=reason) for kind in _SUMS)
    gaps = []
    span = Span(start=month_start, end=at, resets_at=month_of(month_start)[1])
    for quota, (unit, field, scale) in _SUMS.items():
        counts: list[int | None] = [getattr(day, field) for day in of_month]
        known = [count for count in counts if count is not None]
        if len(known) < len(counts):
            gaps.append(Gap(kind=quota, reason="Wasabi does not report it for every day"))
            continue
        quantities.append(
            span.quantity(
                quota,
                unit,
                EXACT.scaleb(Decimal(sum(known)), Decimal(scale)),
                # Egress up to the amount stored is free of charge.
                limit=_gigabytes(newest.active_bytes) if quota == "egress" else None,
            )
        )
    return tuple(quantities), tuple(gaps)


_GB = -9
_SUMS = {
    "egress": ("GB", "download_bytes", _GB),
    **{quota: ("Requests", field, 0) for quota, field in _CALLS.items()},
}


def _level(quota: str, size: int, at: dt.datetime, bucket: str | None) -> Quantity:
    return Span.level(at).quantity(quota, "GB", _gigabytes(size), project=bucket)


def _gigabytes(size: int) -> Decimal:
    return EXACT.scaleb(Decimal(size), Decimal(_GB))

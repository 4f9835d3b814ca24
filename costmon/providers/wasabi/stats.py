"""Wasabi's stats API: what was stored, sent and asked, by day.

Source: https://docs.wasabi.com/apidocs/wasabi-stats-api
Units: bytes; calls.  Lag: a day or several.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Generic, TypeVar

from msgspec import Meta, Struct, field

from costmon.providers.reading import Answers

ACCOUNT_PATH = "/v1/standalone/utilizations"
BUCKET_PATH = "/v1/standalone/utilizations/bucket"
SLUG = "wasabi"
PAGE_SIZE = 100
MOST_PAGES = 200

Moment = Annotated[dt.datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0)]


class Day(Struct, gc=False, rename="pascal", kw_only=True):
    """What one day was like; what Wasabi bills for is required."""

    start_time: Moment
    end_time: Moment
    padded_storage_size_bytes: Count
    metadata_storage_size_bytes: Count
    deleted_storage_size_bytes: Count
    create_time: Moment | None = None
    min_storage_charge_bytes: Count | None = None
    download_bytes: Count | None = None
    all_calls: Count | None = field(name="NumAPICalls", default=None)
    get_calls: Count | None = field(name="NumGETCalls", default=None)
    put_calls: Count | None = field(name="NumPUTCalls", default=None)
    delete_calls: Count | None = field(name="NumDELETECalls", default=None)
    list_calls: Count | None = field(name="NumLISTCalls", default=None)
    head_calls: Count | None = field(name="NumHEADCalls", default=None)

    @property
    def active_bytes(self) -> int:
        """Return what is there and billed."""
        return self.padded_storage_size_bytes + self.metadata_storage_size_bytes


class BucketDay(Day, gc=False, rename="pascal", kw_only=True):
    """What one day was like in one bucket."""

    bucket: str


D = TypeVar("D", bound=Day)


class _PageInfo(Struct, gc=False, rename="pascal"):
    """How much there is; only the first page says so."""

    record_count: int | None = None


class _Page(Struct, Generic[D], gc=False, rename="pascal"):
    """One page."""

    records: list[D] | None
    page_info: _PageInfo | None = None


def read_days(answers: Answers, start: dt.date, end: dt.date) -> tuple[Day, ...]:
    """Return each day from `start` to `end` once, oldest first; the account's newest figures.

    Raises:
        ProviderSchemaError: A page is not what the API documents, or the pages are incomplete.
        ProviderError: A page could not be read.
    """
    span = {"from": start.isoformat(), "to": end.isoformat()}
    found: dict[dt.date, Day] = {}
    for day in _oldest_first(_pages(answers, ACCOUNT_PATH, Day, span)):
        if day.end_time <= day.start_time:
            raise answers.fault(ACCOUNT_PATH, "a day that ends before it begins", "$.Records")
        found[day.start_time.astimezone(dt.UTC).date()] = day
    return tuple(found[date] for date in sorted(found))


def read_buckets(answers: Answers) -> tuple[BucketDay, ...]:
    """Return each bucket of the newest day once; raises as `read_days`."""
    pages = _pages(answers, BUCKET_PATH, BucketDay, {"latest": "true"})
    newest = max((day.start_time for day in pages), default=None)
    buckets = {day.bucket: day for day in _oldest_first(pages) if day.start_time == newest}
    return tuple(buckets[name] for name in sorted(buckets))


def _oldest_first(days: Iterable[D]) -> list[D]:
    """Sort by when a figure was made, so that a corrected one comes after the first."""
    return sorted(days, key=lambda day: day.create_time or day.end_time)


def _pages(
    answers: Answers,
    path: str,
    row: type[D],
    params: Mapping[str, str | int],
) -> list[D]:
    """Return what all pages list; the older API has no pages, only the list."""
    shape: Any = _Page[row] | list[row]  # type: ignore[valid-type]  # msgspec reads it at run time
    found: list[D] = []
    total: int | None = None
    for number in range(MOST_PAGES):
        asked = {**params, "pageNum": number, "pageSize": PAGE_SIZE}
        answer: _Page[D] | list[D] = answers.read(path, shape, asked)
        if isinstance(answer, list):
            return answer
        records = answer.records or []
        if number == 0 and answer.page_info is not None:
            total = answer.page_info.record_count
        if records and records == found[-len(records) :]:
            raise answers.fault(path, f"incomplete: page {number} is the one before", "$.Records")
        found += records
        if total and len(found) >= total:
            return found
        if len(records) < PAGE_SIZE:
            if total and len(found) < total:
                detail = f"incomplete: {len(found)} of {total} records"
                raise answers.fault(path, detail, "$.PageInfo.RecordCount")
            return found
    raise answers.fault(path, f"incomplete: more than {MOST_PAGES} pages", "$.PageInfo")

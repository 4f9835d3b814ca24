"""What R2 and Workers were used for, by Cloudflare's GraphQL API.

Source: https://developers.cloudflare.com/r2/platform/metrics-analytics/,
https://developers.cloudflare.com/r2/pricing/ (which operation is of which class)
Units: requests, bytes; GB-months as Cloudflare bills them: daily peaks over 30 days.
Lag: minutes. Figures are sampled, hence estimates.
"""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated, TypeVar

from msgspec import Meta, Struct

from costmon.domain.resource import Gap
from costmon.domain.usage import Quantity
from costmon.errors import ProviderError, ProviderPermissionError, ProviderRateLimitError
from costmon.providers.figures import Span
from costmon.providers.reading import EXACT, Answers, schema_fault

SLUG = "cloudflare"
PATH = "/graphql"
ANALYTICS_READ = "Account > Account Analytics > Read"
MOST_GROUPS = 10_000
QUERY = """
query ($account: string!, $start: Time!, $day: Time!, $end: Time!) {
  viewer {
    accounts(filter: {accountTag: $account}) {
      r2OperationsAdaptiveGroups(
        limit: 10000, filter: {datetime_geq: $start, datetime_lt: $end}
      ) { sum { requests } dimensions { actionType storageClass } }
      r2StorageAdaptiveGroups(
        limit: 10000, filter: {datetime_geq: $start, datetime_lt: $end}
      ) { max { payloadSize metadataSize } dimensions { bucketName storageClass date } }
      r2BandwidthUsageAdaptiveGroups(
        limit: 10000, filter: {datetime_geq: $start, datetime_lt: $end}
      ) { sum { bytesDownload bytesUpload } }
      workersInvocationsAdaptive(
        limit: 10000, filter: {datetime_geq: $day, datetime_lt: $end}
      ) { sum { requests } }
    }
  }
}
"""
_CLASS_B = frozenset(
    {
        "HeadBucket",
        "HeadObject",
        "GetObject",
        "UsageSummary",
        "GetBucketEncryption",
        "GetBucketLocation",
        "GetBucketCors",
        "GetBucketLifecycleConfiguration",
    }
)
_CLASS_A = frozenset(
    {
        "ListBuckets",
        "PutBucket",
        "ListObjects",
        "PutObject",
        "CopyObject",
        "CompleteMultipartUpload",
        "CreateMultipartUpload",
        "LifecycleStorageTierTransition",
        "ListMultipartUploads",
        "UploadPart",
        "UploadPartCopy",
        "ListParts",
        "PutBucketEncryption",
        "PutBucketCors",
        "PutBucketLifecycleConfiguration",
    }
)
_FREE = frozenset({"DeleteObject", "DeleteBucket", "AbortMultipartUpload"})
_STANDARD = frozenset({"", "Standard"})
_DAYS_OF_MONTH = Decimal(30)
_STEP = Decimal("1e-12")

Count = Annotated[int, Meta(ge=0)]
T = TypeVar("T")


class Requests(Struct):
    """How many."""

    requests: Count


class Action(Struct, rename="camel"):
    """What was asked of R2."""

    action_type: str
    storage_class: str = ""


class Operations(Struct):
    """Operations of one kind."""

    sum: Requests
    dimensions: Action


class Size(Struct, rename="camel"):
    """A peak, in bytes."""

    payload_size: Count
    metadata_size: Count = 0


class Place(Struct, rename="camel"):
    """Where and when something was stored; a moment, too, says the day."""

    bucket_name: str = ""
    storage_class: str = ""
    date: dt.date | None = None
    datetime: dt.datetime | None = None


class Stored(Struct):
    """What was stored in a bucket on a day."""

    max: Size
    dimensions: Place


class Bytes(Struct, rename="camel"):
    """Sent and received."""

    bytes_download: Count
    bytes_upload: Count


class Bandwidth(Struct):
    """Traffic of all buckets."""

    sum: Bytes


class Invocations(Struct):
    """Requests to Workers."""

    sum: Requests


class Account(
    Struct,
    rename={
        "operations": "r2OperationsAdaptiveGroups",
        "storage": "r2StorageAdaptiveGroups",
        "bandwidth": "r2BandwidthUsageAdaptiveGroups",
        "workers": "workersInvocationsAdaptive",
    },
):
    """One account; a group is null, or not there, when it could not be counted."""

    operations: list[Operations] | None = None
    storage: list[Stored] | None = None
    bandwidth: list[Bandwidth] | None = None
    workers: list[Invocations] | None = None


class Viewer(Struct):
    """Whose token it is."""

    accounts: list[Account]


class Data(Struct):
    """What was found."""

    viewer: Viewer


class Refusal(Struct):
    """Why something was not answered; it comes with the status 200."""

    message: str = ""
    extensions: dict[str, object] | None = None


class Answer(Struct):
    """POST /graphql."""

    data: Data | None = None
    errors: list[Refusal] | None = None


class Analytics:
    """The GraphQL API."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def read(self, account: str, now: dt.datetime) -> tuple[tuple[Quantity, ...], tuple[Gap, ...]]:
        """Return what was used since the month, or for Workers the day, began; and what is hidden.

        Raises:
            ProviderPermissionError: The token may not read analytics, or not of this account.
            ProviderError: Anything else; see `costmon.errors`.
        """
        month, day = Span.month(now), Span.day(now)
        variables = {
            "account": account,
            "start": _text(month.start),
            "day": _text(day.start),
            "end": _text(month.end),
        }
        body = json.dumps({"query": QUERY, "variables": variables}).encode()
        answer = self._answers.post(PATH, body, Answer)
        if answer.errors:
            raise _refusal(answer.errors)
        if answer.data is None:
            raise _fault("neither data nor errors", "$.data")
        if not answer.data.viewer.accounts:
            raise _error(
                ProviderPermissionError,
                "the token does not see the account",
                "check CLOUDFLARE_ACCOUNT_ID, and which accounts the token includes",
            )
        return _counted(answer.data.viewer.accounts[0], month, day)


def _counted(
    account: Account, month: Span, day: Span
) -> tuple[tuple[Quantity, ...], tuple[Gap, ...]]:
    quantities: list[Quantity] = []
    gaps: list[Gap] = []
    if _is_there(account.operations, ("r2_class_a_operations", "r2_class_b_operations"), gaps):
        quantities += _operations(account.operations or (), month, gaps)
    if _is_there(account.storage, ("r2_storage",), gaps):
        quantities += _storage(account.storage or (), month)
    if _is_there(account.bandwidth, ("r2_egress", "r2_ingress"), gaps):
        totals = [row.sum for row in account.bandwidth or ()]
        sent = sum(total.bytes_download for total in totals)
        received = sum(total.bytes_upload for total in totals)
        quantities.append(month.quantity("r2_egress", "GB", _gigabytes(sent), estimated=True))
        quantities.append(month.quantity("r2_ingress", "GB", _gigabytes(received), estimated=True))
    if _is_there(account.workers, ("worker_requests",), gaps):
        requests = sum(row.sum.requests for row in account.workers or ())
        quantities.append(
            day.quantity("worker_requests", "Requests", Decimal(requests), estimated=True)
        )
    return tuple(quantities), tuple(gaps)


def _is_there(groups: list[T] | None, quotas: Iterable[str], gaps: list[Gap]) -> bool:
    if groups is None:
        gaps += [Gap(kind=quota, reason="Cloudflare did not count it") for quota in quotas]
        return False
    if len(groups) >= MOST_GROUPS:
        raise _fault(f"incomplete: {MOST_GROUPS} groups, and there may be more", "$.data.viewer")
    return True


def _operations(rows: Iterable[Operations], span: Span, gaps: list[Gap]) -> Iterator[Quantity]:
    counts = {"r2_class_a_operations": 0, "r2_class_b_operations": 0}
    unknown = 0
    for row in rows:
        action = row.dimensions.action_type
        if action in _FREE:
            continue
        if action not in _CLASS_A | _CLASS_B:
            unknown += row.sum.requests
        letter = "b" if action in _CLASS_B else "a"
        quota = f"{_prefix(row.dimensions.storage_class)}_class_{letter}_operations"
        counts[quota] = counts.get(quota, 0) + row.sum.requests
    if unknown:
        reason = f"{unknown} operations of kinds that costmon does not know are counted as class A"
        gaps.append(Gap(kind="r2_class_a_operations", reason=reason))
    for quota, count in counts.items():
        yield span.quantity(quota, "Requests", Decimal(count), estimated=True)


def _storage(rows: Iterable[Stored], span: Span) -> Iterator[Quantity]:
    """Return GB-months so far: the sum of each bucket's daily peaks over 30 days."""
    peaks: dict[tuple[str, str, dt.date], int] = {}
    for number, row in enumerate(rows):
        place = row.dimensions
        day = place.date or (place.datetime.date() if place.datetime else None)
        if day is None:
            where = f"$.data.viewer.accounts[0].r2StorageAdaptiveGroups[{number}].dimensions.date"
            raise _fault("Object missing required field `date`", where)
        key = (_prefix(place.storage_class), place.bucket_name, day)
        size = row.max.payload_size + row.max.metadata_size
        peaks[key] = max(peaks.get(key, 0), size)
    totals: dict[str, int] = defaultdict(int, {"r2": 0})
    for (prefix, _, _), size in peaks.items():
        totals[prefix] += size
    for prefix, total in totals.items():
        used = EXACT.divide(_gigabytes(total), _DAYS_OF_MONTH).quantize(_STEP, context=EXACT)
        yield span.quantity(f"{prefix}_storage", "GB-Months", used, estimated=True)


def _prefix(storage_class: str) -> str:
    """Return how quotas of a storage class begin: what is free is of the standard class only."""
    return "r2" if storage_class in _STANDARD else "r2_infrequent_access"


def _gigabytes(size: int) -> Decimal:
    return EXACT.scaleb(Decimal(size), Decimal(-9))


def _text(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _refusal(errors: Iterable[Refusal]) -> ProviderError:
    """Tell what the errors of an answer mean; their texts are not shown."""
    for one in errors:
        said = f"{one.message} {(one.extensions or {}).get('code', '')}".lower()
        if any(words in said for words in ("authz", "not authorized", "does not have access")):
            detail = "the token is not allowed to read analytics of the account"
            return _error(
                ProviderPermissionError, detail, f"give the token the permission {ANALYTICS_READ}"
            )
        if "rate limit" in said or "budget" in said:
            hint = "300 queries are allowed per 5 minutes and user: read less often"
            return _error(ProviderRateLimitError, "the vendor's limit of queries is used up", hint)
    return _fault("200 with errors", "$.errors")


def _error(kind: type[ProviderError], detail: str, hint: str) -> ProviderError:
    return kind(provider=SLUG, endpoint=f"POST {PATH}", detail=detail, hint=hint, status=200)


def _fault(detail: str, where: str) -> ProviderError:
    return schema_fault(SLUG, PATH, detail, where, method="POST")

"""Count a month's deployments.

Source: https://vercel.com/docs/rest-api/deployments/list-deployments (paging: not verified)
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

import msgspec
from msgspec import Struct

from costmon.domain.usage import Quantity
from costmon.outbound import Outbound
from costmon.providers.vercel.months import Month
from costmon.providers.vercel.rows import decoding_fault, schema_fault

PATH = "/v6/deployments"
PAGE_SIZE = 100
MOST_PAGES = 100


class _Deployment(Struct, gc=False):
    """One deployment; `created` is in milliseconds."""

    uid: str
    created: int


class _Pagination(Struct, gc=False):
    """Where the next page begins: before this instant, in milliseconds."""

    next: int | None = None


class _Page(Struct, gc=False):
    """GET /v6/deployments: the newest first."""

    deployments: list[_Deployment]
    pagination: _Pagination


def count_deployments(
    outbound: Outbound, scope: Mapping[str, str], month: Month, now: dt.datetime
) -> Quantity:
    """Return how many deployments were made since the month began.

    Raises:
        ProviderSchemaError: The listing contradicts itself, or does not end.
        ProviderError: It could not be read.
    """
    since = _milliseconds(month.start)
    until: int | None = None
    found: set[str] = set()
    for _ in range(MOST_PAGES):
        page = _read(outbound, {"limit": PAGE_SIZE, "since": since, **scope}, until)
        found.update(one.uid for one in page.deployments if one.created >= since)
        following = page.pagination.next
        # A vendor that does not know `since` goes on to the very first deployment.
        if following is None or following < since:
            return Quantity(
                quota="deployments",
                unit="Deployments",
                used=Decimal(len(found)),
                start=month.start,
                end=now,
                resets_at=month.end,
                limit=None,
                estimated=False,
                project=None,
            )
        if until is not None and following >= until:
            raise schema_fault(PATH, "incomplete: the next page is no older", "$.pagination.next")
        until = following
    raise schema_fault(PATH, f"incomplete: more than {MOST_PAGES} pages", "$.pagination.next")


def _read(outbound: Outbound, params: Mapping[str, str | int], until: int | None) -> _Page:
    body = outbound.get(PATH, params if until is None else {**params, "until": until})
    try:
        return msgspec.json.decode(body, type=_Page)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        fault = decoding_fault(PATH, error)
    raise fault


def _milliseconds(moment: dt.datetime) -> int:
    return int(moment.timestamp()) * 1000

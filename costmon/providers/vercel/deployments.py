"""Count a month's deployments.

Source: https://vercel.com/docs/rest-api/deployments/list-deployments (paging: not verified)
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from costmon.domain.usage import Quantity
from costmon.providers.figures import Span
from costmon.providers.reading import Answers
from costmon.providers.vercel.months import Month

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
    answers: Answers, scope: Mapping[str, str], month: Month, now: dt.datetime
) -> Quantity:
    """Return how many deployments were made since the month began.

    Raises:
        ProviderSchemaError: The listing contradicts itself, or does not end.
        ProviderError: It could not be read.
    """
    since = _milliseconds(month.start)
    params: dict[str, str | int] = {"limit": PAGE_SIZE, "since": since, **scope}
    found: set[str] = set()
    for _ in range(MOST_PAGES):
        page = answers.read(PATH, _Page, params)
        found.update(one.uid for one in page.deployments if one.created >= since)
        following = page.pagination.next
        # A vendor that does not know `since` goes on to the very first deployment.
        if following is None or following < since:
            span = Span(start=month.start, end=now, resets_at=month.end)
            return span.quantity("deployments", "Deployments", Decimal(len(found)))
        if "until" in params and following >= int(params["until"]):
            raise answers.fault(PATH, "incomplete: the next page is not older", "$.pagination.next")
        params["until"] = following
    raise answers.fault(PATH, f"incomplete: more than {MOST_PAGES} pages", "$.pagination.next")


def _milliseconds(moment: dt.datetime) -> int:
    return int(moment.timestamp()) * 1000

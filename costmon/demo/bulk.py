"""Serve a very large account from pages that were rendered in advance.

The answers cost the server next to nothing, so that a measurement over it measures the client.
"""

import datetime as dt
import itertools
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from costmon.demo.account import answer
from costmon.demo.answer import Answer, Request, refusal
from costmon.demo.droplet_json import REGION_NAMES, Json, render_droplet
from costmon.demo.holdings import Balance, Droplet, Holdings
from costmon.demo.loopback import LoopbackServer
from costmon.demo.page import MOST_ROWS, Page, links
from costmon.demo.server import DEMO_TOKEN
from costmon.demo.size import SIZES, Size

_CREATED_AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_HEADERS = {"ratelimit-limit": "5000", "ratelimit-remaining": "4999", "ratelimit-reset": "0"}


def bulk_pages(
    count: int, *, per_page: int = MOST_ROWS, base_url: str = "http://127.0.0.1"
) -> list[bytes]:
    """Render the pages of `count` droplets, about 190 kB each when they have 200 rows.

    Args:
        count: How many droplets; every plain size and region occurs.
        per_page: Rows on each page but the last.
        base_url: Scheme and authority, for the links between pages.
    """
    encode = msgspec.json.Encoder().encode
    sizes = itertools.cycle([size for size in SIZES.values() if size.gpu is None])
    regions = itertools.cycle(REGION_NAMES)
    pages = []
    for number, start in enumerate(range(0, max(count, 1), per_page), start=1):
        droplets = [
            _render(index, next(sizes), next(regions))
            for index in range(start, min(start + per_page, count))
        ]
        page = Page(number=number, rows=per_page)
        url = f"{base_url}/v2/droplets"
        pages.append(encode({"droplets": droplets, **links(count, page, url=url, query={})}))
    return pages


def _render(index: int, size: Size, region: str) -> Json:
    droplet = render_droplet(
        Droplet(
            id=1_000_000 + index,
            name=f"node-{index:06d}",
            size=size,
            region=region,
            status="active",
            created_at=_CREATED_AT + dt.timedelta(seconds=index),
        )
    )
    # As for a token without image:read; it also brings the page to the length of a real one.
    del droplet["image"]
    return droplet


class PageServer:
    """An account of `count` droplets and nothing else, behind an HTTP server on loopback.

    Attributes:
        base_url: Scheme and authority.
        token: What must be sent as the bearer token.
    """

    def __init__(self, count: int, *, per_page: int = MOST_ROWS, token: str = DEMO_TOKEN) -> None:
        """Render all pages; 100,000 droplets take some seconds and 100 MB."""
        self.token = token
        self._per_page = per_page
        self._http = LoopbackServer(self._respond)
        self.base_url = self._http.base_url
        self._answers = _answers(bulk_pages(count, per_page=per_page, base_url=self.base_url))

    def start(self) -> str:
        """Begin to answer and return the base URL."""
        self._http.start()
        return self.base_url

    def stop(self) -> None:
        """Stop; no thread and no connection is left."""
        self._http.stop()

    def _respond(self, request: Request) -> Answer:
        if request.authorization != f"Bearer {self.token}":
            return refusal(401, "unauthorized", "Unable to authenticate you.", _HEADERS)
        if request.path != "/v2/droplets" or request.query.get("type") == "gpus":
            return answer(request, _NOTHING_ELSE, base_url=self.base_url)
        number = int(request.query.get("page", "1"))
        if request.query.get("per_page") != str(self._per_page) or number > len(self._answers):
            message = (
                f"Pages were rendered for per_page={self._per_page} up to {len(self._answers)}."
            )
            return refusal(422, "unprocessable_entity", message, _HEADERS)
        return self._answers[number - 1]


def _answers(pages: Sequence[bytes]) -> tuple[Answer, ...]:
    return tuple(Answer(status=200, body=page, headers=_HEADERS) for page in pages)


_NOTHING_ELSE = Holdings(
    account_id="00000000-0000-4000-8000-000000000000",
    droplets=(),
    gpu_droplets=(),
    volumes=(),
    snapshots=(),
    load_balancers=(),
    reserved_ips=(),
    reserved_ipv6=(),
    databases=(),
    clusters=(),
    registry=None,
    apps=(),
    balance=Balance(month_to_date_usage=Decimal(0), generated_at=_CREATED_AT),
    bills=(),
)

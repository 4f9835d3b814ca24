"""A simulated Vercel team: the charges by day, and the deployments, that its API answers.

Days are those of Los Angeles, and only days that are over have rows, as at the vendor.
"""

import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from costmon.demo.answer import Answer, Request, ok
from costmon.demo.draw import draw, draw_id

CHARGES = "/v1/billing/charges"
DEPLOYMENTS = "/v6/deployments"

_ZONE = ZoneInfo("America/Los_Angeles")
_SEAT = Decimal(20)
_MOST_PARTED = 1000
_PROJECTS = (("prj_shop", "shop"), ("prj_docs", "docs"))
# Service, its category and unit, the most units a day, and the price of one in millionths.
_SERVICES = (
    ("Function Invocations", "Compute", "Invocations", 40_000, Decimal("0.6")),
    ("Fast Data Transfer", "Networking", "GB", 14, Decimal(150_000)),
    ("Edge Requests", "Networking", "Requests", 300_000, Decimal(2)),
    ("Active CPU", "Compute", "Hours", 6, Decimal(128_000)),
)


class VercelTeam:
    """The team behind the API; the same seed gives the same figures."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def answer(self, path: str, request: Request, now: dt.datetime) -> Answer | None:
        """Return what the vendor would say; `None` for a path that does not exist."""
        if path == CHARGES:
            return self._charges(request, now)
        if path == DEPLOYMENTS:
            return self._deployments(int(request.query["since"]), now)
        return None

    def _charges(self, request: Request, now: dt.datetime) -> Answer:
        start, end = (dt.datetime.fromisoformat(request.query[name]) for name in ("from", "to"))
        lines = [
            json.dumps(row)
            for day in _days(start, min(end, now))
            for row in self._rows(day, day + dt.timedelta(days=1))
        ]
        return Answer(status=200, body="\n".join(lines).encode(), content_type="application/jsonl")

    def _rows(self, day: dt.date, following: dt.date) -> Iterator[dict[str, Any]]:
        period = {
            "ChargePeriodStart": _text(day),
            "ChargePeriodEnd": _text(following),
            "BillingCurrency": "USD",
            "ServiceProviderName": "Vercel",
            "PricingCategory": "Standard",
        }
        if day.day == 1:
            yield period | {
                "BilledCost": f"{_SEAT}",
                "EffectiveCost": f"{_SEAT}",
                "ChargeCategory": "Purchase",
                "ServiceName": "Pro",
                "ServiceCategory": "Web",
                "Tags": {"FlatRate": "true"},
            }
        for (project, name), (service, category, unit, most, price) in (
            (project, service) for project in _PROJECTS for service in _SERVICES
        ):
            # Requests are whole, gigabytes and hours are not.
            parts = 1 if most > _MOST_PARTED else 1000
            used = Decimal(draw(self._seed, project, service, day, below=most * parts)) / parts
            cost = used * price / 1_000_000
            yield period | {
                "BilledCost": f"{cost:f}",
                "EffectiveCost": f"{cost:f}",
                "ChargeCategory": "Usage",
                "ServiceName": service,
                "ServiceCategory": category,
                "RegionId": "iad1",
                "ConsumedQuantity": f"{used:f}",
                "ConsumedUnit": unit,
                "Tags": {"ProjectId": project, "ProjectName": name},
            }

    def _deployments(self, since_ms: int, now: dt.datetime) -> Answer:
        since = dt.datetime.fromtimestamp(since_ms / 1000, dt.UTC)
        made = [
            {"uid": f"dpl_{draw_id(self._seed, 'deployment', day)}", "created": _midnight_ms(day)}
            for day in _days(since, now)
            if draw(self._seed, "deployed", day, below=3)
        ]
        return ok({"deployments": made, "pagination": {"count": len(made), "next": None}})


def _days(start: dt.datetime, end: dt.datetime) -> Iterator[dt.date]:
    """Yield the days of Los Angeles that lie between two instants as a whole."""
    day = start.astimezone(_ZONE).date()
    while _midnight_ms(day + dt.timedelta(days=1)) <= end.timestamp() * 1000:
        yield day
        day += dt.timedelta(days=1)


def _midnight_ms(day: dt.date) -> int:
    return int(dt.datetime.combine(day, dt.time(), _ZONE).timestamp()) * 1000


def _text(day: dt.date) -> str:
    moment = dt.datetime.combine(day, dt.time(), _ZONE).astimezone(dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")

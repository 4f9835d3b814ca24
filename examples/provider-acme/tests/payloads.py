"""What Acme answers, in the form of its documentation; the values are ours."""

import datetime as dt
from decimal import Decimal
from typing import Any

from costmon.testing import Asked

DAY = dt.timedelta(days=1)


def cost(
    day: dt.datetime, amount: str, service: str = "Machines", **fields: str
) -> dict[str, object]:
    return {
        "start": day.isoformat(),
        "end": (day + DAY).isoformat(),
        "service": service,
        "amount": amount,
        "currency": "EUR",
        **fields,
    }


def on(day: int) -> dt.datetime:
    return dt.datetime(2026, 11, day, tzinfo=dt.UTC)


def page(data: list[dict[str, object]], cursor: str | None = None) -> dict[str, Any]:
    return {"data": data, "has_more": cursor is not None, "cursor": cursor}


COSTS = page(
    [
        cost(on(19), "1.10", project="web"),
        cost(on(19), "0.000123456789", "Storage"),
        cost(on(20), "-0.50", "Credit"),
    ]
)
COSTS_ROWS, COSTS_TOTAL = 3, Decimal("0.600123456789")
NO_COSTS = page([])
TWO_PAGES = {
    "/v1/costs": page(COSTS["data"][:1], "page-2"),
    "/v1/costs?cursor=page-2": page(COSTS["data"][1:]),
}
USAGE = {
    "data": [
        {"quota": "requests", "unit": "Requests", "used": 1234, "included": 100_000},
        {"quota": "egress_bytes", "unit": "Bytes", "used": 2**53 + 1},
    ]
}
USED = {"requests": Decimal(1234), "egress_bytes": Decimal(2**53 + 1)}


def history(asked: Asked) -> dict[str, object]:
    """Answer any window with 0.01 for its first day."""
    return page([cost(dt.datetime.fromisoformat(asked.query["from"]), "0.01")])

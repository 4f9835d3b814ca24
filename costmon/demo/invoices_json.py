"""Write bills as the simulated vendor's API does: listing, lines, summary and daily insights."""

import datetime as dt
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from costmon.demo.draw import draw_id
from costmon.demo.droplet_json import Json, render_time
from costmon.demo.holdings import Bill, BillLine

_PROJECT = "shop"
_DAY = dt.timedelta(days=1)
_CENT = Decimal("0.01")
_REGION = "fra1"


def render_team_id(account_id: str) -> str:
    """Return the id of the account's team."""
    return draw_id(0, account_id, "team")


def render_bill(bill: Bill) -> Json:
    """Return an invoice as the listing has it; only a preview says when it was made."""
    updated = {} if bill.updated_at is None else {"updated_at": render_time(bill.updated_at)}
    return {
        "invoice_uuid": bill.id,
        "invoice_id": str(int(bill.id[:7], 16)),
        "amount": f"{bill.amount:.2f}",
        "invoice_period": bill.period,
        **updated,
    }


def render_line(line: BillLine) -> Json:
    """Return one line of an invoice."""
    ids = {} if line.resource_id is None else {"resource_id": line.resource_id}
    return {
        "product": line.product,
        **ids,
        "group_description": "",
        "description": line.description,
        "amount": f"{line.amount:.2f}",
        "duration": str(int((line.end - line.start).total_seconds()) // 3600),
        "duration_unit": "Hours",
        "start_time": render_time(line.start),
        "end_time": render_time(line.end),
        "project_name": _PROJECT,
    }


def render_summary(bill: Bill) -> Json:
    """Return what an invoice sums up to; the simulated one has neither taxes nor credits."""
    usage = f"{bill.amount:.2f}"
    return {
        "invoice_uuid": bill.id,
        "billing_period": bill.period,
        "amount": usage,
        "product_charges": {"name": "Product usage charges", "amount": usage, "items": []},
        "overages": {"name": "Overages", "amount": "0.00"},
        "taxes": {"name": "Taxes", "amount": "0.00"},
        "credits_and_adjustments": {"name": "Credits & adjustments", "amount": "0.00"},
    }


def data_points(
    bills: Sequence[Bill], team_id: str, first: dt.date, last: dt.date
) -> Iterator[Json]:
    """Return what each line cost on each day from `first` to `last` that is over."""
    for bill in bills:
        for line in bill.lines:
            days = max(1, round((line.end - line.start) / _DAY))
            amount = (line.amount / days).quantize(_CENT, rounding=ROUND_HALF_EVEN)
            for number in range((last - first).days + 1):
                day = dt.datetime.combine(first + number * _DAY, dt.time(), dt.UTC)
                if line.start <= day and day + _DAY <= line.end:
                    yield {
                        "usage_team_urn": f"do:team:{team_id}",
                        "start_date": f"{day:%Y-%m-%d}",
                        "total_amount": f"{amount:.2f}",
                        "region": _REGION,
                        "sku": f"1-DO-{line.product[:4].upper()}-0001",
                        "description": line.description,
                        "group_description": "",
                    }

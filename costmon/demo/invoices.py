"""Answer what is asked of the simulated vendor's invoices and of what each day cost."""

import datetime as dt
import re

from costmon.demo.answer import Answer, Request, ok, refusal
from costmon.demo.holdings import Holdings
from costmon.demo.invoices_json import (
    data_points,
    render_bill,
    render_line,
    render_summary,
    render_team_id,
)
from costmon.demo.listing import page_of
from costmon.demo.page import PageError, cut, parse_page

_INVOICES = "/v2/customers/my/invoices"
_INSIGHTS = re.compile(r"/v2/billing/do:team:([0-9a-f-]+)/insights/([0-9-]+)/([0-9-]+)")
_LONGEST = dt.timedelta(days=31)
_NOT_FOUND = refusal(404, "not_found", "The resource you were accessing could not be found.")


def billing_kind(path: str) -> str | None:
    """Return the kind that a path of this module reads; `None` for other paths."""
    if path == _INVOICES or path.startswith(f"{_INVOICES}/"):
        return "invoice"
    return "insights" if _INSIGHTS.fullmatch(path) else None


def answer_billing(request: Request, holdings: Holdings, *, base_url: str) -> Answer:
    """Return the listing of invoices, the lines of one, what one sums up to, or daily costs."""
    if billing_kind(request.path) == "insights":
        return _insights(request, holdings)
    running, closed = holdings.bills[:1], holdings.bills[1:]
    if request.path == _INVOICES:
        preview = {"invoice_preview": render_bill(running[0])} if running else {}
        return page_of(
            request,
            "invoices",
            closed,
            lambda bills: [render_bill(bill) for bill in bills],
            base_url=base_url,
            besides=preview,
        )
    wanted, _, part = request.path.removeprefix(f"{_INVOICES}/").partition("/")
    bill = next((bill for bill in holdings.bills if bill.id == wanted), None)
    if bill is None or part not in {"", "summary"}:
        return _NOT_FOUND
    if part:
        return ok(render_summary(bill))
    return page_of(
        request,
        "invoice_items",
        bill.lines,
        lambda lines: [render_line(line) for line in lines],
        base_url=base_url,
    )


def _insights(request: Request, holdings: Holdings) -> Answer:
    """Return a page of what each day cost; its pages have no links."""
    found = _INSIGHTS.fullmatch(request.path)
    team_id = render_team_id(holdings.account_id)
    try:
        page = parse_page(request.query)
        days = found.groups()[1:] if found and found[1] == team_id else ()
        first, last = (dt.date.fromisoformat(day) for day in days)
    except PageError as error:
        return refusal(422, "unprocessable_entity", f"{error}.")
    except ValueError:
        return _NOT_FOUND
    if not dt.timedelta(0) <= last - first < _LONGEST:
        return refusal(422, "unprocessable_entity", "The days must be within 31 days.")
    points = list(data_points(holdings.bills, team_id, first, last))
    return ok(
        {
            "data_points": cut(points, page),
            "total_items": len(points),
            "total_pages": -(-len(points) // page.rows),
            "current_page": page.number,
        }
    )

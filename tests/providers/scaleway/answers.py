"""What Scaleway answers, in the form of its SDK; the values are ours."""

from decimal import Decimal

from costmon.testing import Asked

CONSUMPTIONS = "/billing/v2beta1/consumptions"
CHARGES = "/billing/v2beta1/charges"
ORGANIZATION = "0f000000-0000-4000-8000-00000000000f"
SHOP, BLOG = "0a000000-0000-4000-8000-00000000000a", "0b000000-0000-4000-8000-00000000000b"


def money(units, nanos=0, currency="EUR"):
    return {"currency_code": currency, "nanos": nanos, "units": units}


def consumption(sku, value, project=SHOP, **fields):
    return {
        "billed_quantity": "22",
        "category_name": "Compute",
        "consumer_id": "",
        "product_name": "PLAY2-MICRO",
        "project_id": project,
        "resource_name": "Play2 Micro - PAR1",
        "sku": sku,
        "unit": "minute",
        "value": value,
        **fields,
    }


def consumptions(*rows, discount=0, count=None, **fields):
    return {
        "consumptions": list(rows),
        "total_count": len(rows) if count is None else count,
        "total_discount_untaxed_value": discount,
        "updated_at": "2026-11-21T07:30:00.123Z",
        **fields,
    }


def detail(resource, price, start, end, sku="/compute/play2", project=SHOP):
    return {
        "organization_id": ORGANIZATION,
        "organization_name": "Example",
        "project_id": project,
        "project_name": "shop",
        "sku": sku,
        "invoice_id": "",
        "resource_id": resource,
        "resource_name": None,
        "price": price,
        "start_date": start,
        "end_date": end,
        "updated_at": "2026-11-21T07:30:00Z",
    }


ROWS = (
    consumption("/compute/play2", money(12)),
    consumption("/ip/dynamic", money(0, 780_000_000), category_name="Network"),
    consumption("/ip/dynamic", money(0, 10_000_000), BLOG, category_name="Network"),
    consumption("/observability/sample", money(0), unit="sample", billed_quantity="2"),
)
NO_DETAILS: dict[str, object] = {"charges": [], "next_page_token": None}
ACCOUNT = {CONSUMPTIONS: consumptions(*ROWS, discount=2.5), CHARGES: NO_DETAILS}
TWO_PAGES = {
    f"{CONSUMPTIONS}?page=1": consumptions(*ROWS[:3], discount=2.5, count=4),
    f"{CONSUMPTIONS}?page=2": consumptions(*ROWS[3:], discount=2.5, count=4),
    CHARGES: NO_DETAILS,
}
EMPTY = {CONSUMPTIONS: consumptions(), CHARGES: NO_DETAILS}
# Four rows and the discount.
CHARGED_ROWS, TOTAL = 5, Decimal("10.29")


def history(asked: Asked):
    """Return 0.01 for each month that is asked for."""
    del asked
    return consumptions(consumption("/ip/dynamic", money(0, 10_000_000)))

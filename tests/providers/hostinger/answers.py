"""What Hostinger answers, in the form of its specification; the values are ours."""

import datetime as dt
from decimal import Decimal

from costmon.domain.subscription import add_months

PATH = "/api/billing/v1/subscriptions"


def subscription(name, price, **fields):
    return {
        "id": f"id-{name}",
        "name": name,
        "status": "active",
        "billing_period": 1,
        "billing_period_unit": "month",
        "currency_code": "USD",
        "total_price": price,
        "renewal_price": price,
        "is_auto_renewed": True,
        "created_at": "2025-01-05T08:30:00Z",
        "expires_at": "2026-12-05T08:30:00Z",
        "next_billing_at": "2026-12-05T08:30:00Z",
        **fields,
    }


SUBSCRIPTIONS = [
    subscription("KVM 1", 1_799),
    subscription(
        "Business web",
        3_588,
        billing_period_unit="year",
        renewal_price=11_988,
        expires_at="2027-11-02T00:00:00Z",
        next_billing_at=None,
        status="not_renewing",
        is_auto_renewed=False,
        created_at="2026-11-02T00:00:00Z",
        currency_code="EUR",
    ),
    subscription("Old", 999, status="cancelled", expires_at="2024-01-01T00:00:00Z"),
]
# The last one is over: it costs nothing, and its period is not in the past year.
SUBSCRIPTIONS[2]["next_billing_at"] = None
TOTAL = Decimal("53.87")


def a_year():
    """Return a subscription whose present period began in each of 13 months."""
    first = dt.date(2025, 11, 15)
    found = []
    for number in range(13):
        end = add_months(first, number + 1).isoformat()
        found.append(
            subscription(
                f"VPS {number}",
                1,
                expires_at=f"{end}T00:00:00Z",
                next_billing_at=f"{end}T00:00:00Z",
            )
        )
    return found

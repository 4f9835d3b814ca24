"""What OVHcloud answers, in the form of its specification; the values are ours."""

from decimal import Decimal
from typing import Any

KEYS = {
    "application_key": "planted-key-0123",
    "application_secret": "planted-secret-0123456789",
    "consumer_key": "planted-consumer-0123456789",
}
ACCOUNT = {one: KEYS[one] for one in ("application_key", "application_secret")}
TIME = {"/auth/time": 1_795_255_200}
TOKEN = {
    "/auth/oauth2/token": {
        "access_token": "eyJ-made-up",
        "token_type": "Bearer",
        "expires_in": 3599,
        "scope": "all",
    }
}


def price(value, currency="EUR"):
    return {"currencyCode": currency, "text": f"{value} €", "value": value}


def element(plan, value, quantity=1, family="storage", **fields):
    return {
        "planCode": plan,
        "planFamily": family,
        "quantity": quantity,
        "price": price(value),
        "details": [{"unique_id": "a-thing", "quantity": quantity, "price": price(value)}],
        **fields,
    }


def transaction(service, elements, begin="2026-11-01T00:00:00+01:00", **fields):
    return {
        "id": None,
        "serviceId": service,
        "beginDate": begin,
        "endDate": None,
        "creationDate": None,
        "lastUpdate": "2026-11-21T06:00:00+01:00",
        "price": None,
        "elements": elements,
        **fields,
    }


CURRENT = [
    transaction(
        4401,
        [
            element("storage.consumption", 4.1, 41),
            element("b3-8.consumption", 7.3125, 117.5, "instance"),
        ],
    ),
    transaction(4402, [element("egress.consumption", 0.25, 25)], "2026-11-12T00:00:00+01:00"),
]


def bill(name, day, net, tax, **fields):
    return {
        "billId": name,
        "date": f"{day}T04:12:00+01:00",
        "orderId": 990_017,
        "category": "autorenew",
        "password": "opens-the-pdf",
        "pdfUrl": "https://bills.example/opens-the-pdf.pdf",
        "url": "https://bills.example/opens-the-pdf",
        "priceWithoutTax": price(net),
        "tax": price(tax),
        "priceWithTax": price(net + tax),
        **fields,
    }


def line(number, total, description, start=None, end=None, domain="vps-1.example.net"):
    return {
        "billDetailId": number,
        "description": description,
        "domain": domain,
        "periodStart": start,
        "periodEnd": end,
        "quantity": "1",
        "unitPrice": price(total),
        "totalPrice": price(total),
    }


def bills(*described):
    """Return the answers of bills and their lines, one list for every window."""
    found = {"/me/bill": [one["billId"] for one, _ in described]}
    for one, lines in described:
        path = f"/me/bill/{one['billId']}"
        found[path] = one
        found[f"{path}/details"] = [row["billDetailId"] for row in lines]
        found |= {f"{path}/details/{row['billDetailId']}": row for row in lines}
    return found


VPS = bills(
    (
        bill("FR71", "2026-11-05", 12.5, 2.5),
        [
            line("1", 14, "VPS Comfort", "2026-11-05", "2026-12-04"),
            line("2", -1.5, "Discount", "2026-11-05", "2026-12-04"),
        ],
    )
)
REFUNDS: dict[str, Any] = {
    "/me/refund": ["RF9"],
    "/me/refund/RF9": {
        "refundId": "RF9",
        "date": "2026-11-07T10:00:00+01:00",
        "originalBillId": "FR70",
        "orderId": 1,
        "password": "opens-the-pdf",
        "pdfUrl": "https://bills.example/opens-the-pdf.pdf",
        "url": "https://bills.example/opens-the-pdf",
        "priceWithoutTax": price(3),
        "tax": price(0.6),
        "priceWithTax": price(3.6),
    },
}
NO_BILLS: dict[str, object] = {"/me/bill": [], "/me/refund": []}
CHARGES = {**TIME, "/me/consumption/usage/current": CURRENT, **VPS, **REFUNDS}
CHARGES_ROWS, CHARGES_TOTAL = 8, Decimal("23.0625")
HISTORY = "/me/consumption/usage/history"
NOTHING = {**TIME, "/me/consumption/usage/current": [], HISTORY: [], **NO_BILLS}

FORECAST = [
    transaction(4401, [element("storage.consumption", 6.3)], price=price(6.3)),
    transaction(4402, [], price=price(0.4)),
]


def service(number, **billing):
    return {
        "serviceId": number,
        "parentServiceId": None,
        "resource": {"displayName": f"vps-{number}.example.net", "name": f"vps-{number}"},
        "billing": {
            "nextBillingDate": "2026-12-05T00:00:00+01:00",
            "expirationDate": "2026-12-05T00:00:00+01:00",
            "plan": {"code": "vps-comfort", "invoiceName": "VPS Comfort"},
            "pricing": {"duration": "P1M", "price": price(14)},
            "renew": {"current": {"mode": "automatic", "period": "P1M"}},
            "lifecycle": {
                "current": {"state": "active", "creationDate": "2025-02-05T08:00:00+01:00"}
            },
            **billing,
        },
    }


SERVICES = {
    **TIME,
    "/services": [11, 12, 13],
    "/services/11": service(11),
    "/services/12": service(12, pricing={"duration": "P1Y", "price": price(120)}),
    "/services/13": service(13, pricing=None, renew=None, lifecycle=None),
}

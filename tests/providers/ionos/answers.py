"""What IONOS Cloud answers, in the form of its SDK; the values are ours."""

from decimal import Decimal
from typing import Any

CONTRACTS = {
    "/cloudapi/v6/contracts": {
        "id": "contracts",
        "items": [{"properties": {"contractNumber": 31_700_001, "status": "BILLABLE"}}],
    }
}
BASE = "/billing/31700001"
USAGE = f"{BASE}/usage"
DAILY = f"{BASE}/utilization/daily/2026-11-20"


def quantity(value, unit):
    return {"quantity": value, "unit": unit}


def product(meter, price, unit, **fields):
    return {
        "meterId": meter,
        "meterDesc": meter,
        "deprecated": False,
        "unit": unit,
        "type": "consumption-based",
        "term": None,
        "unitCost": None if price is None else quantity(price, "EUR"),
        **fields,
    }


def meter(name, used, unit, words="1h core", **fields):
    return {"meterId": name, "meterDesc": words, "quantity": quantity(used, unit), **fields}


def datacenter(name, meters, **fields):
    return {"id": f"id-of-{name}", "name": name, "location": "de/fra", "meters": meters, **fields}


def used(*datacenters):
    return {
        "startDate": "2026-11-01T00:00:00Z",
        "endDate": "2026-11-21T00:00:00Z",
        "metadata": {"contractId": 31_700_001},
        "datacenters": list(datacenters),
    }


PRODUCTS = {
    "metadata": {},
    "liability": "without liability",
    "products": [
        product("C01000", "0.01", "1hour"),
        product("S3SU1100", "0.007", "1G*30Days", deprecated=True),
        product("FREE01", None, "1hour"),
    ],
}
THIS_MONTH = used(
    datacenter("web", [meter("C01000", "1200.5", "1hour"), meter("C01000", 10, "1hour")]),
    datacenter("backups", [meter("S3SU1100", "310.25", "1G*30Days", "1 GB S3 storage")]),
)
CHARGES: dict[str, Any] = {
    **CONTRACTS,
    f"{BASE}/invoices": {"invoices": []},
    USAGE: used(),
    f"{USAGE}?period=2026-11": THIS_MONTH,
    f"{BASE}/products": PRODUCTS,
}
CHARGES_ROWS, CHARGES_TOTAL = 2, Decimal("14.27675")
NOTHING = {**CHARGES, f"{USAGE}?period=2026-11": used()}


def billed(name, used, unit, amount, words="1h core"):
    rate = quantity("0.01", "EUR")
    return meter(name, used, unit, words, rate=rate, amount=quantity(amount, "EUR"))


INVOICE = {
    "metadata": {
        "invoiceId": "IC1",
        "contractId": "31700001",
        "createdDate": "2026-11-03",
        "startDate": "2026-10-01",
        "endDate": "2026-10-31",
        "postingPeriod": "2026-10",
        "finallyPosted": True,
    },
    "datacenters": [
        datacenter(
            "web",
            [billed("C01000", "1488", "1hour", 14.88)],
            productGroup=None,
            rebate={"amount": quantity(1.48, "EUR")},
        ),
        datacenter("backups", [billed("S3SU1100", "300", "1G*30Days", 2.1, "1 GB S3 storage")]),
    ],
    "total": quantity(15.5, "EUR"),
}
INVOICED = {
    **CHARGES,
    f"{BASE}/invoices": {
        "metadata": {},
        "invoices": [
            {"id": "IC1", "date": "2026-11-03", "amount": 15.5, "unit": "EUR"},
            {"id": "IC0", "date": "2025-01-03", "amount": 1, "unit": "EUR"},
        ],
    },
    f"{BASE}/invoices/IC1": INVOICE,
}
ONE_DAY = used(
    datacenter("web", [meter("C01000", 48, "1hour"), meter("C01000", "24", "1hour")]),
    datacenter("backups", [meter("S3SU1100", 11.52, "1G")]),
)

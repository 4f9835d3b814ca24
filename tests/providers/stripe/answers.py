"""What Stripe answers, in the form of its documentation; the values are ours."""

import datetime as dt
from decimal import Decimal

from costmon.testing import Asked

TRANSACTIONS = "/v1/balance_transactions"


def unix(text):
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp())


def transaction(number, created, amount, fee, currency="usd", kind="charge", parts=None):
    details = (
        [] if parts is None else [part(name, value, currency) for name, value in parts.items()]
    )
    return {
        "id": f"txn_{number}",
        "object": "balance_transaction",
        "amount": amount,
        "available_on": unix(created),
        "balance_type": "payments",
        "created": unix(created),
        "currency": currency,
        "description": None,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": details,
        "net": amount - fee,
        "reporting_category": kind,
        "source": f"ch_{number}",
        "status": "available",
        "type": kind,
    }


def part(kind, amount, currency):
    return {"amount": amount, "application": None, "currency": currency, "type": kind}


def page(*transactions, more=False):
    return {
        "object": "list",
        "url": TRANSACTIONS,
        "has_more": more,
        "data": list(transactions),
    }


NEWER = (
    transaction(9, "2026-11-20T09:00:00", 2000, 88),
    transaction(8, "2026-11-20T08:00:00", 5000, 200, parts={"stripe_fee": 175, "tax": 25}),
    transaction(7, "2026-11-20T07:00:00", 100, 5, parts={"stripe_fee": 5}),
)
OLDER = (
    transaction(6, "2026-11-19T09:00:00", 8000, 288, "jpy"),
    transaction(5, "2026-11-19T08:00:00", 12345, 678, "kwd", "payment"),
    transaction(4, "2026-11-18T23:59:59", -700, 0, kind="stripe_fee"),
    transaction(3, "2026-11-18T08:00:00", -1000, 1500, kind="adjustment"),
    transaction(2, "2026-11-17T08:00:00", -500, 0, kind="refund"),
    transaction(1, "2026-11-16T08:00:00", -90000, 0, kind="payout"),
)
ACCOUNT = {TRANSACTIONS: page(*NEWER, *OLDER)}
TWO_PAGES = {
    TRANSACTIONS: page(*NEWER, more=True),
    f"{TRANSACTIONS}?starting_after=txn_7": page(*OLDER),
}
EMPTY = {TRANSACTIONS: page()}
# 0.88 + 1.80 + 0.25 + 288 JPY + 0.678 KWD + 7 + 15: the contract adds whatever the currency.
ROWS, TOTAL = 7, Decimal("313.608")
USED = {
    "transactions": "5",
    "transaction_volume:USD": "71",
    "transaction_volume:JPY": "8000",
    "transaction_volume:KWD": "12.345",
    "refund_volume:USD": "5",
}


def history(asked: Asked):
    """Return a fee of 0.01 for each window that is asked for."""
    moment = dt.datetime.fromtimestamp(int(asked.query["created[gte]"]), dt.UTC)
    created = moment.replace(tzinfo=None).isoformat()
    return page(transaction(moment.month, created, 100, 1))

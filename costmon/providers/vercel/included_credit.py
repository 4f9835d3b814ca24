"""Read how much of the included credit is used.

Source: none; Vercel's own command line tool reads this endpoint, its documentation does not have it
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from costmon.domain.usage import Quantity
from costmon.providers.figures import Span
from costmon.providers.reading import Answers
from costmon.providers.vercel.rows import Currency, Moment

PATH = "/v1/invoices/pre-commitment-usage"


class _Ledger(Struct, gc=False, rename="camel"):
    """One credit of one billing period."""

    currency: Currency
    period_start: Moment
    period_end: Moment
    total: Decimal
    remaining: Decimal


class _Credit(Struct, gc=False, rename="camel"):
    """GET /v1/invoices/pre-commitment-usage."""

    credit_ledgers: list[_Ledger]


def read_included_credit(answers: Answers, scope: Mapping[str, str], now: dt.datetime) -> Quantity:
    """Return what is used of the credit of the current billing period, in its currency.

    Raises:
        ProviderSchemaError: There is no such credit, or it is in several currencies.
        ProviderError: It could not be read.
    """
    ledgers = [
        ledger
        for ledger in answers.read(PATH, _Credit, scope).credit_ledgers
        if ledger.period_start <= now < ledger.period_end
    ]
    if len({ledger.currency for ledger in ledgers}) != 1:
        raise answers.fault(PATH, "expected credit of this period, in one currency", "$")
    amounts = [amount for one in ledgers for amount in (one.total, one.remaining)]
    if not all(amount.is_finite() for amount in amounts):
        raise answers.fault(PATH, "expected finite amounts", "$.creditLedgers")
    total = sum((ledger.total for ledger in ledgers), Decimal(0))
    end = min(ledger.period_end for ledger in ledgers).astimezone(dt.UTC)
    start = max(ledger.period_start for ledger in ledgers).astimezone(dt.UTC)
    used = total - sum((ledger.remaining for ledger in ledgers), Decimal(0))
    span = Span(start=start, end=now, resets_at=end)
    return span.quantity("included_credit", ledgers[0].currency, used, limit=total)

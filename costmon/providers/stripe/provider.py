"""Read what Stripe kept as fees, from the transactions on the account's balance.

Source: https://docs.stripe.com/api/balance_transactions/list (API 2026-10-28.endive)
Units: whole numbers in the currency's smallest unit, which is not a hundredth everywhere.
Lag: none; a transaction never changes. Fees that Stripe bills apart come days later.
Needs: a restricted key with `Balance transaction sources: read`.
"""

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct, field

from costmon.domain.charge import Charge, ChargeWindow
from costmon.domain.resource import Gap
from costmon.domain.usage import UsageReading
from costmon.errors import ProviderError, ProviderPermissionError
from costmon.outbound import Outbound
from costmon.providers.base import Provider
from costmon.providers.figures import Poll, Span, billed_usage
from costmon.providers.reading import EXACT, Answers, Numbers, midnight, months

SLUG = "stripe"
TRANSACTIONS = "/v1/balance_transactions"
PER_PAGE = 100

_RESTATED = dt.timedelta(days=1)
_FEES = frozenset({"stripe_fee", "stripe_fx_fee", "tax_fee"})
_PAYMENTS = frozenset({"charge", "payment"})
_REFUNDS = frozenset({"refund", "payment_refund"})
_TAXES = frozenset({"tax", "withheld_tax", "tax_fee"})
# ISK and UGX have no decimals, but Stripe goes on with two for them.
_NO_DECIMALS = re.compile("BIF|CLP|DJF|GNF|JPY|KMF|KRW|MGA|PYG|RWF|VND|VUV|XAF|XOF|XPF")
_THREE_DECIMALS = re.compile("BHD|JOD|KWD|OMR|TND")

Seconds = Annotated[int, Meta(ge=0, le=32_503_680_000)]
Currency = Annotated[str, Meta(pattern="^[A-Za-z]{3}$")]


class Fee(Numbers):
    """A part of the fee of a transaction."""

    amount: Decimal
    type: str


class Transaction(Numbers):
    """What changed the balance: `net` is `amount` less `fee`."""

    created: Seconds
    type: str
    currency: Currency
    amount: Decimal
    fee: Decimal
    fee_details: list[Fee] = field(default_factory=list)
    id: str | None = None

    def fees(self) -> Iterator[tuple[str, Decimal]]:
        """Return what was paid to Stripe and others: kind and amount in the smallest unit."""
        if self.type in _FEES:
            yield self.type, -self.amount
        total = Decimal(0)
        for part in self.fee_details:
            total = EXACT.add(total, part.amount)
        if self.fee_details and total == self.fee:
            yield from ((part.type, part.amount) for part in self.fee_details)
        elif self.fee:
            yield "fee", self.fee


class Page(Struct):
    """GET /v1/balance_transactions, the newest first."""

    data: list[Transaction]
    has_more: bool

    @property
    def next_page(self) -> str | None:
        """Return after which transaction the next page begins."""
        return self.data[-1].id if self.data else None


class Summed(Struct):
    """What the transactions of one day come to, in the currency's smallest unit."""

    day: str
    kind: str
    currency: str
    amount: Decimal
    transactions: int


class Stripe(Provider):
    """One Stripe account."""

    def __init__(self, outbound: Outbound, key: str) -> None:
        """Read through `outbound` with `key`, whose beginning tells what kind it is."""
        self._answers = Answers(SLUG, outbound, _meaning)
        kind, _, mode = key.partition("_")
        self._unrestricted = kind == "sk"
        self._gaps: tuple[Gap, ...] = ()
        if mode.startswith("test_"):
            reason = "the key is one of test mode: no real money is shown"
            self._gaps = (Gap(kind="live data", reason=reason),)

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return a window for each month that may still change; at first for 12 months more.

        Raises:
            ProviderPermissionError: The key may not read balance transactions.
            ProviderError: Anything else; see `costmon.errors`.
        """
        for start, end in months(now, known_through, _RESTATED):
            # A row is a sum over transactions, made anew at every read.
            yield Poll(SLUG, account, now).window(
                start,
                end,
                self._charges(account, start, end),
                complete_through=min(end, midnight(now)),
                gaps=self._gaps,
            )

    def usage(self, account: str, now: dt.datetime) -> UsageReading:
        """Return transactions, and the volume of payments and refunds by currency, of the month.

        Raises:
            ProviderPermissionError: The key may not read balance transactions.
            ProviderError: Anything else; see `costmon.errors`.
        """
        span = Span.month(now)
        used = {("transactions", "Transactions"): Decimal(0)}
        for one in self._transactions(span.start, span.end):
            currency, amount = one.currency.upper(), _major(one.amount, one.currency)
            counted = {("transactions", "Transactions"): Decimal(one.type in _PAYMENTS)}
            if one.type in _PAYMENTS:
                counted[f"transaction_volume:{currency}", currency] = amount
            elif one.type in _REFUNDS:
                counted[f"refund_volume:{currency}", currency] = -amount
            for key, more in counted.items():
                used[key] = EXACT.add(used.get(key, Decimal(0)), more)
        return Poll(SLUG, account, now).usage(
            (span.quantity(quota, unit, count) for (quota, unit), count in used.items()), self._gaps
        )

    def write_access(self) -> tuple[str, ...]:
        """Return a warning for a secret key, which may do everything."""
        if not self._unrestricted:
            return ()
        warning = (
            "the key is a secret key (sk_...), which can move money: make a restricted key with "
            "Balance transaction sources: read"
        )
        return (warning,)

    def _charges(self, account: str, start: dt.datetime, end: dt.datetime) -> Iterator[Charge]:
        sums: dict[tuple[dt.datetime, str, str], tuple[Decimal, int]]
        sums = defaultdict(lambda: (Decimal(0), 0))
        for one in self._transactions(start, end):
            day = midnight(dt.datetime.fromtimestamp(one.created, dt.UTC))
            for kind, amount in one.fees():
                total, count = sums[day, one.currency.upper(), kind]
                sums[day, one.currency.upper(), kind] = EXACT.add(total, amount), count + 1
        for (day, currency, kind), (amount, count) in sums.items():
            summed = Summed(day.date().isoformat(), kind, currency, amount, count)
            charge = billed_usage(
                summed,
                key=(summed.day, currency, kind),
                start=day,
                end=day + dt.timedelta(days=1),
                billed=_major(amount, currency),
                currency=currency,
                service="Payments",
                service_category="Other",
                vendor="Stripe",
                account_id=account,
            )
            yield replace(
                charge,
                charge_category="Tax" if kind in _TAXES else charge.charge_category,
                charge_description=kind.replace("_", " "),
                sku_id=kind,
                consumed_quantity=Decimal(count),
                consumed_unit="Transactions",
            )

    def _transactions(self, start: dt.datetime, end: dt.datetime) -> Iterator[Transaction]:
        """Return what was created from `start` to `end`, once all of it is there."""
        params: tuple[tuple[str, str | int], ...] = (
            ("created[gte]", int(start.timestamp())),
            ("created[lt]", int(end.timestamp())),
            ("limit", PER_PAGE),
        )
        pages = self._answers.pages(TRANSACTIONS, Page, params, cursor="starting_after")
        seen: set[str] = set()
        for page in tuple(pages):
            for number, one in enumerate(page.data):
                where = f"$.data[{number}]"
                created = dt.datetime.fromtimestamp(one.created, dt.UTC)
                if not start <= created < end:
                    detail = "a transaction that was not asked for"
                    raise self._answers.fault(TRANSACTIONS, detail, f"{where}.created")
                if one.id in seen:
                    detail = "a transaction of an earlier page again"
                    raise self._answers.fault(TRANSACTIONS, detail, f"{where}.id")
                yield one
            seen.update(one.id for one in page.data if one.id)


def _meaning(error: ProviderError) -> ProviderError:
    if not isinstance(error, ProviderPermissionError):
        return error
    return error.explained(hint="use a restricted key with Balance transaction sources: read")


def _major(amount: Decimal, currency: str) -> Decimal:
    """Return an amount in the major unit of its currency."""
    code = currency.upper()
    decimals = 0 if _NO_DECIMALS.fullmatch(code) else 3 if _THREE_DECIMALS.fullmatch(code) else 2
    return EXACT.scaleb(amount, -decimals)

"""Bills and refunds of OVHcloud: what was charged, without the secrets that open their PDF.

A bill costs 2 requests and one for each line, hence they are always asked for by date.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, NamedTuple
from urllib.parse import quote
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from costmon.domain.amount import is_number
from costmon.domain.charge import Charge, ChargeCategory
from costmon.domain.resource import Gap
from costmon.errors import ProviderNotFoundError, ProviderPermissionError
from costmon.providers.figures import billed_usage
from costmon.providers.ovh.session import Pairs, Session
from costmon.providers.reading import EXACT

BILLS = "/me/bill"
REFUNDS = "/me/refund"
ZONE = ZoneInfo("Europe/Paris")
IN_ARREARS = dt.timedelta(days=14)
_LATEST = dt.timedelta(days=365)
"""A bill of these days of a month may charge for the month before it."""

_DAY = dt.timedelta(days=1)
_MOST_LINES = 200
_NOTHING = Decimal(0)

Moment = Annotated[dt.datetime, Meta(tz=True)]


class Price(Struct, rename="camel"):
    """An amount in major units; `value` has all digits, `text` is rounded."""

    value: Decimal
    currency_code: Annotated[str, Meta(pattern="^([A-Z]{3}|N/A|points)$")]


class Bill(Struct, rename="camel"):
    """GET /me/bill/{id}; `pdfUrl`, `url` and `password` open its PDF and are not read."""

    date: Moment
    price_without_tax: Price
    tax: Price
    category: str | None = None


class Line(Struct, rename="camel"):
    """GET /me/bill/{id}/details/{id}."""

    total_price: Price
    description: str | None = None
    domain: str | None = None
    period_start: dt.date | None = None
    period_end: dt.date | None = None


class Refund(Struct, rename="camel"):
    """GET /me/refund/{id}; its secrets are not read either."""

    date: Moment
    price_without_tax: Price
    tax: Price
    original_bill_id: str | None = None


class Period(NamedTuple):
    """The days that are charged for, and whether the bill came in the month after them."""

    start: dt.date
    end: dt.date
    paid_afterwards: bool


class Bills:
    """The bills of one poll; each is read once.

    Attributes:
        gaps: What could not be seen, by its name.
        late: First days of the months that a bill charges for which came after `IN_ARREARS`.
    """

    def __init__(self, session: Session, account: str) -> None:
        """Read with `session`."""
        self.late: set[dt.date] = set()
        self._session = session
        self._account = account
        self._read: dict[str, tuple[Charge, ...]] = {}
        self.gaps: dict[str, Gap] = {}

    def charges(self, start: dt.datetime, end: dt.datetime, now: dt.datetime) -> Iterator[Charge]:
        """Return what bills and refunds charge for the month from `start` to `end`."""
        for path, until in ((BILLS, now), (REFUNDS, end)):
            params = (("date.from", stamp(start)), ("date.to", stamp(until)))
            for one in dict.fromkeys(self._listed(path, params)):
                place = f"{path}/{quote(one, safe='')}"
                if place not in self._read:
                    read = self._bill if path == BILLS else self._refund
                    self._read[place] = tuple(read(one, place))
                found = self._read[place]
                yield from (row for row in found if start <= row.charge_period_start < end)

    def _listed(self, path: str, params: Pairs) -> Sequence[str]:
        try:
            return self._session.read(path, list[str], params)
        except (ProviderPermissionError, ProviderNotFoundError):
            if path == BILLS:
                raise
        reason = "not visible with these keys (needs GET /me/refund*)"
        self.gaps["refunds"] = Gap(kind="refunds", reason=reason)
        return ()

    def _bill(self, name: str, path: str) -> Iterator[Charge]:
        bill = self._session.read(path, Bill)
        try:
            ids = self._session.read(f"{path}/details", list[str])
        except ProviderNotFoundError:
            ids = []  # a bill without lines is one row
        wanted = ids if len(ids) <= _MOST_LINES else ids[:1]
        lines = [
            (one, self._session.read(f"{path}/details/{quote(one, safe='')}", Line))
            for one in wanted
        ]
        periods = [_period(bill.date.date(), line) for _, line in lines]
        first = min(periods, default=_period(bill.date.date(), None))
        charged = {period.start.replace(day=1) for period in periods}
        self.late |= {one for one in charged if next_month(one) + IN_ARREARS <= bill.date.date()}
        left = bill.price_without_tax.value
        if len(ids) == len(lines):
            for (one, line), period in zip(lines, periods, strict=True):
                where = f"{path}/details/{one}"
                row = self._row(where, line, line.total_price, period, ("bill", name, one))
                if row is None:
                    continue
                if row.billing_currency != bill.price_without_tax.currency_code:
                    detail = "another currency than that of the bill"
                    raise self._session.answers.fault(where, detail, "$.totalPrice.currencyCode")
                left = EXACT.subtract(left, row.billed_cost)
                yield replace(row, invoice_id=name, invoice_detail_id=one, resource_id=line.domain)
        rest = Price(value=left, currency_code=bill.price_without_tax.currency_code)
        words = "not in the bill's lines" if lines and len(ids) == len(lines) else "whole bill"
        for part, price, detail in (("rest", rest, words), ("tax", bill.tax, "tax of the bill")):
            row = self._row(path, bill, price, first, ("bill", name, part))
            if row is None or (not price.value and (part == "tax" or lines)):
                continue
            category: ChargeCategory = "Tax" if part == "tax" else row.charge_category
            yield replace(
                row,
                invoice_id=name,
                charge_category=category,
                charge_description=detail,
                service_name="Tax" if part == "tax" else bill.category or "OVHcloud",
            )

    def _refund(self, name: str, path: str) -> Iterator[Charge]:
        refund = self._session.read(path, Refund)
        period = _period(refund.date.date(), None)
        for part, price in (("refund", refund.price_without_tax), ("tax", refund.tax)):
            # It is money back, whichever sign it is written with.
            back = Price(value=-abs(price.value), currency_code=price.currency_code)
            row = self._row(path, refund, back, period, ("refund", name, part))
            if row is None or (part == "tax" and not price.value):
                continue
            yield replace(
                row,
                invoice_id=name,
                charge_category="Credit" if part == "refund" else "Tax",
                charge_description=f"{part} of {refund.original_bill_id or 'a bill'}",
                service_name="Refund" if part == "refund" else "Tax",
            )

    def _row(
        self, path: str, raw: Struct, price: Price, period: Period, key: Sequence[str]
    ) -> Charge | None:
        """Return a row; `None` for a price of 0 in something that is no currency."""
        if not is_money(self._session, path, price, "$"):
            return None
        month = period.start.replace(day=1)
        charge = billed_usage(
            raw,
            key=(*key, price.currency_code),
            start=at(period.start),
            end=at(period.end),
            billed=price.value,
            currency=price.currency_code,
            service="OVHcloud",
            service_category="Other",
            vendor="OVHcloud",
            account_id=self._account,
        )
        words = raw.description if isinstance(raw, Line) else None
        is_purchase = isinstance(raw, Line) and not period.paid_afterwards and price.value >= 0
        return replace(
            charge,
            billing_period_start=at(month),
            billing_period_end=at(next_month(month)),
            charge_frequency="Usage-Based" if period.paid_afterwards else None,
            charge_category="Purchase" if is_purchase else charge.charge_category,
            charge_description=words,
            service_name=(words or "").strip() or "OVHcloud",
        )


def is_money(session: Session, path: str, price: Price, where: str) -> bool:
    """Tell whether a price is an amount of money; a price of 0 without a currency is not.

    Raises:
        ProviderSchemaError: It is not a number, or something that is in no currency.
    """
    if not is_number(price.value):
        raise session.answers.fault(path, "not an amount of money", where)
    if price.currency_code not in {"N/A", "points"}:
        return True
    if price.value:
        raise session.answers.fault(path, "an amount that is in no currency", where)
    return False


def at(day: dt.date) -> dt.datetime:
    """Return when a day of the vendor begins."""
    return dt.datetime.combine(day, dt.time(), ZONE).astimezone(dt.UTC)


def next_month(first: dt.date) -> dt.date:
    """Return the first day of the month after the one that begins on `first`."""
    return (first + 31 * _DAY).replace(day=1)


def _period(billed_on: dt.date, line: Line | None) -> Period:
    """Return which days are charged for.

    What is paid in advance counts on the day of its bill. What is paid afterwards counts in its own
    month: when that is the bill's, or the one before it and the month has just begun, or when what
    is charged for ended before the bill's month.
    """
    month = billed_on.replace(day=1)
    oldest = (month - _DAY).replace(day=1) if billed_on - month < IN_ARREARS else month
    if line is not None and line.period_end is not None and line.period_end < month:
        oldest = billed_on - _LATEST
    first, last = (None, None) if line is None else (line.period_start, line.period_end)
    start = first if first is not None and oldest <= first <= billed_on else billed_on
    end = last + _DAY if last is not None and last >= start else start + _DAY
    return Period(start, end, paid_afterwards=start < month)


def stamp(moment: dt.datetime) -> str:
    """Return a moment as OVHcloud wants it in a parameter."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

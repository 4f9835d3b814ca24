"""Charges: of months that are over from their invoices, of this month from the invoice preview.

An invoice is what its listing says it amounts to. Where its items add up to something else, taxes,
credits and overages of its summary explain the difference, or the difference is a row of its own.
Billing insights are not used here: each day's charges come from one source.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import combinations
from typing import Annotated

from msgspec import Meta, Struct, field

from costmon.domain.amount import is_number
from costmon.domain.charge import Charge, ChargeCategory, ChargeWindow
from costmon.domain.resource import Gap
from costmon.errors import ProviderNotFoundError, ProviderPermissionError
from costmon.providers.digitalocean.answers import Moment, Page
from costmon.providers.digitalocean.droplets import DROPLETS
from costmon.providers.digitalocean.errors import SLUG, schema_fault
from costmon.providers.digitalocean.invoice_rows import Item, Month, Rows
from costmon.providers.digitalocean.reader import Reader
from costmon.providers.digitalocean.values import moment
from costmon.providers.figures import Poll
from costmon.providers.reading import EXACT, midnight, month_of, months

INVOICES = "/v2/customers/my/invoices"

_UNSEEN = "not visible with this token (needs billing:read)"
_NO_PREVIEW = "DigitalOcean has no preview of this month's invoice"
_NO_ITEMS = "the items of the preview are not available, its total is: {error}"
_NO_INVOICE = "the invoice of {month} is not issued yet"
_REREAD = dt.timedelta(days=31)
"""The invoice of the month before is read at every poll: it replaces the month's last preview."""


class Invoice(Struct, gc=False):
    """An invoice in the listing, or the preview of the running month's."""

    # It becomes part of a path.
    invoice_uuid: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,100}$")]
    amount: Decimal
    invoice_period: Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}$")]
    updated_at: Moment | None = None


class InvoicePage(Page, gc=False, kw_only=True):
    """GET /v2/customers/my/invoices."""

    items: list[Invoice] = field(name="invoices")
    invoice_preview: Invoice | None = None


class ItemPage(Page, gc=False, kw_only=True):
    """GET /v2/customers/my/invoices/{uuid}."""

    items: list[Item] = field(name="invoice_items")


class Part(Struct, gc=False):
    """One sum of a summary."""

    amount: Decimal
    name: str | None = None


class Summary(Struct, gc=False):
    """GET /v2/customers/my/invoices/{uuid}/summary; the customer's name and address are skipped."""

    overages: Part | None = None
    taxes: Part | None = None
    credits_and_adjustments: Part | None = None


class AnyDroplets(Struct, gc=False):
    """GET /v2/droplets, to see whether it is allowed."""


class Invoices:
    """The invoices of one account, read as windows of charges: one for each month."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def windows(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return this month, then those before it; what is stored of a month with neither stays.

        Raises:
            ProviderError: See `costmon.errors`.
        """
        try:
            closed, preview = self._listing()
        except ProviderPermissionError as error:
            refusal = error
        else:
            yield from self._months(account, now, known_through, closed, preview)
            return
        try:
            self._reader.read(DROPLETS, AnyDroplets, {"per_page": 1})
        except ProviderPermissionError:
            pass
        else:
            yield _nothing(account, now, _UNSEEN)
            return
        # A token that sees nothing is an error; raised out here, without a context.
        raise refusal

    def _listing(self) -> tuple[Mapping[str, list[Invoice]], Invoice | None]:
        """Return the invoices by month, and the preview."""
        pages = tuple(self._reader.whole(INVOICES, InvoicePage))
        closed: dict[str, list[Invoice]] = {}
        for page in pages:
            for number, invoice in enumerate(page.items):
                _check(invoice.amount, INVOICES, f"$.invoices[{number}].amount")
                closed.setdefault(invoice.invoice_period, []).append(invoice)
        preview = pages[0].invoice_preview
        if preview is not None:
            _check(preview.amount, INVOICES, "$.invoice_preview.amount")
        return closed, preview

    def _months(
        self,
        account: str,
        now: dt.datetime,
        known_through: dt.datetime | None,
        closed: Mapping[str, list[Invoice]],
        preview: Invoice | None,
    ) -> Iterator[ChargeWindow]:
        found = False
        for start, end in months(now, known_through, _REREAD):
            month = Month(f"{start:%Y-%m}", start, end, month_of(start)[1])
            if month.end == month.last and month.name in closed:
                found = True
                charges, gaps = self._charges_of(account, month, closed[month.name]), ()
                yield _window(account, now, month, charges, gaps, month.end)
            elif preview is not None and preview.invoice_period == month.name:
                found = True
                yield self._running(account, now, month, preview, closed)
        if not found:
            yield _nothing(account, now, _NO_PREVIEW)

    def _running(
        self,
        account: str,
        now: dt.datetime,
        month: Month,
        preview: Invoice,
        closed: Mapping[str, object],
    ) -> ChargeWindow:
        """Return the window of the month of the preview."""
        gaps: tuple[Gap, ...] = ()
        try:
            charges = self._charges_of(account, month, (preview,), is_preview=True)
        except ProviderNotFoundError as error:
            # Not documented that the preview can be read as an invoice: its total is known anyway.
            gaps = (Gap(kind="items", reason=_NO_ITEMS.format(error=error)),)
            rows = Rows(account, month)
            rows.add_sum("Month to date", "Usage", preview.amount, None)
            charges = tuple(rows.charges)
        before = month_of(month.start - dt.timedelta(days=1))[0]
        earlier = month_of(before - dt.timedelta(days=1))[0]
        if f"{before:%Y-%m}" not in closed and f"{earlier:%Y-%m}" in closed:
            reason = _NO_INVOICE.format(month=f"{before:%Y-%m}")
            gaps = (*gaps, Gap(kind="invoice", reason=reason))
        updated = preview.updated_at
        through = None if updated is None else min(midnight(moment(updated)), month.end, now)
        return _window(account, now, month, charges, gaps, through)

    def _charges_of(
        self,
        account: str,
        month: Month,
        invoices: Iterable[Invoice],
        *,
        is_preview: bool = False,
    ) -> tuple[Charge, ...]:
        """Return the rows of all invoices of a month; they add up to what the invoices say."""
        rows = Rows(account, month)
        for invoice in invoices:
            invoice_id = None if is_preview else invoice.invoice_uuid
            path = f"{INVOICES}/{invoice.invoice_uuid}"
            total = Decimal(0)
            for page in self._reader.whole(path, ItemPage):
                for number, item in enumerate(page.items):
                    _check(item.amount, path, f"$.invoice_items[{number}].amount")
                    total = EXACT.add(total, item.amount)
                    rows.add_item(item, invoice_id)
            rest = EXACT.subtract(invoice.amount, total)
            for name, category, amount in self._explained(path, rest) if rest else ():
                rows.add_sum(name, category, amount, invoice_id)
        return tuple(rows.charges)

    def _explained(
        self, path: str, rest: Decimal
    ) -> tuple[tuple[str, ChargeCategory, Decimal], ...]:
        """Return what makes up the difference between an invoice and its items.

        Whether taxes, credits and overages are among the items is not documented: those sums of the
        summary that add up to the difference exactly are not.
        """
        try:
            summary = self._reader.read(f"{path}/summary", Summary)
        except ProviderNotFoundError:
            summary = Summary()
        named: tuple[tuple[str, ChargeCategory, Part | None], ...] = (
            ("Taxes", "Tax", summary.taxes),
            ("Credits & adjustments", "Credit", summary.credits_and_adjustments),
            ("Overages", "Usage", summary.overages),
        )
        parts = [
            (name, category, part.amount)
            for name, category, part in named
            if part is not None and part.amount and is_number(part.amount)
        ]
        for size in range(len(parts), 0, -1):
            for some in combinations(parts, size):
                if _sum(amount for _, _, amount in some) == rest:
                    return some
        return (("Not itemized", "Adjustment", rest),)


def _window(  # noqa: PLR0917 - one argument for each field that varies
    account: str,
    now: dt.datetime,
    month: Month,
    charges: tuple[Charge, ...],
    gaps: tuple[Gap, ...],
    counted_through: dt.datetime | None,
) -> ChargeWindow:
    # An invoice replaces the preview; the preview of today that of yesterday.
    # Rows are for a month or the life of a resource: no day has an amount of its own.
    return Poll(SLUG, account, now).window(
        month.start, month.end, charges, gaps=gaps, counted_through=counted_through
    )


def _nothing(account: str, now: dt.datetime, reason: str) -> ChargeWindow:
    """Return a window that changes nothing of what is stored, and says what cannot be seen."""
    start, end = next(months(now, now, dt.timedelta(0)))
    month = Month(f"{start:%Y-%m}", start, end, month_of(start)[1])
    gap = Gap(kind="charges", reason=reason)
    return replace(_window(account, now, month, (), (gap,), None), intake="restate")


def _check(amount: Decimal, path: str, where: str) -> None:
    if not is_number(amount):
        raise schema_fault(path, "not an amount of money", where)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total

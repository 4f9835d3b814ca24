"""Rows of charges: from the lines of an invoice, and from what it sums up without lines.

A row is for what the vendor's line is for: the life of a resource in a month, or the whole month.
"""

import datetime as dt
import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct

from costmon.domain.amount import is_number
from costmon.domain.charge import Charge, ChargeCategory
from costmon.providers.digitalocean.answers import NOTHING, Moment
from costmon.providers.digitalocean.values import CURRENCY, maybe_text, moment, quantity, text

_TITLE = "DigitalOcean"
_TAXES = frozenset({"tax", "taxes", "sales tax", "vat", "gst"})
_CREDITS = ("credit", "promo", "discount", "refund")
_CATEGORIES = (
    # The first word that is in the product's name decides.
    ("gpu", "AI and Machine Learning"),
    ("gradient", "AI and Machine Learning"),
    ("genai", "AI and Machine Learning"),
    ("inference", "AI and Machine Learning"),
    ("database", "Databases"),
    ("backup", "Storage"),
    ("snapshot", "Storage"),
    ("volume", "Storage"),
    ("spaces", "Storage"),
    ("image", "Storage"),
    ("load balancer", "Networking"),
    ("bandwidth", "Networking"),
    (" ip", "Networking"),
    ("gateway", "Networking"),
    ("app", "Web"),
    ("registry", "Developer Tools"),
    ("droplet", "Compute"),
    ("kubernetes", "Compute"),
    ("function", "Compute"),
)


class Item(Struct, gc=False, omit_defaults=True):
    """A line of an invoice. Lines without a resource have no ids, and may have no times."""

    amount: Decimal
    product: str | None = None
    resource_uuid: str | None = None
    resource_id: str | None = None
    group_description: str | None = None
    description: str | None = None
    duration: Raw = NOTHING
    duration_unit: str | None = None
    start_time: Raw = NOTHING
    end_time: Raw = NOTHING
    project_name: str | None = None
    category: str | None = None


class Month(NamedTuple):
    """The part of a UTC month that a window is about.

    Attributes:
        name: As invoices name it: `2026-11`.
        start: Its first instant.
        end: The first instant after it, or now.
        last: The first instant after the whole month.
    """

    name: str
    start: dt.datetime
    end: dt.datetime
    last: dt.datetime


class Rows:
    """The rows of one month."""

    def __init__(self, account: str, month: Month) -> None:
        self.charges: list[Charge] = []
        self._account = account
        self._month = month
        self._repeated: Counter[str] = Counter()

    def add_item(self, item: Item, invoice_id: str | None) -> None:
        """Add a line of an invoice."""
        product = (item.product or "").strip()
        resource = item.resource_uuid or item.resource_id
        start = _moment_of(item.start_time)
        used = quantity(item.duration) if item.duration_unit else None
        category = _category_of(item)
        is_usage = category == "Usage"
        if not is_usage or (used is not None and not is_number(used)):
            used = None
        charge = self._charge(
            # What may change while the month runs (end, duration, project) is not in it.
            key=(product, resource, item.group_description, item.description, str(start)),
            amount=item.amount,
            category=category,
            service=product or _TITLE,
            invoice_id=invoice_id,
        )
        first, end = self._within(start, _moment_of(item.end_time))
        project = maybe_text(item.project_name or None)
        self.charges.append(
            replace(
                charge,
                charge_period_start=first,
                charge_period_end=end,
                service_category=_service_category(product),
                charge_description=_joined(item.group_description, item.description),
                charge_frequency="Usage-Based" if is_usage else "One-Time",
                sub_account_id=project,
                sub_account_name=project,
                sub_account_type=None if project is None else "project",
                resource_id=maybe_text(resource or None),
                resource_name=maybe_text(item.description or None) if resource else None,
                resource_type=text(product) if resource and product else None,
                consumed_quantity=used,
                consumed_unit=None if used is None else maybe_text(item.duration_unit),
                raw=msgspec.json.encode(item).decode(),
            )
        )

    def add_sum(
        self, name: str, category: ChargeCategory, amount: Decimal, invoice_id: str | None
    ) -> None:
        """Add what is on the invoice and is not a line of it, for the whole month."""
        self.charges.append(
            self._charge(
                key=(name,),
                amount=amount,
                category="Adjustment" if category == "Credit" and amount > 0 else category,
                service=name,
                invoice_id=invoice_id,
            )
        )

    def _charge(
        self,
        *,
        key: tuple[str | None, ...],
        amount: Decimal,
        category: ChargeCategory,
        service: str,
        invoice_id: str | None,
    ) -> Charge:
        """Return a row for the whole month."""
        month = self._month
        name = json.dumps([month.name, *key], ensure_ascii=False)
        self._repeated[name] += 1
        # Lines may differ in nothing but their amount.
        number = self._repeated[name]
        return Charge(
            source_row_key=name if number == 1 else f"{name}#{number}",
            charge_period_start=month.start,
            charge_period_end=month.last,
            billing_period_start=month.start,
            billing_period_end=month.last,
            billed_cost=amount,
            effective_cost=amount,
            list_cost=amount,
            contracted_cost=amount,
            billing_currency=CURRENCY,
            basis="billed",
            charge_category=category,
            service_name=text(service),
            service_category="Other",
            service_provider_name=_TITLE,
            invoice_issuer_name=_TITLE,
            billing_account_id=self._account,
            invoice_id=invoice_id,
        )

    def _within(
        self, start: dt.datetime | None, end: dt.datetime | None
    ) -> tuple[dt.datetime, dt.datetime]:
        """Return the part of a period that lies in the window; the whole month when none does."""
        first = max(start or self._month.start, self._month.start)
        last = min(end or self._month.last, self._month.last)
        if first < min(last, self._month.end):
            return first, last
        return self._month.start, self._month.last


def _moment_of(raw: Raw) -> dt.datetime | None:
    """Return a time of an item; `None` when it has none that can be read."""
    try:
        return moment(msgspec.json.decode(raw, type=Moment))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _category_of(item: Item) -> ChargeCategory:
    """Return a line's FOCUS category, by its sign and its product's name."""
    product = (item.product or "").strip().lower()
    if product in _TAXES or (item.category or "").strip().lower() in _TAXES:
        return "Tax"
    if item.amount >= 0:
        return "Usage"
    words = f"{product} {item.description or ''}".lower()
    return "Credit" if any(word in words for word in _CREDITS) else "Adjustment"


def _service_category(product: str) -> str:
    name = product.lower()
    return next((category for word, category in _CATEGORIES if word in name), "Other")


def _joined(group: str | None, description: str | None) -> str | None:
    """Return the vendor's words for a line, those of its group first."""
    return maybe_text(": ".join(words for words in (group, description) if words) or None)

"""Charges and quantities of a source that is defined in costmon.toml.

Source: the `[[custom]]` tables of costmon.toml, or a definition in costmon/config/sources.
Units: what the definition says; amounts in major units after its `scale`.
Lag: what the definition says (`complete_after`).  Needs: what the definition says.
"""

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import cast, get_args

from msgspec import Struct

from costmon.config.custom import NUMBER_COLUMNS
from costmon.domain.amount import HIGHEST, MOST_QUANTITY
from costmon.domain.charge import Charge, ChargeCategory, ChargeWindow
from costmon.domain.resource import Gap
from costmon.domain.source import Period, Request, Source
from costmon.domain.usage import Quantity, UsageReading
from costmon.errors import (
    ProviderError,
    ProviderPermissionError,
    ProviderPlanError,
)
from costmon.providers.base import Provider, ProviderSetup
from costmon.providers.custom.requests import SLUG, Api, Expression, Row
from costmon.providers.figures import ChargeRows, Poll, Span, billed_usage
from costmon.providers.reading import EXACT, Answers, midnight, month_of, months

_RESTATED = dt.timedelta(days=7)
_DAY = dt.timedelta(days=1)
_QUOTA = re.compile(r"[a-z][a-z0-9_]{0,60}(:\S{1,100})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")
_CATEGORIES = get_args(ChargeCategory)
_FIRST_MILLISECONDS = 10**11
"""Smaller numbers are Unix time in seconds."""


class Columns(Struct):
    """What a row has in the columns of the definition, as texts."""

    columns: dict[str, str]


class Custom(Provider):
    """One source."""

    def __init__(self, setup: ProviderSetup) -> None:
        """Read the `source` of the options through the client of `setup`."""
        self._setup = setup
        self._answers = Answers(SLUG, setup.outbound)
        self._source = cast("Source", setup.options.get("source"))

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return a window for each month that may still change, or one of the last `days`.

        Earlier months are read only of requests that say for which time they ask.

        Raises:
            ProviderSchemaError: The definition does not fit the answer; the error names its key.
            ProviderError: Anything else; see `costmon.errors`.
        """
        source, api = self._source, self._api()
        spans = list(months(now, known_through, _RESTATED))
        if source.days is not None:
            spans = [(midnight(now - source.days * _DAY), now)]
        is_by_day = all("ChargePeriodStart" in request.columns for request in source.charges)
        for start, end in spans:
            # What is not asked for a time is of the month that runs, or of the last days.
            is_now = end == now
            asked = [one for one in source.charges if one.is_dated or is_now]
            if not asked:
                return
            settled = min(end, midnight(now - source.settling))
            # Of the last days the vendor may forget the first; a month is what was read now.
            is_whole = source.days is None and len(asked) == len(source.charges)
            yield Poll(SLUG, account, now).window(
                start,
                end,
                self._charges(api, asked, (start, end), account),
                intake="replace" if is_whole else "restate",
                complete_through=settled if is_by_day and settled > start else None,
                counted_through=None if is_by_day else end,
                gaps=self._gaps(),
            )

    def usage(self, account: str, now: dt.datetime) -> UsageReading:
        """Return the quantities of the definition; rows of one quota and project are added up.

        Raises:
            ProviderSchemaError: The definition does not fit the answer; the error names its key.
            ProviderError: Anything else; see `costmon.errors`.
        """
        api = self._api()
        found: dict[tuple[str, str | None], Quantity] = {}
        gaps = list(self._gaps())
        refusals: list[ProviderError] = []
        for request in self._source.usage:
            try:
                read = list(self._quantities(api, request, now))
            except (ProviderPermissionError, ProviderPlanError) as error:
                refusals.append(error)
                gaps.append(Gap(kind=request.path, reason=error.detail))
                continue
            for one in read:
                known = found.get((one.quota, one.project))
                found[one.quota, one.project] = one if known is None else _sum(known, one)
        if refusals and len(refusals) == len(self._source.usage):
            raise refusals[0]
        return Poll(SLUG, account, now).usage(found.values(), gaps)

    def _api(self) -> Api:
        settings = cast("Mapping[str, str]", self._setup.options.get("settings", {}))
        return Api(self._source, self._setup.outbound, self._setup.credentials, settings)

    def _gaps(self) -> tuple[Gap, ...]:
        return tuple(Gap(kind=kind, reason=reason) for kind, reason in self._source.gaps.items())

    def _charges(
        self,
        api: Api,
        requests: list[Request],
        window: tuple[dt.datetime, dt.datetime],
        account: str,
    ) -> Iterator[Charge]:
        start, end = window
        for request in requests:
            found = ChargeRows(self._answers, request.path)
            page = 0
            for row in api.rows(request, start, end):
                if row.page != page:
                    found.turn_page()
                    page = row.page
                cells = _Cells(request, row)
                charge = _charge(self._source, cells, window, account)
                # A listing may have more than the time that the window is for.
                if start <= charge.charge_period_start < end:
                    found.add(charge, row.where)
            yield from found.charges

    def _quantities(self, api: Api, request: Request, now: dt.datetime) -> Iterator[Quantity]:
        span = _span(request.period, now)
        for row in api.rows(request, span.start, span.end):
            cells = _Cells(request, row)
            quota, unit = cells.needed("quota"), cells.needed("unit")
            if _QUOTA.fullmatch(quota) is None:
                raise cells.fault("quota", "finds no name of a-z, 0-9 and _")
            used = cells.number("used", MOST_QUANTITY)
            limit = cells.number("limit", MOST_QUANTITY)
            if limit is not None:
                limit = EXACT.multiply(max(limit, Decimal(0)), request.scale)
            if used is None or used < 0:
                raise cells.fault("used", "finds nothing" if used is None else "is less than 0")
            yield span.quantity(
                quota,
                unit,
                EXACT.multiply(used, request.scale),
                limit=limit,
                estimated=request.estimated,
                project=cells.text("project"),
            )


class _Cells:
    """The columns of one row."""

    def __init__(self, request: Request, row: Row) -> None:
        self._row = row
        self._texts: dict[str, str | None] = {}
        self.request = request

    def text(self, name: str) -> str | None:
        """Return the text of a column; `None` when it has none, or is not in the definition."""
        if name not in self.request.columns:
            return None
        if name not in self._texts:
            where = f"{self._row.where}.{name}"
            self._texts[name] = self._expression(name).word(self._row.content, where)
        return self._texts[name]

    def needed(self, name: str) -> str:
        """Return the text of a column that every row must have."""
        found = self.text(name)
        if found is None:
            raise self.fault(name, "finds nothing")
        return found

    def number(self, name: str, most: int) -> Decimal | None:
        """Return the number of a column; `None` when it has none, or is not in the definition."""
        if name not in self.request.columns:
            return None
        where = f"{self._row.where}.{name}"
        return self._expression(name).number(self._row.content, where, most)

    def moment(self, name: str) -> dt.datetime | None:
        """Return the time of a column: ISO 8601, a day, or Unix time; UTC when it has no zone."""
        found = self.text(name)
        if found is None:
            return None
        try:
            moment = _moment(found)
        except (ValueError, OverflowError, OSError):
            moment = None
        if moment is None:
            raise self.fault(name, "finds no time: ISO 8601, or Unix time")
        return moment

    def key(self) -> str:
        """Return what sets the row apart: what the definition says, or all that is no number."""
        if self.request.key is None:
            names = (name for name in self.request.columns if name not in NUMBER_COLUMNS)
            return json.dumps([self.text(name) for name in names], ensure_ascii=False)
        key = Expression.of(self.request, self._row.path, "key", self.request.key)
        where = f"{self._row.where}.key"
        found = key.word(self._row.content, where)
        if found is None:
            raise key.fault("finds nothing", where)
        return found

    def raw(self) -> Columns:
        """Return what the row has in its columns; the rest may hold anything."""
        cells = ((name, self.text(name)) for name in self.request.columns)
        return Columns({name: text for name, text in cells if text is not None})

    def fault(self, name: str, what: str) -> ProviderError:
        """Make the error of a column that has something else than it should."""
        return self._expression(name).fault(what, f"{self._row.where}.{name}")

    def _expression(self, name: str) -> Expression:
        text = self.request.columns[name]
        return Expression.of(self.request, self._row.path, f"columns.{name}", text)


def _charge(
    source: Source,
    cells: _Cells,
    window: tuple[dt.datetime, dt.datetime],
    account: str,
) -> Charge:
    request = cells.request
    billed = cells.number("BilledCost", HIGHEST)
    currency = cells.needed("BillingCurrency").upper()
    if billed is None:
        raise cells.fault("BilledCost", "finds nothing")
    if _CURRENCY.fullmatch(currency) is None:
        raise cells.fault("BillingCurrency", "finds no ISO 4217 code")
    start = cells.moment("ChargePeriodStart")
    end = cells.moment("ChargePeriodEnd")
    if start is None:
        if "ChargePeriodStart" in request.columns:
            raise cells.fault("ChargePeriodStart", "finds nothing")
        start = window[0]
        end = end or month_of(start)[1]
    end = end or start + _DAY
    if end <= start:
        raise cells.fault("ChargePeriodEnd", "is not after its start")
    category = cells.text("ChargeCategory")
    if category is not None and category not in _CATEGORIES:
        raise cells.fault("ChargeCategory", f"finds none of {', '.join(_CATEGORIES)}")
    amount = EXACT.multiply(billed, request.scale)
    charge = billed_usage(
        cells.raw(),
        key=(source.charges.index(request), start.isoformat(), cells.key()),
        start=start,
        end=end,
        billed=amount,
        currency=currency,
        service=cells.needed("ServiceName"),
        service_category=cells.text("ServiceCategory") or "Other",
        vendor=source.title,
        account_id=cells.text("BillingAccountId") or account,
    )
    costs = {
        name: EXACT.multiply(cost, request.scale)
        for name in ("EffectiveCost", "ListCost", "ContractedCost")
        if (cost := cells.number(name, HIGHEST)) is not None
    }
    consumed = cells.number("ConsumedQuantity", MOST_QUANTITY)
    priced = cells.number("PricingQuantity", MOST_QUANTITY)
    return replace(
        charge,
        basis=request.basis,
        effective_cost=costs.get("EffectiveCost", amount),
        list_cost=costs.get("ListCost", amount),
        contracted_cost=costs.get("ContractedCost", amount),
        charge_category=cast("ChargeCategory", category or charge.charge_category),
        charge_description=cells.text("ChargeDescription"),
        billing_account_name=cells.text("BillingAccountName"),
        sub_account_id=cells.text("SubAccountId"),
        sub_account_name=cells.text("SubAccountName"),
        resource_id=cells.text("ResourceId"),
        resource_name=cells.text("ResourceName"),
        resource_type=cells.text("ResourceType"),
        region_id=cells.text("RegionId"),
        region_name=cells.text("RegionName"),
        sku_id=cells.text("SkuId"),
        sku_meter=cells.text("SkuMeter"),
        invoice_id=cells.text("InvoiceId"),
        consumed_quantity=consumed,
        consumed_unit=None if consumed is None else cells.needed("ConsumedUnit"),
        pricing_quantity=priced,
        pricing_unit=None if priced is None else cells.needed("PricingUnit"),
    )


def _moment(text: str) -> dt.datetime:
    if text.isdigit() and len(text) > len("20261121"):
        number = int(text)
        seconds = number if number < _FIRST_MILLISECONDS else number / 1000
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    moment = dt.datetime.fromisoformat(text)
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def _span(period: Period, now: dt.datetime) -> Span:
    match period:
        case "month":
            return Span.month(now)
        case "day":
            return Span.day(now)
        case "now":
            return Span.level(now)


def _sum(one: Quantity, other: Quantity) -> Quantity:
    limit = None
    if one.limit is not None and other.limit is not None:
        limit = EXACT.add(one.limit, other.limit)
    estimated = one.estimated or other.estimated
    return replace(one, used=EXACT.add(one.used, other.used), limit=limit, estimated=estimated)

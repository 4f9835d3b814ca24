"""Make charges and quantities of the rows that a vendor lists: what providers share."""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

import msgspec

from costmon.domain.charge import Charge, ChargeWindow, Intake
from costmon.domain.resource import Balance, Gap, Inventory, KindFailure, NotPriced, Resource
from costmon.domain.usage import Quantity, UsageReading
from costmon.providers.reading import EXACT, Answers, midnight, month_of, months


class Poll(NamedTuple):
    """One read of an account: makes what it brings.

    Attributes:
        provider: The vendor's slug.
        account: The account's name.
        now: When the read began, aware UTC.
    """

    provider: str
    account: str
    now: dt.datetime

    def window(
        self,
        start: dt.datetime,
        end: dt.datetime,
        charges: Iterable[Charge],
        *,
        settling: dt.timedelta | None = None,
        complete_through: dt.datetime | None = None,
        counted_through: dt.datetime | None = None,
        intake: Intake = "replace",
        day_zone: str = "UTC",
        gaps: Iterable[Gap] = (),
        only_unread: bool = False,
    ) -> ChargeWindow:
        """Return the charges from `start` to `end`; the arguments are those of `ChargeWindow`.

        `settling` instead of `complete_through` is how long after its end a UTC day is complete.
        """
        if settling is not None:
            complete_through = min(end, midnight(self.now - settling))
        return ChargeWindow(
            account=self.account,
            provider=self.provider,
            observed_at=self.now,
            start=start,
            end=end,
            intake=intake,
            day_zone=day_zone,
            charges=tuple(charges),
            complete_through=complete_through,
            counted_through=counted_through,
            gaps=tuple(gaps),
            only_unread=only_unread,
        )

    def usage(
        self,
        quantities: Iterable[Quantity],
        gaps: Iterable[Gap] = (),
        *,
        complete_through: dt.datetime | None = None,
        plan: str | None = None,
    ) -> UsageReading:
        """Return what was used; the arguments are those of `UsageReading`."""
        return UsageReading(
            account=self.account,
            provider=self.provider,
            observed_at=self.now,
            quantities=tuple(quantities),
            complete_through=complete_through,
            gaps=tuple(gaps),
            plan=plan,
        )

    def inventory(
        self,
        resources: Iterable[Resource],
        *,
        gaps: tuple[Gap, ...] = (),
        not_priced: tuple[NotPriced, ...] = (),
        balance: Balance | None = None,
        failed: tuple[KindFailure, ...] = (),
    ) -> Inventory:
        """Return what exists; the arguments are those of `Inventory`."""
        return Inventory(
            account=self.account,
            provider=self.provider,
            observed_at=self.now,
            resources=tuple(resources),
            gaps=gaps,
            not_priced=not_priced,
            balance=balance,
            failed=failed,
        )


def month_windows(
    read: Callable[[dt.datetime, dt.datetime], tuple[Charge, ...]],
    *,
    account: str,
    provider: str,
    now: dt.datetime,
    known_through: dt.datetime | None,
    restated: dt.timedelta,
    settling: dt.timedelta,
    intake: Intake,
) -> Iterator[ChargeWindow]:
    """Return a window for each UTC month that may still change; at first for 12 months more.

    Args:
        read: Returns the charges of the time from its first argument to its second.
        account: The account's name.
        provider: The vendor's slug.
        now: When the poll began, aware UTC.
        known_through: What is stored; `None`: nothing.
        restated: For how long the vendor may still change what it has said.
        settling: How long after its end a day is complete.
        intake: How a window is taken in, as `ChargeWindow` says.

    Raises:
        ProviderError: What `read` raises; the windows before it count.
    """
    for start, end in months(now, known_through, restated):
        yield Poll(provider, account, now).window(
            start, end, read(start, end), settling=settling, intake=intake
        )


def billed_usage(
    raw: msgspec.Struct,
    *,
    key: Sequence[str | int | None],
    start: dt.datetime,
    end: dt.datetime,
    billed: Decimal,
    currency: str,
    service: str,
    service_category: str,
    vendor: str,
    account_id: str,
    listed: Decimal | None = None,
) -> Charge:
    """Return a charge for usage that the vendor bills by the UTC month; `replace` adds the rest.

    Args:
        raw: The vendor's row, as far as it is read.
        key: What sets the row apart from all others of the account.
        start: Start of its period, aware.
        end: End of its period, aware.
        billed: What is billed for it; less than 0 is an adjustment.
        currency: ISO 4217, upper or lower case.
        service: What it is for, in the vendor's words.
        service_category: One of FOCUS.
        vendor: Who sells and bills it, for people.
        account_id: The vendor's account.
        listed: What it costs by list; `None`: what is billed.
    """
    start, end = start.astimezone(dt.UTC), end.astimezone(dt.UTC)
    billing_start, billing_end = month_of(start)
    return Charge(
        source_row_key=json.dumps(list(key), ensure_ascii=False),
        charge_period_start=start,
        charge_period_end=end,
        billing_period_start=billing_start,
        billing_period_end=billing_end,
        billed_cost=billed,
        effective_cost=billed,
        list_cost=billed if listed is None else listed,
        contracted_cost=billed,
        billing_currency=currency.upper(),
        basis="billed",
        charge_category="Usage" if billed >= 0 else "Adjustment",
        charge_frequency="Usage-Based",
        service_name=service,
        service_category=service_category,
        service_provider_name=vendor,
        invoice_issuer_name=vendor,
        billing_account_id=account_id,
        raw=msgspec.json.encode(raw).decode(),
    )


class ChargeRows:
    """Collects the charges of one listing, each once."""

    def __init__(self, answers: Answers, path: str) -> None:
        """Say what is wrong of GET `path`."""
        self._answers = answers
        self._path = path
        self._charges: dict[str, Charge] = {}
        self._earlier: frozenset[str] = frozenset()

    @property
    def charges(self) -> tuple[Charge, ...]:
        """Return what was added, in its order."""
        return tuple(self._charges.values())

    def add(self, charge: Charge, where: str) -> None:
        """Add a row; rows of one page that differ in nothing that was asked for are one row.

        Raises:
            ProviderSchemaError: It was on an earlier page.
        """
        key = charge.source_row_key
        if key in self._earlier:
            raise self._answers.fault(self._path, "a row of an earlier page again", where)
        known = self._charges.get(key)
        self._charges[key] = charge if known is None else _sum(known, charge)

    def turn_page(self) -> None:
        """Say that what is added now is on another page."""
        self._earlier = frozenset(self._charges)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The time that counts are for, aware UTC.

    Attributes:
        start: Its first instant.
        end: First instant after it.
        resets_at: When the counts begin again at 0; `None` for a level.
    """

    start: dt.datetime
    end: dt.datetime
    resets_at: dt.datetime | None

    @classmethod
    def month(cls, now: dt.datetime) -> "Span":
        """Return the UTC month so far; in its first minute, the month before."""
        start, end = next(months(now, now, dt.timedelta()))
        return cls(start=start, end=end, resets_at=max(month_of(now)[1], end))

    @classmethod
    def day(cls, now: dt.datetime) -> "Span":
        """Return the UTC day so far."""
        start = midnight(now)
        return cls(start=start, end=now, resets_at=start + dt.timedelta(days=1))

    @classmethod
    def level(cls, at: dt.datetime) -> "Span":
        """Return a moment, for what is there and not counted over time."""
        return cls(start=at, end=at, resets_at=None)

    def quantity(
        self,
        quota: str,
        unit: str,
        used: Decimal,
        *,
        estimated: bool = False,
        limit: Decimal | None = None,
        project: str | None = None,
    ) -> Quantity:
        """Return what was used in it; the arguments are the fields of `Quantity`."""
        return Quantity(
            quota=quota,
            unit=unit,
            used=used,
            start=self.start,
            end=self.end,
            resets_at=self.resets_at,
            limit=limit,
            estimated=estimated,
            project=project,
        )


class Tally:
    """Adds up one count over rows: for all models, and for each model after a colon."""

    def __init__(self) -> None:
        """Begin without rows."""
        self._sums: dict[str, int] = {}
        self._incomplete = False

    def add(self, count: int | None, model: str | None = None) -> None:
        """Add the count of a row; one that does not have it makes the sum an estimate."""
        if count is None:
            self._incomplete = True
            return
        for name in ("", f":{model}") if model else ("",):
            self._sums[name] = self._sums.get(name, 0) + count

    def quantities(self, quota: str, unit: str, span: Span, *, always: bool) -> Iterator[Quantity]:
        """Return the sums; without rows nothing, or 0 with `always`."""
        if always and not self._incomplete:
            self._sums.setdefault("", 0)
        for name, used in self._sums.items():
            yield span.quantity(f"{quota}{name}", unit, Decimal(used), estimated=self._incomplete)


def _sum(one: Charge, other: Charge) -> Charge:
    quantity = None
    if one.consumed_unit == other.consumed_unit and one.consumed_quantity is not None:
        quantity = EXACT.add(one.consumed_quantity, other.consumed_quantity or 0)
    return replace(
        one,
        billed_cost=EXACT.add(one.billed_cost, other.billed_cost),
        effective_cost=EXACT.add(one.effective_cost, other.effective_cost),
        list_cost=EXACT.add(one.list_cost, other.list_cost),
        contracted_cost=EXACT.add(one.contracted_cost, other.contracted_cost),
        consumed_quantity=quantity,
        consumed_unit=None if quantity is None else one.consumed_unit,
        raw=None,
    )

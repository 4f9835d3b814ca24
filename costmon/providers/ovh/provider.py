"""OVHcloud, read with an application's keys or a service account.

Source: https://api.ovh.com/console/ (/me, /services), the document of October 2025 (Apache-2.0)
Units: major units of the account's currency, before tax; tax is rows of its own.
Lag: use of this month is hours old; a bill comes in the first days of the next month.
Needs: GET /me/consumption/usage/*, /me/bill*, /me/refund*, /services*.
"""

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from msgspec import Struct

from costmon.domain.amount import is_number
from costmon.domain.charge import Charge, ChargeWindow
from costmon.domain.renewal import ENDS, NEXT_BILLING, PERIOD, PRICE
from costmon.domain.resource import Gap, Inventory, Resource
from costmon.domain.usage import UsageReading
from costmon.errors import ProviderNotFoundError, ProviderPermissionError
from costmon.providers.base import Provider
from costmon.providers.figures import ChargeRows, Poll, Span, billed_usage
from costmon.providers.ovh.bills import ZONE, Bills, Moment, Price, at, is_money, next_month, stamp
from costmon.providers.ovh.session import SLUG, Login, Pairs, Session
from costmon.providers.reading import EXACT, Numbers, midnight, months

CURRENT = "/me/consumption/usage/current"
FORECAST = "/me/consumption/usage/forecast"
HISTORY = "/me/consumption/usage/history"
SERVICES = "/services"
CREDENTIAL = "/auth/currentCredential"

_RESTATED = dt.timedelta(days=18)
"""Longer than `IN_ARREARS`: until then the bill of the month before may come."""
_SETTLING = dt.timedelta(days=1)
_SHORTEST = dt.timedelta(seconds=1)
_DURATION = re.compile(r"P(?P<number>\d{1,3})(?P<unit>[MY])")
_GONE = frozenset({"deleted", "terminated"})


class Element(Numbers, rename="camel"):
    """What one offer of a service has cost."""

    plan_code: str
    price: Price
    plan_family: str | None = None
    quantity: Decimal | None = None


class Expected(Struct, rename="camel", kw_only=True):
    """What one service costs; `price` is null where the money is in the elements."""

    service_id: int
    elements: list[Element]
    price: Price | None = None

    def parts(self) -> Sequence[Element]:
        """Return the elements; without any, the price of the whole as one."""
        if self.elements or self.price is None:
            return self.elements
        return (Element(plan_code="all", price=self.price),)


class Transaction(Expected, rename="camel", kw_only=True):
    """What one service has used."""

    begin_date: Moment
    end_date: Moment | None = None


class Plan(Struct, rename="camel"):
    """What a service is sold as."""

    code: str
    invoice_name: str | None = None


class Pricing(Struct):
    """What is paid each time; `duration` is such as `P1M`."""

    price: Price
    duration: str | None = None


class Renewal(Struct):
    """How a service goes on: `automatic`, `manual`."""

    mode: str | None = None


class Renew(Struct):
    """Missing for a service that goes on with another one."""

    current: Renewal | None = None


class State(Struct, rename="camel"):
    """Where in its life a service is: `active`."""

    state: str | None = None
    creation_date: Moment | None = None


class Lifecycle(Struct):
    """The life of a service."""

    current: State | None = None


class Billing(Struct, rename="camel"):
    """How a service is paid."""

    plan: Plan
    pricing: Pricing | None = None
    next_billing_date: Moment | None = None
    expiration_date: Moment | None = None
    renew: Renew | None = None
    lifecycle: Lifecycle | None = None


class Named(Struct, rename="camel"):
    """The thing that a service is for."""

    display_name: str | None = None
    name: str | None = None


class Service(Struct, rename="camel"):
    """GET /services/{id}."""

    service_id: int
    billing: Billing
    resource: Named | None = None


class Rule(Struct):
    """What a consumer key may do."""

    method: str
    path: str


class Credential(Struct):
    """GET /auth/currentCredential."""

    rules: list[Rule]


class OVHcloud(Provider):
    """One customer account."""

    def __init__(self, login: Login) -> None:
        """Read with `login`."""
        self._login = login

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return a window for each month that may still change; at first for 12 months more.

        A bill that comes late replaces what was stored of its month, however long ago that was.

        Raises:
            ProviderError: See `costmon.errors`.
        """
        session = Session(self._login)
        bills = Bills(session, account)
        current = session.read(CURRENT, list[Transaction])
        this_month = _local(now).date().replace(day=1)
        last_month = (this_month - dt.timedelta(days=1)).replace(day=1)
        ended = [one for one in current if one.begin_date.date().replace(day=1) == last_month]
        known = None if known_through is None else _local(known_through)
        waiting = [begin.date() for begin, _ in months(_local(now), known, _RESTATED)]
        oldest = waiting[-1]
        while waiting:
            month = waiting.pop(0)
            start, end = at(month), min(at(next_month(month)), now)
            rows = list(bills.charges(start, end, now))
            path, used = CURRENT, []
            if month == this_month:
                used = [one for one in current if one not in ended]
            elif month == last_month and not any(row.charge_frequency for row in rows):
                # Until a bill charges for it, what was used is not on any other listing.
                params = (("beginDate", stamp(start)), ("endDate", stamp(end)))
                path, used = (CURRENT, ended) if ended else _history(session, bills, params)
            rows += self._consumption(session, path, used, (start, end), account)
            # Rows are for a month so far or for the period of a bill: no day has its own.
            yield Poll(SLUG, account, now).window(
                start,
                end,
                rows,
                day_zone=ZONE.key,
                gaps=bills.gaps.values(),
                counted_through=min(end, midnight(now - _SETTLING)),
            )
            late = {one for one in bills.late if one < oldest}
            if known is not None and late and not waiting:
                waiting = sorted(late, reverse=True)
                oldest = waiting[-1]

    def usage(self, account: str, now: dt.datetime) -> UsageReading:
        """Return what OVHcloud expects this month's use to cost, by currency."""
        session = Session(self._login)
        sums: dict[str, Decimal] = {}
        for place, one in enumerate(session.read(FORECAST, list[Expected])):
            for part in _priced(session, FORECAST, place, one):
                known = sums.get(part.price.currency_code, Decimal(0))
                sums[part.price.currency_code] = EXACT.add(known, part.price.value)
        month = _local(now).date().replace(day=1)
        span = Span(start=at(month), end=now, resets_at=at(next_month(month)))
        return Poll(SLUG, account, now).usage(
            span.quantity(f"month_forecast:{currency}", currency, used, estimated=True)
            for currency, used in sums.items()
        )

    def inventory(self, account: str, now: dt.datetime) -> Inventory:
        """Return the services with their price and the day on which they are billed next."""
        session = Session(self._login)
        found = []
        for number in dict.fromkeys(session.read(SERVICES, list[int])):
            try:
                service = session.read(f"{SERVICES}/{number}", Service)
            except ProviderNotFoundError:
                continue  # it has ended since it was listed
            if _state(service) not in _GONE:
                found.append(_resource(account, service))
        return Poll(SLUG, account, now).inventory(found)

    def write_access(self) -> tuple[str, ...]:
        """Return a warning for a consumer key that may do more than GET; see `Provider`."""
        if self._login.consumer is None:
            return ()
        rules = Session(self._login).read(CREDENTIAL, Credential).rules
        methods = sorted({rule.method for rule in rules} - {"GET"})
        if not methods:
            return ()
        warning = (
            f"the consumer key also allows {', '.join(methods)}; make one with the rules GET only "
            "that the page of this vendor lists"
        )
        return (warning,)

    def _consumption(
        self,
        session: Session,
        path: str,
        used: Sequence[Transaction],
        month: tuple[dt.datetime, dt.datetime],
        account: str,
    ) -> Sequence[Charge]:
        rows = ChargeRows(session.answers, path)
        first = _local(month[0]).date()
        for place, one in enumerate(used):
            start = max(month[0], at(one.begin_date.date()))
            if start >= month[1]:
                raise session.answers.fault(path, "a period that was not asked for", f"$[{place}]")
            end = max(one.end_date or month[1], start + _SHORTEST)
            for part in _priced(session, path, place, one):
                row = billed_usage(
                    part,
                    key=(
                        "use",
                        f"{first:%Y-%m}",
                        one.service_id,
                        part.plan_code,
                        part.price.currency_code,
                    ),
                    start=start,
                    end=end,
                    billed=part.price.value,
                    currency=part.price.currency_code,
                    service=part.plan_family or part.plan_code,
                    service_category="Other",
                    vendor="OVHcloud",
                    account_id=account,
                )
                row = replace(
                    row,
                    basis="metered",
                    billing_period_start=month[0],
                    billing_period_end=at(next_month(first)),
                    charge_description=part.plan_code,
                    resource_id=str(one.service_id),
                    resource_type="service",
                    sku_id=part.plan_code,
                    consumed_quantity=part.quantity,
                    consumed_unit=None if part.quantity is None else "Units",
                )
                rows.add(row, f"$[{place}]")
        return rows.charges


def _history(session: Session, bills: Bills, params: Pairs) -> tuple[str, list[Transaction]]:
    """Return what was used in a month; a gap when it cannot be seen."""
    try:
        return HISTORY, session.read(HISTORY, list[Transaction], params)
    except (ProviderPermissionError, ProviderNotFoundError):
        kind = "use of last month until its bill"
        reason = "not visible with these keys (needs GET /me/consumption/usage/history)"
        bills.gaps[kind] = Gap(kind=kind, reason=reason)
    return HISTORY, []


def _priced(session: Session, path: str, place: int, one: Expected) -> Iterator[Element]:
    """Return the parts of a service that cost money."""
    where = f"$[{place}].elements"
    if not one.parts():
        raise session.answers.fault(path, "neither a price nor elements with one", where)
    for number, part in enumerate(one.parts()):
        if is_money(session, path, part.price, f"{where}[{number}].price.value"):
            yield part


def _state(service: Service) -> str | None:
    lifecycle = service.billing.lifecycle
    return lifecycle.current.state if lifecycle and lifecycle.current else None


def _resource(account: str, service: Service) -> Resource:
    billing, lifecycle = service.billing, service.billing.lifecycle
    name = service.resource and (service.resource.display_name or service.resource.name)
    mode = billing.renew and billing.renew.current and billing.renew.current.mode
    due = billing.next_billing_date or billing.expiration_date
    price = billing.pricing.price if billing.pricing else None
    monthly, unpriced = _monthly(billing.pricing)
    details = (
        (ENDS if mode == "manual" else NEXT_BILLING, due.date().isoformat() if due else None),
        ("renewal", mode),
        (PRICE, f"{price.value} {price.currency_code}" if price else None),
        (PERIOD, billing.pricing.duration if billing.pricing else None),
    )
    created = lifecycle.current.creation_date if lifecycle and lifecycle.current else None
    return Resource(
        account=account,
        provider=SLUG,
        kind="service",
        id=str(service.service_id),
        name=name or billing.plan.invoice_name or billing.plan.code,
        region=None,
        size=billing.plan.code,
        status=_state(service),
        created_at=created.astimezone(dt.UTC) if created else None,
        monthly_cost=monthly,
        currency=price.currency_code if price and monthly is not None else "EUR",
        basis="plan",
        unpriced=unpriced,
        waste=None,
        details=tuple((key, value) for key, value in details if value),
    )


def _monthly(pricing: Pricing | None) -> tuple[Decimal | None, str | None]:
    """Return what a month costs, or why that is not known."""
    if pricing is None:
        return None, "OVHcloud names no price"
    price, found = pricing.price, _DURATION.fullmatch(pricing.duration or "")
    if price.currency_code in {"N/A", "points"} or not is_number(price.value) or price.value < 0:
        return None, "the price is not an amount of money"
    if found is None or not int(found["number"]):
        return None, f"a price for the period {pricing.duration or 'unknown'!r} is for no month"
    number = int(found["number"]) * (12 if found["unit"] == "Y" else 1)
    return EXACT.divide(price.value, Decimal(number)).quantize(Decimal("1e-9"), context=EXACT), None


def _local(moment: dt.datetime) -> dt.datetime:
    """Return the vendor's clock time, labelled UTC, to calculate with months."""
    return moment.astimezone(ZONE).replace(tzinfo=dt.UTC)

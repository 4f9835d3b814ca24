"""MongoDB Atlas: invoices by day, and operations by project.

Source: https://www.mongodb.com/docs/api/doc/atlas-admin-api-v2/ (2023-01-01)
Units: cents of USD; quantities in the unit of the line item; operations as a rate a second.
Lag: "charges typically post the next day": a day counts as complete two days after its end.
Needs: Organization Billing Viewer; Organization Read Only for operations.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated
from urllib.parse import quote

from msgspec import Meta, Struct

from costmon.domain.amount import MOST_QUANTITY, is_number
from costmon.domain.charge import ChargeWindow
from costmon.domain.resource import Gap
from costmon.domain.usage import Quantity, UsageReading
from costmon.errors import ProviderPermissionError
from costmon.providers.atlas.invoices import FullInvoice, Invoice, InvoiceLines
from costmon.providers.atlas.session import API, ORGS, SLUG, Identified, Page, Session
from costmon.providers.base import Provider, ProviderSetup
from costmon.providers.figures import Poll, Span
from costmon.providers.reading import EXACT, month_of, months

GROUPS = f"{API}/groups"
OPERATIONS = ("QUERY", "INSERT", "UPDATE", "DELETE", "GETMORE", "CMD")
_RESTATED = dt.timedelta(days=10)
_SETTLING = dt.timedelta(days=2)
_HOUR_S = 3600

Moment = Annotated[dt.datetime, Meta(tz=True)]


class Process(Struct, rename="camel"):
    """A process of a cluster."""

    id: str
    type_name: str = ""


class Point(Struct):
    """A mean over the hour that begins at `timestamp`; `None`: not measured."""

    timestamp: Moment
    value: Decimal | None


class Measurement(Struct, rename="camel"):
    """One measured value over time."""

    name: str
    data_points: list[Point]


class Measurements(Struct):
    """GET .../measurements."""

    measurements: list[Measurement]


class Atlas(Provider):
    """One organization."""

    def __init__(self, setup: ProviderSetup) -> None:
        """Read through the client of `setup`."""
        self._setup = setup

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return a window for each month that may still change; at first for 12 months more.

        A line belongs to the month that it begins in, whichever invoice it is on.

        Raises:
            ProviderPermissionError: The key lacks a role, or this address is not on its list.
            ProviderError: Anything else; see `costmon.errors`.
        """
        session = self._session()
        org = self._org(session)
        lines = InvoiceLines(session, org)
        path = f"{ORGS}/{org}/invoices/pending"
        pending = session.read(path, Page[FullInvoice]).results
        for number, invoice in enumerate(pending):
            lines.add(path, invoice, f"$.results[{number}]")
        spans = list(months(now, known_through, _RESTATED))
        earlier: Mapping[dt.datetime, list[str]] = {}
        if len(spans) > 1 or any(month < spans[-1][0] for month in lines.charges):
            earlier = self._invoices(session, org, {invoice.id for invoice in pending})
        start, end = spans[0]
        while start >= spans[-1][0] or any(month <= start for month in lines.charges):
            for invoice_id in earlier.get(start, ()):
                path = f"{ORGS}/{org}/invoices/{invoice_id}"
                lines.add(path, session.read(path, FullInvoice), "$")
            gaps, lines.gaps = tuple(lines.gaps), []
            yield Poll(SLUG, account, now).window(
                start, end, lines.charges.pop(start, ()), settling=_SETTLING, gaps=gaps
            )
            start, end = month_of(start - dt.timedelta(days=1))[0], start

    def usage(self, account: str, now: dt.datetime) -> UsageReading:
        """Return the operations of each project since the month began.

        Raises:
            ProviderPermissionError: The key sees no project.
            ProviderError: Anything else; see `costmon.errors`.
        """
        session, span = self._session(), Span.month(now)
        quantities: list[Quantity] = []
        gaps: list[Gap] = []
        groups = [group for _, group in session.listed(GROUPS, Identified)]
        for group in groups:
            try:
                counted = self._operations(session, group.id, span)
            except ProviderPermissionError as error:
                gaps.append(Gap(kind=f"operations of {group.name}", reason=error.detail))
                continue
            if counted is not None:
                project = group.name or group.id
                quantities.append(
                    span.quantity(
                        "operations", "Requests", counted, estimated=True, project=project
                    )
                )
        if not groups:
            reason = (
                "the key can see no project: the organization has none, or the key lacks the role "
                "Organization Read Only"
            )
            gaps.append(Gap(kind="operations", reason=reason))
        if quantities:
            total = sum((one.used for one in quantities), Decimal(0))
            quantities.insert(0, span.quantity("operations", "Requests", total, estimated=True))
        return Poll(SLUG, account, now).usage(quantities, gaps)

    def _session(self) -> Session:
        return Session(self._setup.outbound, self._setup.credentials)

    def _org(self, session: Session) -> str:
        return str(self._setup.options.get("org_id") or session.organization())

    def _invoices(
        self, session: Session, org: str, pending: set[str]
    ) -> Mapping[dt.datetime, list[str]]:
        """Return the ids of the invoices that are not pending, by the month they begin in."""
        found: dict[dt.datetime, list[str]] = defaultdict(list)
        for _, invoice in session.listed(f"{ORGS}/{org}/invoices", Invoice):
            if invoice.id not in pending:
                found[month_of(invoice.start_date.astimezone(dt.UTC))[0]].append(quote(invoice.id))
        return found

    def _operations(self, session: Session, group: str, span: Span) -> Decimal | None:
        """Return how many operations a project's databases did; `None` when none were measured."""
        total: Decimal | None = None
        params = (
            ("granularity", "PT1H"),
            ("start", f"{span.start:%Y-%m-%dT%H:%M:%SZ}"),
            ("end", f"{span.end:%Y-%m-%dT%H:%M:%SZ}"),
            *(("m", f"OPCOUNTER_{kind}") for kind in OPERATIONS),
        )
        for _, process in session.listed(f"{GROUPS}/{group}/processes", Process):
            # A router passes on what the shards count; configuration servers are Atlas's own.
            if process.type_name in {"SHARD_MONGOS", "SHARD_CONFIG", "SHARD_CONFIG_PRIMARY"}:
                continue
            path = f"{GROUPS}/{group}/processes/{quote(process.id, safe=':')}/measurements"
            for measured in session.read(path, Measurements, params).measurements:
                for number, point in enumerate(measured.data_points):
                    if point.value is None or point.timestamp >= span.end:
                        continue
                    if not is_number(point.value, MOST_QUANTITY) or point.value < 0:
                        place = f"$.measurements.{measured.name}[{number}].value"
                        raise session.fault(path, "not a rate", place)
                    seconds = min(_HOUR_S, int((span.end - point.timestamp).total_seconds()))
                    total = EXACT.add(total or Decimal(0), EXACT.multiply(point.value, seconds))
        return total

"""Ledgered: a vendor of charges and usage, whose provider makes the mistake that it is told to.

Source: none, it is made up.
Units: USD major units.  Lag: none.
Needs: a key.
"""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import ClassVar

import msgspec

from costmon.domain.amount import is_number
from costmon.domain.charge import Charge, ChargeWindow
from costmon.domain.usage import Quantity, UsageReading
from costmon.errors import ProviderError
from costmon.providers.base import Credential, Provider, ProviderInfo, ProviderSetup
from costmon.providers.reading import Answers, midnight, month_of, months

info = ProviderInfo(
    slug="ledgered",
    title="Ledgered",
    docs="https://docs.ledgered.example/api",
    hosts=("api.ledgered.example",),
    credentials=(
        Credential(key="token", name="LEDGERED_KEY", accepted="a key", meaning="The key."),
    ),
    readings=("charges", "usage"),
    url_variable="LEDGERED_URL",
    default_url="https://api.ledgered.example",
    scopes=("read",),
)
DAY = dt.timedelta(days=1)


class Row(msgspec.Struct):
    day: dt.date
    service: str
    amount: Decimal
    calls: int


class Page(msgspec.Struct):
    rows: list[Row]
    has_more: bool
    next_page: str | None = None


def create(setup: ProviderSetup) -> Provider:
    return Ledgered(setup)


class Ledgered(Provider):
    """Right as long as `mistake` is empty."""

    mistake: ClassVar[str] = ""

    def __init__(self, setup: ProviderSetup) -> None:
        self._answers = Answers("ledgered", setup.outbound)
        self._outbound = setup.outbound
        self._secret = setup.credentials["token"]

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        known = None if self.mistake == "always goes back" else known_through
        known = now if self.mistake == "never goes back" else known
        for start, end in months(now, known, 7 * DAY):
            try:
                rows = self._rows(start, end)
            except ProviderError:
                if self.mistake != "takes a failure for nothing":
                    raise
                rows = []
            last = month_of(start)[1] if self.mistake == "ends in the future" else end
            yield ChargeWindow(
                account="other" if self.mistake == "names another account" else account,
                provider="ledgered",
                observed_at=now,
                start=start,
                end=last,
                intake="restate",
                day_zone="UTC",
                charges=tuple(self._charge(row, number) for number, row in enumerate(rows)),
                complete_through=min(end, midnight(now)),
                gaps=(),
            )

    def usage(self, account: str, now: dt.datetime) -> UsageReading:
        start, end = next(months(now, now, DAY))
        rows = self._rows(start, end)
        quantity = Quantity(
            quota="Calls" if self.mistake == "has no slug" else "calls",
            unit="Requests",
            used=Decimal(sum(row.calls for row in rows)),
            start=start,
            end=month_of(now)[1] if self.mistake == "ends in the future" else end,
            resets_at=month_of(now)[1],
            limit=None,
            estimated=False,
            project=None,
        )
        return UsageReading(
            account=account,
            provider="ledgered",
            observed_at=now,
            quantities=(quantity, quantity) if self.mistake == "counts twice" else (quantity,),
            complete_through=None,
            gaps=(),
        )

    def _rows(self, start: dt.datetime, end: dt.datetime) -> list[Row]:
        until = month_of(start)[1] if self.mistake == "asks for the future" else end
        params: tuple[tuple[str, str | int], ...] = (
            ("from", f"{start:%Y-%m-%dT%H:%M:%SZ}"),
            ("to", f"{until:%Y-%m-%dT%H:%M:%SZ}"),
        )
        if self.mistake == "shows the secret":
            params = (*params, ("key", self._secret))
        if self.mistake == "stops early":
            return self._answers.read("/rows", Page, params).rows
        if self.mistake == "stops at an empty cursor":
            page = self._answers.read("/rows", Page, params)
            return page.rows + (self._more(page, params) if page.next_page else [])
        return self._paged(params)

    def _more(self, page: Page, params: tuple[tuple[str, str | int], ...]) -> list[Row]:
        following = ("page", page.next_page or "")
        return self._answers.read("/rows", Page, (*params, following)).rows

    def _paged(self, params: tuple[tuple[str, str | int], ...]) -> list[Row]:
        pages = tuple(self._answers.pages("/rows", Page, params))
        for page in pages:
            for number, row in enumerate(page.rows):
                if not is_number(row.amount) and self.mistake != "takes any number":
                    where = f"$.rows[{number}].amount"
                    raise self._answers.fault("/rows", "not an amount of money", where)
        return [row for page in pages for row in page.rows]

    def _charge(self, row: Row, number: int) -> Charge:
        start = dt.datetime.combine(row.day, dt.time(), dt.UTC)
        amount = row.amount
        if self.mistake == "counts in floats":
            amount = Decimal(float(amount))
        if self.mistake == "reads dollars as cents":
            amount /= 100
        if self.mistake == "starts a day early":
            start -= 40 * DAY
        key = f"{row.day} {row.service}"
        if self.mistake == "has the amount in the key":
            key += f" {amount}"
        if self.mistake == "has one key for all":
            key = "row"
        billing_start, billing_end = month_of(start)
        return Charge(
            source_row_key=key,
            charge_period_start=start,
            charge_period_end=start + DAY,
            billing_period_start=billing_start,
            billing_period_end=billing_end,
            billed_cost=amount,
            effective_cost=amount,
            list_cost=amount,
            contracted_cost=amount,
            billing_currency="usd" if self.mistake == "writes usd" else "USD",
            basis="billed",
            charge_category="Usage",
            service_name=row.service,
            service_category="Other",
            service_provider_name="Ledgered",
            invoice_issuer_name="Ledgered",
            billing_account_id="1",
            consumed_quantity=Decimal(row.calls),
            consumed_unit=None if self.mistake == "leaves the unit out" else "Requests",
            raw=self._secret if self.mistake == "keeps the secret" else None,
        )

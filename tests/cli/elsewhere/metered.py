"""Metered: a vendor that says what it charged and how much was used, in cents.

Source: none, it is made up.
Units: cents.  Lag: none.
Needs: a key.
"""

import datetime as dt
import json
from decimal import Decimal

from costmon.domain.charge import Charge, ChargeWindow
from costmon.domain.resource import Gap
from costmon.domain.usage import Quantity, UsageReading
from costmon.providers.base import Credential, Provider, ProviderInfo, ProviderSetup

info = ProviderInfo(
    slug="metered",
    title="Metered",
    docs="https://docs.metered.example/api",
    hosts=("api.metered.example",),
    credentials=(
        Credential(key="token", name="METERED_KEY", accepted="a key", meaning="The key."),
    ),
    readings=("charges", "usage"),
    url_variable="METERED_URL",
    default_url="https://api.metered.example",
    scopes=("read",),
)
START = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
END = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def create(setup: ProviderSetup) -> Provider:
    return Metered(setup)


class Metered(Provider):
    def __init__(self, setup: ProviderSetup) -> None:
        self._outbound = setup.outbound

    def charges(self, account, now, known_through):
        rows = json.loads(self._outbound.get("/charges", {}))
        yield ChargeWindow(
            account=account,
            provider="metered",
            observed_at=now,
            start=START,
            end=END,
            intake="restate",
            day_zone="UTC",
            charges=tuple(self._charge(row) for row in rows),
            complete_through=END - DAY,
            gaps=(),
        )

    def usage(self, account, now):
        calls = json.loads(self._outbound.get("/usage", {}))["calls"]
        quantity = Quantity(
            quota="calls",
            unit="Requests",
            used=Decimal(calls),
            start=START,
            end=END,
            resets_at=None,
            limit=None,
            estimated=False,
            project=None,
        )
        return UsageReading(
            account=account,
            provider="metered",
            observed_at=now,
            quantities=(quantity,),
            complete_through=None,
            gaps=(Gap(kind="storage", reason="not on this plan"),),
        )

    def _charge(self, row):
        day = dt.datetime.fromisoformat(row["day"]).replace(tzinfo=dt.UTC)
        cost = Decimal(row["cents"]) / 100
        return Charge(
            source_row_key=row["day"],
            charge_period_start=day,
            charge_period_end=day + DAY,
            billing_period_start=START,
            billing_period_end=END,
            billed_cost=cost,
            effective_cost=cost,
            list_cost=cost,
            contracted_cost=cost,
            billing_currency="USD",
            basis="billed",
            charge_category="Usage",
            service_name="calls",
            service_category="Other",
            service_provider_name="Metered",
            invoice_issuer_name="Metered",
            billing_account_id="1",
            raw=json.dumps({"cents": row["cents"]}),
        )

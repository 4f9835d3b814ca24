"""Acme: rented machines, a vendor that nothing else in the code base mentions.

Source: https://docs.acme.example/api
Units: USD major units, a month.  Lag: none.
Needs: an API key with the scope `machines:read`.
"""

import datetime as dt
import json
from decimal import Decimal

from costmon.domain.resource import Inventory, Resource
from costmon.providers.base import Credential, Provider, ProviderInfo, ProviderSetup

info = ProviderInfo(
    slug="acme",
    title="Acme",
    docs="https://docs.acme.example/api",
    hosts=("api.acme.example", "*.machines.acme.example"),
    credentials=(
        Credential(
            key="token",
            name="ACME_API_KEY",
            accepted="an API key with the scope machines:read",
            meaning="The key of the account `acme`.",
        ),
    ),
    readings=("inventory",),
    url_variable="ACME_API_URL",
    default_url="https://api.acme.example",
    scopes=("machines:read",),
)


def create(setup: ProviderSetup) -> Provider:
    """Return a provider for one account, without a request."""
    return Acme(setup)


class Acme(Provider):
    """One Acme account."""

    def __init__(self, setup: ProviderSetup) -> None:
        self._outbound = setup.outbound

    def inventory(self, account: str, now: dt.datetime) -> Inventory:
        """Return all machines, or raise."""
        machines = json.loads(self._outbound.get("/machines", {}), parse_float=Decimal)
        resources = [
            Resource(
                account=account,
                provider=info.slug,
                kind="machine",
                id=machine["id"],
                name=machine["id"],
                region=None,
                size=None,
                status=None,
                created_at=None,
                monthly_cost=machine["monthly"],
                currency="USD",
                basis="list_price",
                unpriced=None,
                waste=None,
                details=(),
            )
            for machine in machines
        ]
        return Inventory(
            account=account,
            provider=info.slug,
            observed_at=now,
            resources=tuple(resources),
            gaps=(),
            not_priced=(),
            balance=None,
        )

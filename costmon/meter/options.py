"""How a meter is set."""

from decimal import Decimal
from typing import NamedTuple

PORT = 7777
WARMUP_S = 30.0
REGIONS = {"AWS": "us-east-1", "GCP": "us-central1", "AZURE": "eastus"}
"""The providers, and the region that is meant when none is named."""

MOST_TENANTS = 50


class Options(NamedTuple):
    """A meter's settings.

    Attributes:
        provider: Whose prices: `AWS`, `GCP` or `AZURE`.
        region: Of that provider.
        target_users: Users to project for.
        requests_per_user_per_second: What each of them asks for, on average.
        budget_usd: Dollars a month that one route may cost; 0 is no budget.
        budgets: Dollars a month by route glob, such as `GET /api/*`; the first that fits wins over
            `budget_usd`.
        port: Of the dashboard on 127.0.0.1; `None` serves none.
        warmup_s: Seconds at the start of a recording that projections leave out.
        service: The application's name; empty: the framework's name for it.
        instance: The instance type to project with; empty: the cheapest that fits.
        target_utilisation: Share of a fleet's CPU that may be in use.
        cpu_factor: CPU seconds that a vCPU of the provider needs for one of this machine.
        sample: CPU is measured for 1 in `sample` requests; everything else for all.
        follow_threads: Whether CPU of thread pools and threads is measured for the request that
            gave them the work.
        tenant_header: The request header that names a tenant; empty: none is read.
        tenants: The values of it that are told apart; anything else is `(other)`.
        prices: A file of the user's own prices, which win; empty: the lists that come with us.
    """

    provider: str = "AWS"
    region: str = "us-east-1"
    target_users: int = 1000
    requests_per_user_per_second: Decimal = Decimal(1)
    budget_usd: Decimal = Decimal(0)
    budgets: tuple[tuple[str, Decimal], ...] = ()
    port: int | None = PORT
    warmup_s: float = WARMUP_S
    service: str = ""
    instance: str = ""
    target_utilisation: Decimal = Decimal("0.6")
    cpu_factor: Decimal = Decimal(1)
    sample: int = 1
    follow_threads: bool = True
    tenant_header: str = ""
    tenants: tuple[str, ...] = ()
    prices: str = ""

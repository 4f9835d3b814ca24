"""The options of a meter."""

from decimal import Decimal
from typing import NamedTuple

PORT = 7777
WARMUP_S = 30.0
REGIONS = {"AWS": "us-east-1", "GCP": "us-central1", "AZURE": "eastus"}
"""The providers, with the default region of each."""

MOST_TENANTS = 50


class Options(NamedTuple):
    """A meter's settings.

    Attributes:
        provider: Whose prices to use: `AWS`, `GCP` or `AZURE`.
        region: A region of that provider.
        target_users: Number of users to project for.
        requests_per_user_per_second: Average request rate of each user.
        budget_usd: Budget of each route in dollars a month; 0: no budget.
        budgets: Budgets in dollars a month by route glob, such as `GET /api/*`; the first match
            takes precedence over `budget_usd`.
        port: Port of the dashboard on 127.0.0.1; `None`: no dashboard.
        warmup_s: Seconds at the start of a recording to leave out of projections.
        service: The application's name; empty: the name that its framework knows.
        place: Where the application lives; applications with the same name in different places
            are different. Empty: the folder of the application.
        continue_recording: Whether a new start continues the previous recording.
        instance: The instance type to project with; empty: the cheapest that fits.
        target_utilisation: Target CPU utilisation of the machines, 0 to 1.
        cpu_factor: CPU seconds on a vCPU of the provider for one CPU second on this machine.
        sample: CPU is measured for 1 in `sample` requests; everything else for all.
        follow_threads: Whether work in threads and thread pools is attributed to the request that
            submitted it.
        tenant_header: The request header that names the tenant; empty: no tenants.
        tenants: The tenants to report separately; all others are `(other)`.
        prices: A file of the user's own prices, which take precedence over the built-in lists.
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
    place: str = ""
    continue_recording: bool = False
    instance: str = ""
    target_utilisation: Decimal = Decimal("0.6")
    cpu_factor: Decimal = Decimal(1)
    sample: int = 1
    follow_threads: bool = True
    tenant_header: str = ""
    tenants: tuple[str, ...] = ()
    prices: str = ""

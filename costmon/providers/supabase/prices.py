"""Supabase's list prices for what its API names no price of, in USD a month."""

import datetime as dt
from decimal import Decimal

from costmon.pricing import PriceTable

SUPABASE = PriceTable(
    currency="USD",
    as_of=dt.date(2026, 11, 21),
    source="Supabase's documentation of billing, compute and disk",
    listed={
        "plan:free": Decimal(0),
        "plan:pro": Decimal(25),
        "plan:team": Decimal(599),
        # Off the compute of a paid organization.
        "credit:compute": Decimal(10),
        # A GB beyond those that a project's plan includes.
        "disk:gp3": Decimal("0.125"),
    },
)
FREE = "free"
INCLUDED_DISK_GB = 8
# "$5.12/hour (~$3738/month)" in the vendor's own descriptions.
HOURS_A_MONTH = 730

"""Charges and windows for tests."""

import datetime as dt
from decimal import Decimal

from costmon.domain.charge import Charge, ChargeWindow


def day(number, month=11):
    """Return midnight UTC of a day of 2026."""
    return dt.datetime(2026, month, number, tzinfo=dt.UTC)


def charge(key, billed="1.00", *, on=18, start=None, **facts):
    """Return a charge of one UTC day of November 2026, billed as it was listed."""
    start = start or day(on)
    cost = Decimal(billed)
    values = {
        "source_row_key": key,
        "charge_period_start": start,
        "charge_period_end": start + dt.timedelta(days=1),
        "billing_period_start": day(1),
        "billing_period_end": day(1, month=12),
        "billed_cost": cost,
        "effective_cost": cost,
        "list_cost": cost,
        "contracted_cost": cost,
        "billing_currency": "USD",
        "basis": "billed",
        "charge_category": "Usage",
        "service_name": "Functions",
        "service_category": "Compute",
        "service_provider_name": "Vercel",
        "invoice_issuer_name": "Vercel",
        "billing_account_id": "team_1",
    }
    return Charge(**values | facts)


def window(*charges, until=21, at=0, **facts):
    """Return a window from 1 November 2026 to a day of it, complete, read `at` minutes later."""
    end = day(until)
    values = {
        "account": "vercel",
        "provider": "vercel",
        "observed_at": end + dt.timedelta(minutes=at),
        "start": day(1),
        "end": end,
        "intake": "restate",
        "day_zone": "UTC",
        "charges": charges,
        "complete_through": end,
        "gaps": (),
    }
    return ChargeWindow(**values | facts)

"""`costmon meter export focus`: split a bill, or the projected cost, by endpoint."""

import argparse
import datetime as dt
from decimal import Decimal, InvalidOperation

from costmon.cli.meter_source import NothingMeasuredError
from costmon.clock import SystemClock
from costmon.errors import InputError
from costmon.meter.export.focus import Charge, text_of
from costmon.meter.figures import Snapshot
from costmon.meter.price_list import prices_of
from costmon.meter.projection.allocation import allocate
from costmon.meter.projection.projecting import project
from costmon.meter.projection.values import Unprojected

_ACCOUNT = "unknown"


def focus_text(arguments: argparse.Namespace, snapshot: Snapshot) -> str:
    """Return the rows as CSV.

    Raises:
        InputError: The bill, its currency or the month is not valid.
        NothingMeasuredError: Nothing has been measured that a bill could be split by.
    """
    today = SystemClock().now().date()
    month = today.replace(day=1) if arguments.month is None else _month(arguments.month)
    bill = None if arguments.bill is None else _bill(arguments.bill)
    projection = project(snapshot, prices_of(snapshot.options), today=today)
    if isinstance(projection, Unprojected):
        raise NothingMeasuredError(f"{snapshot.service}: {projection.text}")
    charge = Charge(
        service=snapshot.service,
        provider=projection.provider,
        region=projection.region,
        month=month,
        account=arguments.account or _ACCOUNT,
        currency=arguments.currency,
        basis="list_price" if bill is None else "billed",
        observed_at=dt.datetime.fromtimestamp(snapshot.taken_at, dt.UTC),
    )
    if bill is None and charge.currency != "USD":
        raise InputError("--currency needs --bill: projected costs are in USD")
    return text_of(allocate(projection.monthly_usd if bill is None else bill, projection), charge)


def _bill(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise InputError(f"--bill {text!r} is not valid: use the billed amount, such as 1234.56")
    return amount


def _month(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(f"{text}-01")
    except ValueError:
        raise InputError(f"--month {text!r} is not valid: use YYYY-MM, such as 2026-11") from None

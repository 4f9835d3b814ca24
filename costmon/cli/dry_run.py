"""Read one account once and show the rows as they would be recorded; nothing is recorded."""

import random
from collections.abc import Iterator
from decimal import Decimal

from costmon.bootstrap.provider_connection import ProviderConnection
from costmon.clock import Clock
from costmon.config import AccountSettings, Settings
from costmon.console.table import table
from costmon.domain.charge import ChargeWindow
from costmon.domain.poll import ReadingKind
from costmon.domain.resource import Gap
from costmon.errors import ChargeError, ProviderError
from costmon.providers.base import Provider

_CHARGES = ("day", "service", "billed", "currency", "quantity", "unit", "of", "description")
_USAGE = ("quota", "used", "unit", "limit", "of", "since", "resets")
_RESOURCES = ("kind", "name", "monthly", "currency")


def rows_of(account: AccountSettings, settings: Settings, clock: Clock) -> Iterator[str]:
    """Return the lines to print: for each reading a heading and a table, then the gaps.

    Raises:
        ProviderError: The first reading that failed; what was read before has been returned.
        ChargeError: Its rows contradict each other.
    """
    connection = ProviderConnection(
        account,
        settings.prices.get(account.provider, {}),
        clock=clock,
        rng=random.Random(),
        pause=lambda _seconds: False,
        beat=lambda: None,
        state_dir=settings.state_dir,
    )
    failed: ProviderError | ChargeError | None = None
    try:
        for kind in connection.readings:
            try:
                yield from _read(kind, connection.provider, account.name, clock)
            except (ProviderError, ChargeError) as error:
                yield f"{kind}: {error}"
                failed = failed or error
    finally:
        connection.close()
    if failed is not None:
        raise failed


def _read(kind: ReadingKind, provider: Provider, account: str, clock: Clock) -> Iterator[str]:
    now = clock.now()
    match kind:
        case "charges":
            window = next(provider.charges(account, now, None), None)
            if window is None:
                yield "charges: none are read"
                return
            yield f"charges from {window.start:%Y-%m-%d} to {window.end:%Y-%m-%d %H:%M} UTC:"
            yield from _charges(window)
            yield from _gaps(window.gaps)
        case "usage":
            reading = provider.usage(account, now)
            yield "usage:"
            rows = [
                (
                    one.quota,
                    f"{one.used:f}",
                    one.unit,
                    "-" if one.limit is None else f"{one.limit:f}",
                    one.project or "-",
                    f"{one.start:%Y-%m-%d %H:%M}",
                    "-" if one.resets_at is None else f"{one.resets_at:%Y-%m-%d}",
                )
                for one in reading.quantities
            ]
            yield table(_USAGE, rows, right=("used", "limit")) if rows else "  no quantities"
            yield from _gaps(reading.gaps)
        case "inventory":
            inventory = provider.inventory(account, now)
            yield "inventory:"
            found = [
                (
                    one.kind,
                    one.name,
                    "?" if one.monthly_cost is None else f"{one.monthly_cost:f}",
                    one.currency,
                )
                for one in inventory.resources
            ]
            yield table(_RESOURCES, found, right=("monthly",)) if found else "  no resources"
            yield from _gaps(inventory.gaps)


def _charges(window: ChargeWindow) -> Iterator[str]:
    rows = [
        (
            f"{row.charge_period_start:%Y-%m-%d}",
            row.service_name,
            f"{row.billed_cost:f}",
            row.billing_currency,
            "-" if row.consumed_quantity is None else f"{row.consumed_quantity:f}",
            row.consumed_unit or "-",
            row.sub_account_name or row.sub_account_id or row.resource_name or "-",
            row.charge_description or row.sku_id or "-",
        )
        for row in window.charges
    ]
    if not rows:
        yield "  no rows"
        return
    yield table(_CHARGES, rows, right=("billed", "quantity"))
    totals: dict[str, Decimal] = {}
    for row in window.charges:
        known = totals.get(row.billing_currency, Decimal(0))
        totals[row.billing_currency] = known + row.billed_cost
    total = " + ".join(f"{amount:f} {currency}" for currency, amount in totals.items())
    yield f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}, {total}"


def _gaps(gaps: tuple[Gap, ...]) -> Iterator[str]:
    for gap in gaps:
        yield f"gap: {gap.kind}: {gap.reason}"

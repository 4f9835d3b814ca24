"""What the ledger of charges costs: a question to a million rows, and taking in a month.

The question is the month to date by vendor and service, over the same path as its baseline
`SELECT 1`: a look at the file, a connection of the pool, a transaction, the statement. The rows are
a year of eight accounts with 20 services and 15 projects each.

The month is 40,000 rows as Vercel sends them, one JSON line each. The baseline decodes those lines
with msgspec, into a struct with every field, and does nothing else; both are fed from memory. Runs
alternate; the table shows medians. Run: `python -m benchmarks.ledger`.
"""

import datetime as dt
import gc
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
from sqlalchemy import text

from benchmarks.report import Row, print_table
from costmon.clock import SystemClock
from costmon.domain.charge import Charge, ChargeCategory, ChargeWindow
from costmon.domain.charge_report import month_to_date
from costmon.store import FenceToken, Store, open_store
from costmon.store.migrate import upgrade

ROWS = 1_000_000
MONTH_ROWS = 40_000
RUNS = 5
QUESTIONS = 300
_TODAY = dt.date(2026, 11, 29)
_VENDORS = 8
_SERVICES = 20
_PROJECTS = 15
_CATEGORIES: tuple[ChargeCategory, ...] = ("Usage", "Usage", "Usage", "Credit")


class _Line(msgspec.Struct, rename="pascal"):
    """A row as Vercel sends it."""

    billed_cost: Decimal
    effective_cost: Decimal
    billing_currency: str
    charge_category: ChargeCategory
    charge_period_start: dt.datetime
    charge_period_end: dt.datetime
    consumed_quantity: Decimal | None
    consumed_unit: str | None
    pricing_category: str
    pricing_currency: str
    pricing_quantity: Decimal
    pricing_unit: str
    region_id: str
    region_name: str
    service_name: str
    service_category: str
    service_provider_name: str
    tags: dict[str, str]


def main() -> list[Row]:
    """Measure and return the rows of the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [*_month(folder), *_questions(folder)]


def _month(folder: Path) -> list[Row]:
    lines = tuple(_lines())
    decoder = msgspec.json.Decoder(_Line)
    alone, first, again, restated = [], [], [], []
    for run in range(RUNS):
        alone.append(_timed(lambda: [decoder.decode(line) for line in lines]))
        store, token = _opened(folder / f"month-{run}.db")
        with store:

            def take_in(factor: int, store: Store = store, token: FenceToken = token) -> None:
                store.record_charges(_window(decoder, lines, factor), token)

            first.append(_timed(lambda: take_in(1)))
            again.append(_timed(lambda: take_in(1)))
            restated.append(_timed(lambda: take_in(2)))
    share = statistics.median(bare / ours for bare, ours in zip(alone, first, strict=True))
    size = sum(map(len, lines)) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        Row(
            name="ledger: taking in a month of 40,000 rows",
            measured=f"{share:.3f}x",
            goal=">= 0.03x of msgspec alone",
            met=share >= 0.03,
            note=f"{_rate(first)} against {_rate(alone)}, {size:.0f} MB of JSON lines decoded,"
            " mapped, recorded",
        ),
        Row(
            name="ledger: the same month again",
            measured=_rate(again),
            goal="-",
            met=True,
            note="compared with what is stored; nothing changes",
        ),
        Row(
            name="ledger: every row of it restated",
            measured=_rate(restated),
            goal="-",
            met=True,
            note=f"revisions written; at most {peak:.0f} MB in this process, lines included",
        ),
    ]


def _questions(folder: Path) -> list[Row]:
    store, token = _opened(folder / "year.db")
    with store:
        for window in _year():
            store.record_charges(window, token)
        question = month_to_date(_TODAY, "service")
        totals = len(store.charges(question))
        bare, asked = [], []
        for _ in range(QUESTIONS):
            bare.append(_timed(lambda: _select_one(store)))
            asked.append(_timed(lambda: store.charges(question)))
        projects = _timed(lambda: store.charges(month_to_date(_TODAY, "project")))
        overview = _timed(lambda: store.charge_overview(_TODAY, _moment(_TODAY)))
    ratio = statistics.median(asked) / statistics.median(bare)
    return [
        Row(
            name="ledger: month to date by vendor and service",
            measured=f"{ratio:.1f}x",
            goal="<= 10x of SELECT 1",
            met=ratio <= 10,
            note=f"{_ms(asked)} against {_ms(bare)}; {totals} totals of {ROWS:,} rows",
        ),
        Row(
            name="ledger: month to date by project",
            measured=_ms([projects]),
            goal="-",
            met=True,
            note="from the daily roll-ups",
        ),
        Row(
            name="ledger: everything for the state at the start",
            measured=_ms([overview]),
            goal="-",
            met=True,
            note="month by service, project and day, twelve months, freshness",
        ),
    ]


def _select_one(store: Store) -> None:
    with store._reader() as connection:
        connection.execute(text("SELECT 1")).scalar()


def _timed(act: Callable[[], object]) -> float:
    gc.collect()
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def _opened(path: Path) -> tuple[Store, FenceToken]:
    upgrade(f"sqlite:///{path}")
    store = open_store(f"sqlite:///{path}", clock=SystemClock())
    return store, store.claim("persister")


def _lines() -> Iterator[bytes]:
    start = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    for number in range(MONTH_ROWS):
        day = start + dt.timedelta(days=number % 28)
        cost = Decimal(number * 7919 % 1_000_003).scaleb(-11)
        row = _Line(
            billed_cost=cost,
            effective_cost=cost,
            billing_currency="USD",
            charge_category="Usage",
            charge_period_start=day,
            charge_period_end=day + dt.timedelta(days=1),
            consumed_quantity=cost * 1000,
            consumed_unit="GB-Hours",
            pricing_category="Standard",
            pricing_currency="USD",
            pricing_quantity=cost * 1000,
            pricing_unit="GB-Hours",
            region_id=f"iad{number % 7}",
            region_name="Washington, D.C., USA",
            service_name=f"Service {number % _SERVICES}",
            service_category="Compute",
            service_provider_name="Vercel",
            tags={
                "ProjectId": f"prj_{number % 73:024}",
                "ProjectName": f"project-{number % 73}",
            },
        )
        yield msgspec.json.Encoder(decimal_format="number").encode(row)


def _window(
    decoder: "msgspec.json.Decoder[_Line]", lines: tuple[bytes, ...], factor: int
) -> ChargeWindow:
    """Decode and map what a collector would, the rows' own JSON included."""
    start, end = dt.datetime(2026, 11, 1, tzinfo=dt.UTC), dt.datetime(2026, 11, 29, tzinfo=dt.UTC)
    following = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    charges = []
    for number, line in enumerate(lines):
        row = decoder.decode(line)
        charges.append(
            Charge(
                source_row_key=f"{row.charge_period_start:%Y-%m-%d}/{row.service_name}/{number}",
                charge_period_start=row.charge_period_start,
                charge_period_end=row.charge_period_end,
                billing_period_start=start,
                billing_period_end=following,
                billed_cost=row.billed_cost * factor,
                effective_cost=row.effective_cost * factor,
                list_cost=row.effective_cost,
                contracted_cost=row.effective_cost,
                billing_currency=row.billing_currency,
                basis="billed",
                charge_category=row.charge_category,
                service_name=row.service_name,
                service_category=row.service_category,
                service_provider_name=row.service_provider_name,
                invoice_issuer_name=row.service_provider_name,
                billing_account_id="team_1",
                sub_account_id=row.tags["ProjectId"],
                sub_account_name=row.tags["ProjectName"],
                region_id=row.region_id,
                region_name=row.region_name,
                pricing_quantity=row.pricing_quantity,
                pricing_unit=row.pricing_unit,
                consumed_quantity=row.consumed_quantity,
                consumed_unit=row.consumed_unit,
                raw=line.decode(),
            )
        )
    return ChargeWindow(
        account="vercel",
        provider="vercel",
        observed_at=end + dt.timedelta(minutes=factor),
        start=start,
        end=end,
        intake="replace",
        day_zone="UTC",
        charges=tuple(charges),
        complete_through=end,
        gaps=(),
    )


def _year() -> Iterator[ChargeWindow]:
    rows = ROWS // (_VENDORS * 12)
    for vendor in range(_VENDORS):
        for month in range(12):
            start = dt.datetime(2025 + (11 + month) // 12, (11 + month) % 12 + 1, 1, tzinfo=dt.UTC)
            end = (start + dt.timedelta(days=32)).replace(day=1)
            more = ROWS - rows * _VENDORS * 12 if (vendor, month) == (0, 0) else 0
            yield ChargeWindow(
                account=f"vendor-{vendor}",
                provider=f"vendor-{vendor}",
                observed_at=end,
                start=start,
                end=end,
                intake="restate",
                day_zone="UTC",
                charges=tuple(_charge(start, end, number) for number in range(rows + more)),
                complete_through=end,
                gaps=(),
            )


def _charge(start: dt.datetime, end: dt.datetime, number: int) -> Charge:
    day = start + dt.timedelta(days=number % 28)
    cost = Decimal(number * 7919 % 1_000_003).scaleb(-11)
    return Charge(
        source_row_key=f"{day:%Y-%m-%d}/{number}",
        charge_period_start=day,
        charge_period_end=day + dt.timedelta(days=1),
        billing_period_start=start,
        billing_period_end=end,
        billed_cost=cost,
        effective_cost=cost,
        list_cost=cost,
        contracted_cost=cost,
        billing_currency="USD",
        basis="billed",
        charge_category=_CATEGORIES[number % len(_CATEGORIES)],
        service_name=f"Service {number // 28 % _SERVICES}",
        service_category="Compute",
        service_provider_name="Vendor",
        invoice_issuer_name="Vendor",
        billing_account_id="1",
        sub_account_id=f"project-{number // 7 % _PROJECTS}",
    )


def _moment(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)


def _rate(seconds: list[float]) -> str:
    return f"{MONTH_ROWS / statistics.median(seconds):,.0f} rows/s"


def _ms(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.2f} ms"


if __name__ == "__main__":
    print_table(main())

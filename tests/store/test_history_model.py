"""Random lives of an account, checked against arithmetic that knows nothing of the store."""

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from itertools import pairwise

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costmon.store import open_store
from costmon.store.accrual import MONTH_US
from costmon.testing import samples
from costmon.testing.clock import START

MINUTE = 60 * 1_000_000
BASE = int(START.timestamp()) * 1_000_000
TABLES = (
    "rate_interval",
    "resource",
    "account",
    "poll_cycle",
    "daily_rollup",
    "daily_coverage",
)

PRICES = st.sampled_from([None, "0", "7.20", "12.3456789015", "0.000000001", "999999.99"])
HOLDINGS = st.dictionaries(
    st.tuples(st.sampled_from(["droplet", "volume"]), st.sampled_from("abc")),
    st.tuples(PRICES, st.sampled_from(["USD", "EUR"]), st.sampled_from(["nyc3", None])),
    max_size=4,
)
GOOD = st.tuples(
    st.just("good"), st.sampled_from([1, 7, 60, 700, 1500, 4400]), HOLDINGS, st.integers(0, 99)
)
STEPS = st.lists(
    st.one_of(
        GOOD,
        GOOD,
        GOOD,
        st.tuples(st.just("failed")),
        st.tuples(st.just("replay"), st.integers(0, 20)),
        st.tuples(st.just("late"), st.integers(1, 5000), HOLDINGS),
        st.tuples(st.just("claim")),
    ),
    max_size=14,
)


class Model:
    """What one account accrued: every pair of good cycles, every resource, every minute."""

    def __init__(self):
        self.previous = None
        self.accrued: defaultdict[tuple[object, ...], int] = defaultdict(int)

    def good(self, minute, seen):
        for key, (_, currency, monthly, created) in seen.items():
            if self.previous is None:
                continue
            since, held = self.previous
            if key in held:
                group, _, rate, _ = held[key]
                self._accrue(group, held[key][1], rate, since, minute)
            elif created is not None and since < created < minute:
                self._accrue(seen[key][0], currency, monthly, created, minute)
        self.previous = (minute, seen)

    def _accrue(self, group, currency, monthly, start, end):
        if monthly is None:
            return
        nano = int(monthly.scaleb(9).to_integral_value())
        for minute in range(start, end):
            day = (START + dt.timedelta(minutes=minute)).date()
            self.accrued[day, *group, currency] += nano * MINUTE


def run(store, steps, cycles):
    """Play the steps; return the model."""
    model, minute, token = Model(), 0, store.claim("persister")
    recorded, late = [], 0
    for step in steps:
        match step:
            case ("good", gap, holdings, age):
                minute += gap
                resources, seen = [], {}
                for (kind, name), (price, currency, region) in holdings.items():
                    created = minute - age if age else None
                    resources.append(
                        samples.resource(
                            name,
                            kind=kind,
                            monthly=price,
                            currency=currency,
                            region=region,
                            created_at=None
                            if created is None
                            else START + dt.timedelta(minutes=created),
                        )
                    )
                    monthly = None if price is None else Decimal(price)
                    seen[kind, name] = ((kind, region or "-"), currency, monthly, created)
                model.good(minute, seen)
                recorded.append(cycles.good(minute, *resources))
                assert store.record(recorded[-1], token)
            case ("failed",):
                recorded.append(cycles.failed(minute))
                assert store.record(recorded[-1], token)
            case ("replay", which) if recorded:
                assert not store.record(recorded[which % len(recorded)], token)
            case ("late", back, holdings) if model.previous:
                late += 1
                resources = [samples.resource(name, kind=kind) for kind, name in holdings]
                assert store.record(cycles.good(minute - back, *resources), token)
            case _:
                token = store.claim("persister")
    return model, len(recorded) + late


def assert_agree(store_tables, model, cycle_count):
    intervals, rollups, until, counted = store_tables
    assert counted == cycle_count
    by_resource: defaultdict[int, list[tuple[int, int | None]]] = defaultdict(list)
    days: defaultdict[tuple[object, ...], int] = defaultdict(int)
    for row in intervals:
        by_resource[row.resource_id].append((row.valid_from, row.valid_to))
        end = until if row.valid_to is None else row.valid_to
        for minute in range((row.valid_from - BASE) // MINUTE, (end - BASE) // MINUTE):
            day = (START + dt.timedelta(minutes=minute)).date()
            days[day, row.kind, row.currency] += (row.monthly or 0) * MINUTE
    for spans in by_resource.values():
        spans.sort()
        for (_, end), (start, _) in pairwise(spans):
            assert end is not None
            assert end <= start
    stored = {
        (row.day, row.kind, row.region, row.currency): row.accrued * MONTH_US + row.remainder
        for row in rollups
    }
    assert {key: value for key, value in stored.items() if value} == {
        key: value for key, value in model.accrued.items() if value
    }
    by_kind: defaultdict[tuple[object, ...], int] = defaultdict(int)
    for (day, kind, _, currency), value in stored.items():
        by_kind[day, kind, currency] += value
    assert {k: v for k, v in by_kind.items() if v} == {k: v for k, v in days.items() if v}


def read(engine):
    with engine.connect() as connection:
        intervals = connection.execute(
            sa.text(
                "SELECT resource_id, kind, valid_from, valid_to, monthly, rate_interval.currency"
                " FROM rate_interval JOIN resource ON resource.id = resource_id"
            )
        ).all()
        rollups = connection.execute(
            sa.text("SELECT * FROM daily_rollup").columns(day=sa.Date, kind=sa.Text)
        ).all()
        until = connection.execute(sa.text("SELECT max(accrued_until) FROM account")).scalar()
        counted = connection.execute(sa.text("SELECT count(*) FROM poll_cycle")).scalar()
    return intervals, rollups, until, counted


@pytest.fixture
def engine(url):
    opened = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    yield opened
    opened.dispose()


@given(steps=STEPS)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_intervals_and_rollups_agree_with_plain_arithmetic(steps, url, engine, clock, cycles):
    with engine.begin() as connection:
        for table in TABLES:
            connection.execute(sa.text(f"DELETE FROM {table}"))
    with open_store(url, clock=clock) as store:
        model, cycle_count = run(store, steps, cycles)

    assert_agree(read(engine), model, cycle_count)

"""What charges add up to: exact sums, every part of which agrees with the total."""

import datetime as dt
import itertools
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costmon.domain.charge_report import ChargeGroup, ChargeQuery, month_to_date, twelve_months
from costmon.domain.resource import Gap
from tests.store.charges import charge, day, window

GROUPS: tuple[ChargeGroup, ...] = get_args(ChargeGroup)
YEAR = {"start": dt.date(2026, 1, 1), "end": dt.date(2027, 1, 1)}
NANO = 10**9


@pytest.fixture
def record(store, token):
    return lambda *windows: [store.record_charges(it, token) for it in windows]


def groups(store, query):
    return {(it.group, it.currency): it.billed for it in store.charges(query)}


def test_the_month_to_date_is_told_by_service_and_by_project(record, store):
    record(
        window(
            charge("1", "1.10", service_name="Functions", sub_account_id="prj_1"),
            charge("2", "2.20", service_name="Bandwidth", sub_account_id="prj_1"),
            charge("3", "4.40", service_name="Functions"),
        )
    )
    today = dt.date(2026, 11, 21)

    assert groups(store, month_to_date(today, "service")) == {
        ("Functions", "USD"): Decimal("5.50"),
        ("Bandwidth", "USD"): Decimal("2.20"),
    }
    assert groups(store, month_to_date(today, "project")) == {
        ("prj_1", "USD"): Decimal("3.30"),
        ("-", "USD"): Decimal("4.40"),
    }


def test_a_project_has_the_name_that_it_was_last_given(record, store):
    def rows(name):
        return window(charge("1", sub_account_id="prj_1", sub_account_name=name), at=len(name))

    record(rows("Shop"), rows("New shop"))

    (total,) = store.charges(month_to_date(dt.date(2026, 11, 21), "project"))
    assert (total.group, total.label) == ("prj_1", "New shop")


def test_currencies_and_bases_are_never_added(record, store):
    record(
        window(
            charge("1", "1.00"),
            charge("2", "2.00", billing_currency="EUR"),
            charge("3", "4.00", basis="metered"),
        )
    )

    totals = store.charges(month_to_date(dt.date(2026, 11, 21), "account"))

    assert [(it.currency, it.basis, it.billed) for it in totals] == [
        ("EUR", "billed", Decimal(2)),
        ("USD", "billed", Decimal(1)),
        ("USD", "metered", Decimal(4)),
    ]


def test_a_credit_that_covers_everything_is_zero_and_not_nothing(record, store):
    record(window(charge("1", "2.04"), charge("2", "-2.04", charge_category="Credit")))

    (total,) = store.charges(month_to_date(dt.date(2026, 11, 21), "account"))

    assert (total.billed, total.charge_count) == (Decimal(0), 2)


def test_the_month_to_date_ends_today_and_the_month_is_that_of_today(record, store):
    record(
        window(charge("oct", "1.00", start=day(31, 10)), start=day(1, 10), end=day(1)),
        window(*(charge(f"{n}", "1.00", on=n) for n in range(1, 21))),
    )

    months = {
        today: groups(store, month_to_date(today, "month"))
        for today in (dt.date(2026, 10, 31), dt.date(2026, 11, 1), dt.date(2026, 11, 5))
    }

    assert months == {
        dt.date(2026, 10, 31): {("2026-10-01", "USD"): Decimal(1)},
        dt.date(2026, 11, 1): {("2026-11-01", "USD"): Decimal(1)},
        dt.date(2026, 11, 5): {("2026-11-01", "USD"): Decimal(5)},
    }
    assert groups(store, month_to_date(dt.date(2026, 12, 1), "month")) == {}


def test_twelve_months_are_this_one_and_the_eleven_before(record, store):
    for month in range(1, 12):
        first, following = day(1, month), day(1, month + 1)
        record(window(charge(f"{month}", f"{month}", start=first), start=first, end=following))

    shown = groups(store, twelve_months(dt.date(2027, 1, 15)))

    assert list(shown) == [(f"2026-{month:02}-01", "USD") for month in range(2, 12)]
    assert twelve_months(dt.date(2026, 12, 31)).start == dt.date(2026, 1, 1)
    assert twelve_months(dt.date(2028, 2, 29)).start == dt.date(2027, 3, 1)


def test_a_row_counts_on_the_vendors_day_that_it_starts_on(record, store):
    zone = "America/Los_Angeles"
    evening = day(19) + dt.timedelta(hours=7, minutes=59)
    record(
        window(
            charge("late", "1.00", start=evening),
            charge("next", "2.00", start=evening + dt.timedelta(minutes=1)),
            charge("month", "4.00", on=2, charge_period_end=day(1, 12)),
            day_zone=zone,
        )
    )

    assert groups(store, ChargeQuery(**YEAR, group_by="day")) == {
        ("2026-11-01", "USD"): Decimal(4),
        ("2026-11-18", "USD"): Decimal(1),
        ("2026-11-19", "USD"): Decimal(2),
    }
    (fresh,) = store.charge_overview(dt.date(2026, 11, 21), day(1)).freshness
    assert fresh.day_zone == zone


def test_the_last_complete_day_is_told_by_account_and_service(record, store):
    record(
        window(
            charge("1", "1.00", on=19),
            charge("2", "2.00", on=20),
            charge("3", "4.00", on=20, service_name="Bandwidth"),
            complete_through=day(20) + dt.timedelta(hours=23),
        ),
        window(charge("1", "8.00", on=20), account="other"),
        window(charge("1", "9.00", on=20), account="silent", complete_through=None),
        window(charge("1", "9.00", on=10), account="quiet"),
    )

    days = store.charge_overview(dt.date(2026, 11, 21), day(1)).last_days

    assert [(it.account, it.day, [t.billed for t in it.totals]) for it in days] == [
        ("other", dt.date(2026, 11, 20), [Decimal(8)]),
        ("quiet", dt.date(2026, 11, 20), []),
        ("vercel", dt.date(2026, 11, 19), [Decimal(1)]),
    ]


def test_what_is_complete_ends_where_the_vendor_was_not_asked_any_more(record, store):
    record(window(charge("1", on=10), until=15, complete_through=day(20)))

    (fresh,) = store.charge_overview(dt.date(2026, 11, 21), day(1)).freshness

    assert (fresh.complete_through, fresh.last_complete_day) == (day(15), dt.date(2026, 11, 14))


def test_freshness_is_told_by_account_with_what_could_not_be_seen(record, store):
    gap = Gap(kind="invoice", reason="not visible with this token (needs billing:read)")
    record(
        window(start=day(1, 10), end=day(1)),
        window(charge("1"), gaps=(gap,), at=30),
        window(account="silent", complete_through=None),
    )

    silent, vercel = store.charge_overview(dt.date(2026, 11, 21), day(1)).freshness

    assert (silent.complete_through, silent.last_complete_day) == (None, None)
    assert (vercel.known_since, vercel.observed_at) == (
        day(1, 10),
        day(21) + dt.timedelta(minutes=30),
    )
    assert vercel.gaps == (gap,)


def test_the_days_of_the_last_half_year_are_known_for_the_forecast(record, store):
    record(
        window(charge("1", "1.25", on=18), charge("2", "2.50", on=18), charge("3", "9", on=20)),
        window(charge("4", "7", start=day(22, 5)), start=day(1, 5), end=day(1, 6)),
        window(charge("5", "7", start=day(23, 5)), start=day(1, 5), end=day(1, 6), at=9),
    )

    days = store.charge_overview(dt.date(2026, 11, 21), day(1)).past_days

    # The first of them is 182 days ago: the 23rd of May.
    assert [(it.group, it.billed) for it in days] == [
        ("2026-05-23", Decimal(7)),
        ("2026-11-18", Decimal("3.75")),
        ("2026-11-20", Decimal(9)),
    ]


def test_an_empty_ledger_answers_with_nothing(store):
    overview = store.charge_overview(dt.date(2026, 11, 21), day(1))

    assert (overview.by_service, overview.by_month, overview.last_days) == ((), (), ())
    assert (overview.restatements, overview.freshness) == ((), ())


@pytest.mark.parametrize("group", GROUPS)
def test_no_days_hold_no_charges(record, store, group):
    record(window(charge("1")))
    the_day = dt.date(2026, 11, 18)

    assert store.charges(ChargeQuery(start=the_day, end=the_day, group_by=group)) == ()


amounts = st.decimals(-(10**6), 10**6, allow_nan=False, places=15)
rows: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    key=st.integers(0, 9),
    cost=amounts,
    day=st.dates(dt.date(2026, 9, 28), dt.date(2026, 12, 3)),
    service=st.sampled_from(["Functions", "Bandwidth"]),
    project=st.sampled_from([None, "p", "q"]),
    currency=st.sampled_from(["USD", "EUR", "JPY"]),
    category=st.sampled_from(["Usage", "Credit", "Tax"]),
    basis=st.sampled_from(["billed", "metered"]),
)
answers = st.lists(rows, max_size=8, unique_by=lambda row: row["key"])
intakes = st.sampled_from(["restate", "replace"])
reads = st.lists(st.tuples(intakes, answers), min_size=1, max_size=4)
spans = st.builds(
    lambda start, days: (start, start + dt.timedelta(days=days)),
    st.dates(dt.date(2026, 9, 1), dt.date(2026, 12, 5)),
    st.integers(0, 90),
)
account_numbers = itertools.count()
"""Examples share a database: each has an account of its own, also when it is tried again."""


def nano_of(exact):
    """Round half to even, by means other than the store's."""
    return round(exact * NANO)


class Model:
    """The ledger as it should be: rows by key, added up with fractions."""

    def __init__(self):
        self.rows = {}

    def read(self, intake, answer):
        if intake == "replace":
            self.rows = {}
        self.rows |= {row["key"]: row for row in answer}

    def totals(self, shown, start, end):
        """Return what is billed by group, currency and basis, in nano-units."""
        exact: defaultdict[tuple[Any, ...], Fraction] = defaultdict(Fraction)
        for row in self.rows.values():
            if start <= row["day"] < end:
                names = ("day", "service", "project", "currency", "category", "basis")
                exact[tuple(row[name] for name in names)] += Fraction(row["cost"])
        sums: defaultdict[tuple[str, ...], int] = defaultdict(int)
        for (on, service, project, currency, category, basis), amount in exact.items():
            group = {
                "account": "vercel",
                "service": service,
                "project": project or "-",
                "category": category,
                "day": on.isoformat(),
                "month": on.replace(day=1).isoformat(),
            }[shown]
            sums[group, currency, basis] += nano_of(amount)
        return dict(sums)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(reads=reads, span=spans)
def test_parts_add_up_to_totals_and_both_to_the_exact_rows(store, token, reads, span):
    account = f"account-{next(account_numbers)}"
    model = Model()
    for number, (intake, answer) in enumerate(reads):
        model.read(intake, answer)
        store.record_charges(_window(account, number, intake, answer), token)

    for group in GROUPS:
        query = ChargeQuery(start=span[0], end=span[1], group_by=group)
        found = {
            (it.group if group != "account" else "vercel", it.currency, it.basis): it.billed
            for it in store.charges(query)
            if it.account == account
        }
        assert {key: int(it * NANO) for key, it in found.items()} == model.totals(group, *span)


def _window(account, number, intake, answer):
    return window(
        *(
            charge(
                str(row["key"]),
                row["cost"],
                start=dt.datetime.combine(row["day"], dt.time(), dt.UTC),
                service_name=row["service"],
                sub_account_id=row["project"],
                billing_currency=row["currency"],
                charge_category=row["category"],
                basis=row["basis"],
            )
            for row in answer
        ),
        account=account,
        intake=intake,
        start=day(1, 9),
        end=day(31, 12),
        at=number,
    )


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    costs=st.lists(
        st.decimals(-(10**9) + 1, 10**9 - 1, allow_nan=False, places=40), min_size=1, max_size=30
    )
)
def test_amounts_of_forty_decimals_are_added_exactly_and_rounded_once(store, token, costs):
    account = f"account-{next(account_numbers)}"
    rows = (charge(f"{n}", cost) for n, cost in enumerate(costs))
    store.record_charges(window(*rows, account=account), token)

    (total,) = [
        it
        for it in store.charges(month_to_date(dt.date(2026, 11, 21), "account"))
        if it.account == account
    ]

    assert int(total.billed * NANO) == nano_of(sum(map(Fraction, costs), Fraction()))

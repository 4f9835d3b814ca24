"""Questions about the past; START is Saturday 2026-11-21 10:00 UTC."""

import datetime as dt
from decimal import Decimal
from typing import TypedDict

import pytest

from costmon.domain.history import HistoryQuery
from costmon.domain.period import Period
from costmon.testing import samples


class Owner(TypedDict):
    account: str
    provider: str


CENT_AN_HOUR = Decimal("7.20")
HOUR = 60
DAY = 24 * HOUR
MIDNIGHT = 14 * HOUR
"""Minutes from START to 2026-11-22 00:00."""


def day(number, month=11):
    return dt.datetime(2026, month, number, tzinfo=dt.UTC)


def ask(store, start, end, step="day", group_by="total"):
    return store.history(
        HistoryQuery(period=Period(start=start, end=end), step=step, group_by=group_by)
    )


def brief(rows):
    return [(row.period.start.day, row.group, row.currency, row.accrued) for row in rows]


@pytest.fixture
def record(store, token, cycles):
    def write(minutes, *resources, **facts):
        assert store.record(cycles.good(minutes, *resources, **facts), token)

    return write


def test_nothing_recorded_is_nothing_answered(store):
    assert ask(store, day(1), day(30)) == ()


def test_a_cost_is_split_at_midnight(store, record):
    droplet = samples.resource("1", monthly=CENT_AN_HOUR)
    record(MIDNIGHT - 2 * HOUR, droplet)
    record(MIDNIGHT + 3 * HOUR, droplet)

    first, second = ask(store, day(21), day(23))

    assert first.period == Period(start=day(21), end=day(22))
    assert (first.accrued, second.accrued) == (Decimal("0.02"), Decimal("0.03"))
    assert (first.observed_s, second.observed_s) == (7200, 10_800)
    assert first.average_monthly == second.average_monthly == CENT_AN_HOUR
    assert first.last_monthly == second.last_monthly == CENT_AN_HOUR
    assert (first.resource_count, second.resource_count) == (1, 1)


def test_one_look_has_a_rate_but_no_average(store, record):
    record(0, samples.resource("1", monthly="12"))

    [row] = ask(store, day(21), day(22))

    assert row.accrued == 0
    assert row.average_monthly is None
    assert row.last_monthly == 12
    assert row.observed_s == 0


def test_the_average_is_over_the_observed_time(store, record):
    record(0, samples.resource("1", monthly="10"))
    record(HOUR, samples.resource("1", monthly="40"))
    record(4 * HOUR, samples.resource("1", monthly="40"))

    [row] = ask(store, day(21), day(22))

    assert row.average_monthly == Decimal("32.5")
    assert row.last_monthly == 40


def test_what_vanished_lowers_the_last_rate_but_not_the_most_seen(store, record):
    record(0, samples.resource("1", monthly="10"), samples.resource("2", monthly="5"))
    record(HOUR, samples.resource("2", monthly="5"))
    record(2 * HOUR)

    [row] = ask(store, day(21), day(22))

    assert row.last_monthly == 0
    assert row.resource_count == 2


@pytest.mark.parametrize(
    ("group_by", "groups"),
    [
        ("total", {"total": 20}),
        ("provider", {"digitalocean": 19, "hetzner": 1}),
        ("account", {"main": 19, "other": 1}),
        ("kind", {"droplet": 11, "volume": 9}),
        ("region", {"nyc3": 10, "-": 9, "fsn1": 1}),
    ],
)
def test_groups(store, record, group_by, groups):
    main: Owner = {"account": "main", "provider": "digitalocean"}
    other: Owner = {"account": "other", "provider": "hetzner"}
    mine = [
        samples.resource("1", monthly="10", **main),
        samples.resource("2", monthly="9", kind="volume", region=None, **main),
    ]
    theirs = samples.resource("1", monthly="1", region="fsn1", **other)
    for minute in (0, 72 * HOUR):
        record(minute, *mine, **main)
        record(minute, theirs, **other)

    rows = ask(store, day(1), day(30), "month", group_by)

    assert {row.group: row.last_monthly for row in rows} == groups
    assert {row.group: row.accrued * 10 for row in rows} == groups
    assert {row.observed_s for row in rows} == {72 * 3600}
    assert [row.group for row in rows] == sorted(groups)


def test_currencies_are_kept_apart(store, record):
    both = samples.resource("1"), samples.resource("2", currency="EUR")
    record(0, *both)
    record(HOUR, *both)

    assert [row.currency for row in ask(store, day(21), day(22))] == ["EUR", "USD"]


def test_a_week_begins_on_monday_and_buckets_are_cut_to_the_question(store, record):
    droplet = samples.resource("1", monthly=CENT_AN_HOUR)
    for number in range(12):
        record(MIDNIGHT - DAY + number * DAY, droplet)

    rows = ask(store, day(21), day(30), "week")

    assert [(row.period.start, row.period.end) for row in rows] == [
        (day(21), day(23)),
        (day(23), day(30)),
    ]
    assert [row.accrued for row in rows] == [Decimal("0.48"), Decimal("1.68")]
    assert [row.observed_s for row in rows] == [2 * 86_400, 7 * 86_400]


def test_a_month_begins_on_its_first(store, record):
    droplet = samples.resource("1", monthly=CENT_AN_HOUR)
    record(0, droplet)
    record(20 * DAY, droplet)

    rows = ask(store, day(1), day(1, 12) + dt.timedelta(days=31), "month")

    assert [row.period.start for row in rows] == [day(1), day(1, 12)]
    assert sum(row.accrued for row in rows) == Decimal("4.80")
    assert rows[0].observed_s == (9 * 24 + 14) * 3600


def test_days_outside_the_question_do_not_count(store, record):
    droplet = samples.resource("1", monthly=CENT_AN_HOUR)
    record(0, droplet)
    record(5 * DAY, droplet)

    assert brief(ask(store, day(23), day(24))) == [(23, "total", "USD", Decimal("0.24"))]


def test_a_kind_that_lived_an_hour_is_averaged_over_the_observed_day(store, record):
    lasting = samples.resource("1", monthly="10")
    record(0, lasting, samples.resource("2", kind="volume", monthly="24"))
    record(HOUR, lasting, samples.resource("2", kind="volume", monthly="24"))
    record(12 * HOUR, lasting)

    rows = {row.group: row for row in ask(store, day(21), day(22), group_by="kind")}

    assert rows["volume"].average_monthly == 2
    assert rows["volume"].last_monthly == 0
    assert rows["droplet"].average_monthly == 10


def test_a_day_nobody_looked_is_bridged_by_what_was_there_before_and_after(store, record):
    record(0, samples.resource("1", monthly=CENT_AN_HOUR), samples.resource("2", monthly="99"))
    record(3 * DAY, samples.resource("1", monthly=CENT_AN_HOUR))

    rows = ask(store, day(22), day(24))

    assert brief(rows) == [
        (22, "total", "USD", Decimal("0.24")),
        (23, "total", "USD", Decimal("0.24")),
    ]
    assert [row.last_monthly for row in rows] == [CENT_AN_HOUR] * 2
    assert [row.resource_count for row in rows] == [1, 1]


def test_a_days_last_look_stands_whatever_the_next_day_shows(store, record):
    kept = samples.resource("1", monthly=CENT_AN_HOUR)
    record(0, kept, samples.resource("2", monthly="99"))
    record(DAY, kept)

    first, second = ask(store, day(21), day(23))

    assert (first.last_monthly, second.last_monthly) == (CENT_AN_HOUR + 99, CENT_AN_HOUR)
    assert (first.resource_count, second.resource_count) == (2, 1)


def test_a_bucket_says_how_many_of_its_resources_have_no_known_price(store, record):
    record(0, samples.resource("1", monthly=None), samples.resource("2", monthly="99"))
    record(HOUR, samples.resource("1", monthly=None), samples.resource("2", monthly="99"))

    (row,) = ask(store, day(21), day(22))

    assert (row.resource_count, row.unpriced_count) == (2, 1)


def test_a_day_of_many_cycles_is_as_exact_as_one(store, record):
    droplet = samples.resource("1", monthly="0.000000001")
    for minute in range(0, MIDNIGHT, 5):
        record(minute, droplet)
    record(MIDNIGHT + 706 * HOUR, droplet)

    rows = ask(store, day(1), day(1, 12) + dt.timedelta(days=31), "month")

    [november, december] = [row.accrued for row in rows]
    assert november + december == Decimal("0.000000001")

"""Buckets of spend, states of watches and findings, on each database."""

import datetime as dt
import math
import random
from decimal import Decimal

import pytest

from costmon.bootstrap.history import SpendHistory
from costmon.domain.finding import Series, SpendFinding
from costmon.domain.poll import ReadingKey, StoredReading
from costmon.errors import StoreFencedError
from costmon.state.published import Published
from costmon.store import Retention
from costmon.store.spend import Position, SavedWatch
from costmon.testing.spend import guard_report, spend_row
from tests.alerts.findings import spend_finding

FOREVER = Retention(guard_spend=math.inf)
GLOBAL, TAG = Series("global", "USD"), Series("tag:a", "USD")
EVER = dt.datetime(2000, 1, 1, tzinfo=dt.UTC), dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def hour(clock):
    return clock.now().replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def record(store, token):
    def write(*rows, sequence=1):
        store.record_report(guard_report(sequence, rows), FOREVER, token)

    return write


def buckets(store):
    return [
        (at, series.scope, amount)
        for at, row in sorted(store.spend_buckets(*EVER).items())
        for series, amount in sorted(row.items())
    ]


def test_what_a_row_has_grown_by_counts_in_the_bucket_in_which_it_was_reported(
    store, clock, record, hour
):
    clock.advance(20)
    record(spend_row("1.5", hour=hour, changes=1))
    clock.advance(300)
    record(spend_row("4", hour=hour, changes=2))

    first = clock.now() - dt.timedelta(seconds=320)
    assert [(at - first, amount) for at, _, amount in buckets(store)] == [
        (dt.timedelta(seconds=300), Decimal("1.5")),
        (dt.timedelta(seconds=600), Decimal("2.5")),
    ]


def test_one_series_is_read_by_bucket_and_by_hour(store, clock, record, hour):
    clock.advance(20)
    record(spend_row("1.5", hour=hour), spend_row("9", hour=hour, scope="tag:a"))
    at = hour + dt.timedelta(seconds=300)

    assert store.series_buckets(GLOBAL, hour, at) == {at: Decimal("1.5")}
    assert store.series_buckets(GLOBAL, at, at + dt.timedelta(days=1)) == {}
    assert store.series_hours(GLOBAL, hour, at) == {hour: Decimal("1.5")}
    assert store.series_hours(GLOBAL, at, at + dt.timedelta(days=1)) == {}


def test_reports_in_any_order_and_again_and_again_add_up_to_what_was_spent(
    store, clock, record, hour
):
    rng = random.Random(7)
    rows = [
        spend_row(str(n), hour=hour, changes=n, scope=scope)
        for n in range(1, 8)
        for scope in ("global", "tag:a")
    ] * 2
    rng.shuffle(rows)

    for row in rows:
        record(row)
        clock.advance(rng.choice((0, 40, 301)))

    assert store.spend_sums(*EVER) == {GLOBAL: Decimal(7), TAG: Decimal(7)}


def test_what_comes_late_does_not_change_a_bucket_that_was_judged_and_is_kept_apart(
    store, clock, record, hour, look
):
    clock.advance(3 * 3600)
    record(spend_row("9", hour=hour, changes=1))

    assert store.spend_sums(*EVER) == {GLOBAL: Decimal()}
    assert look("SELECT late FROM spend_bucket") == [(9_000_000_000,)]
    ((at, _, _),) = buckets(store)
    assert at == hour + dt.timedelta(hours=1)


def test_a_downward_correction_is_taken_back_later(store, clock, record, hour):
    record(spend_row("5", hour=hour, changes=1))
    clock.advance(300)
    record(spend_row("3", hour=hour, changes=2))

    assert [amount for _, _, amount in buckets(store)] == [Decimal(5), Decimal(-2)]


def test_buckets_are_kept_for_two_days(store, clock, record, hour):
    record(spend_row("5", hour=hour, changes=1))

    store.prune(clock.now() + dt.timedelta(days=1), FOREVER)
    assert len(buckets(store)) == 1
    store.prune(clock.now() + dt.timedelta(days=3), FOREVER)
    assert buckets(store) == []


def test_states_and_findings_come_back_as_they_were_saved(store, clock):
    token = store.claim("detection")
    now = clock.now()
    first, second = SavedWatch(now, b"\x00\xff"), SavedWatch(now, b"later")
    position = Position(now - dt.timedelta(days=3), now)

    store.save_watches({GLOBAL: first, TAG: first}, (spend_finding(),), position, (), token)
    store.save_watches({GLOBAL: second}, (), None, (TAG,), token)

    kept = store.watches()
    assert kept == (position, {GLOBAL: second}, (spend_finding(),))
    assert store.findings(10) == (spend_finding(),)


def test_a_finding_that_is_over_is_listed_and_not_open(store):
    token = store.claim("detection")
    store.save_watches({}, (spend_finding(),), None, (), token)
    over = spend_finding(state="resolved")
    store.save_watches({}, (over,), None, (), token)

    assert store.findings(10) == (over,)
    assert store.watches().findings == ()


def test_a_replaced_incarnation_saves_nothing(store):
    old, _new = store.claim("detection"), store.claim("detection")

    with pytest.raises(StoreFencedError):
        store.save_watches({}, (spend_finding(),), None, (), old)
    assert store.findings(10) == ()


def test_a_series_is_known_by_the_hours_in_which_it_was_spent(store, record, hour):
    record(spend_row("5", hour=hour, changes=1))

    assert store.has_spent(GLOBAL, hour + dt.timedelta(hours=1))
    assert not store.has_spent(GLOBAL, hour + dt.timedelta(minutes=59))
    assert not store.has_spent(TAG, hour + dt.timedelta(hours=1))


def test_open_findings_are_published_once_read_and_with_each_change(store):
    opened: Published[tuple[SpendFinding, ...] | None] = Published(None)
    again: Published[tuple[SpendFinding, ...] | None] = Published(None)
    history = SpendHistory(store, "detection", opened=opened)
    one, other = spend_finding(), spend_finding(id="other")

    history.load()
    assert opened.read() == ()
    history.save({}, (one, other), None, ())
    assert opened.read() == (one, other)
    history.save({}, (spend_finding(state="resolved"),), None, ())
    assert opened.read() == (other,)
    SpendHistory(store, "detection", opened=again).load()
    assert again.read() == (other,)


def test_what_rules_know_is_kept_apart_from_the_watches(store, clock, token):
    first, second = (SavedWatch(clock.now(), state) for state in (b"one", b"two"))
    assert store.rule_state() is None

    store.save_rule_state(first, token)
    store.save_rule_state(second, token)

    assert store.rule_state() == second
    assert store.watches() == (None, {}, ())


def test_a_rate_holds_until_the_reading_is_due_again_and_a_new_one_takes_its_place(
    store, clock, token
):
    series = Series("account:main", "output_tokens")
    begun = clock.now()

    def read(rate, minutes):
        due = clock.now() + dt.timedelta(minutes=minutes)
        key = ReadingKey("main", "openai", "usage")
        stored = StoredReading(
            key=key, next_poll_at=due, last_success_at=clock.now(), complete_through=None
        )
        store.record_reading(stored, token, {series: Decimal(rate)}, 300)

    read("2", 20)
    clock.advance(900)
    read("200", 20)
    clock.advance(6 * 3600)
    read("3", -60)  # it is written late: the database was away
    clock.advance(600)

    row = store.spend_buckets(begun, clock.now())
    amounts = [row[at][series] for at in sorted(row)]
    assert amounts == [600] * 3 + [60_000] * 7 + [900]

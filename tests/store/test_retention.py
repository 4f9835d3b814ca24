import datetime as dt
import math

from costmon.store import Retention
from costmon.store import retention as retention_module
from costmon.testing import samples
from costmon.testing.clock import START
from tests.store import charges

DAY = 24 * 60


def days_later(days):
    return START + dt.timedelta(days=days)


def test_old_rows_go_and_young_ones_stay(store, token, cycles, look):
    for day in range(10):
        store.record(cycles.good(day * DAY, samples.resource("1", monthly=str(day))), token)

    removed = store.prune(days_later(9.5), Retention(cycles=5, intervals=3, rollups=2))

    assert look("SELECT count(*) FROM poll_cycle") == [(5,)]
    assert look("SELECT count(*) FROM rate_interval") == [(4,)]
    assert look("SELECT count(*) FROM daily_rollup") == [(3,)]
    assert look("SELECT count(*) FROM daily_coverage") == [(3,)]
    assert removed == {
        "poll_cycle": 5,
        "rate_interval": 6,
        "resource": 0,
        "daily_rollup": 7,
        "daily_coverage": 7,
        "history_gap": 0,
        "guard_spend": 0,
        "guard_seen": 0,
        "charge_revision": 0,
        "charge_restatement": 0,
    }


def test_what_is_there_now_is_never_forgotten(store, token, cycles, look):
    good = cycles.good(0, samples.resource("1"), samples.resource("gone"))
    store.record(good, token)
    last = cycles.good(10, samples.resource("1"))
    store.record(last, token)

    store.prune(days_later(10_000), Retention(cycles=1, intervals=1, rollups=1))

    assert look("SELECT vendor_id FROM resource") == [("1",)]
    assert store.latest()[0].inventory == last.inventory
    assert store.record(cycles.good(20, samples.resource("1"), samples.resource("gone")), token)
    assert look("SELECT count(*) FROM rate_interval WHERE valid_to IS NULL") == [(2,)]


def test_rollups_are_kept_for_ever_by_default(store, token, cycles, look):
    store.record(cycles.good(0, samples.resource("1")), token)

    removed = store.prune(days_later(100_000), Retention())

    assert "daily_rollup" not in removed
    assert look("SELECT count(*) FROM daily_rollup") == [(1,)]


def test_charges_are_kept_for_ever_and_what_they_were_before_is_not(store, token, look):
    for number in range(3):
        store.record_charges(
            charges.window(charges.charge("a", f"{number}.00"), at=number * DAY), token
        )
    tables = ("charge", "charge_day", "charge_month", "charge_window", "charge_project")
    before = {table: look(f"SELECT * FROM {table}") for table in tables}

    removed = store.prune(charges.day(22) + dt.timedelta(days=400, hours=12), Retention())

    assert (removed["charge_revision"], removed["charge_restatement"]) == (1, 1)
    assert look("SELECT revision FROM charge_revision") == [(2,)]
    assert len(look("SELECT * FROM charge_restatement")) == 1
    assert {table: look(f"SELECT * FROM {table}") for table in tables} == before


def test_for_ever_means_before_all_time(store):
    forever = Retention(
        cycles=math.inf,
        intervals=1e12,
        rollups=math.inf,
        guard_spend=1e12,
        charge_revisions=math.inf,
    )

    assert store.prune(days_later(0), forever) == {}


def test_many_rows_go_in_batches(store, token, cycles, look, monkeypatch):
    monkeypatch.setattr(retention_module, "_BATCH", 3)
    for minute in range(10):
        store.record(cycles.good(minute, samples.resource("1", monthly=str(minute))), token)

    removed = store.prune(days_later(1000), Retention(cycles=1, intervals=1))

    assert removed["poll_cycle"] == 10
    assert removed["rate_interval"] == 9


def test_a_replaced_writers_tidying_harms_nobody(store, token, cycles):
    store.record(cycles.good(0, samples.resource("1")), token)
    store.claim("persister")

    assert store.prune(days_later(1000), Retention())["poll_cycle"] == 1

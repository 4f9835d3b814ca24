"""What can happen to a file."""

import os
import sqlite3
import stat

import pytest

from costmon.guard.errors import GuardStoreError, GuardStoreUnavailable
from costmon.guard.stores import sqlite_file
from costmon.guard.stores.base import Hold
from tests.guard.stores.makers import limited, line, plan

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)


def test_the_file_is_for_its_owner_only(store, place):
    store.reserve(limited(100), 10, 60.0)

    for name in place.path.parent.iterdir():
        assert stat.S_IMODE(name.stat().st_mode) == 0o600, name


def test_a_deleted_file_is_told_once_and_then_begun_anew(store, place):
    hold = store.reserve(limited(100), 10, 60.0)
    for name in list(place.path.parent.iterdir()):
        name.unlink()

    with pytest.raises(GuardStoreUnavailable, match="deleted or replaced"):
        store.reserve(limited(100), 10, 60.0)

    assert isinstance(store.reserve(limited(100), 100, 60.0), Hold)
    assert store.settle(hold, 5) is None, "an old lease is no lease of the new file"
    assert store.totals([line()]) == [(0, 100)]


def test_a_plan_that_was_used_works_on_a_new_file(store, place):
    wanted = limited(100)
    store.reserve(wanted, 10, 60.0)
    for name in list(place.path.parent.iterdir()):
        name.unlink()
    with pytest.raises(GuardStoreUnavailable):
        store.sweep()

    assert isinstance(store.reserve(wanted, 100, 60.0), Hold)
    assert store.totals([line()]) == [(0, 100)]


def test_a_missing_folder_is_named(place, clock, tmp_path):
    import random

    from costmon.guard.stores.sqlite import SQLiteStore

    store = SQLiteStore(str(tmp_path / "no" / "guard.db"), clock=clock, rng=random.Random(1))

    with pytest.raises(GuardStoreError, match="existing folder"):
        store.settings()


def test_what_is_no_database_is_refused(store, place):
    place.path.write_bytes(b"this is no database, it is a text" * 100)

    with pytest.raises(GuardStoreError, match="not an SQLite file") as caught:
        store.settings()

    assert not isinstance(caught.value, GuardStoreUnavailable)


def test_a_newer_version_is_refused(store, place):
    store.settings()
    store.close()
    place.sql("UPDATE guard_state SET version = 99")

    with pytest.raises(GuardStoreError, match="another version"):
        store.settings()


def test_a_locked_file_is_unavailable_and_comes_back(store, place, monkeypatch):
    monkeypatch.setattr(sqlite_file, "_WAIT_S", 0.1)
    store.reserve(limited(100), 10, 60.0)
    other = sqlite3.connect(place.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(GuardStoreUnavailable, match="locked"):
        store.reserve(limited(100), 10, 60.0)

    other.execute("ROLLBACK")
    other.close()
    assert isinstance(store.reserve(limited(100), 10, 60.0), Hold)


def test_a_full_disk_is_unavailable_and_changes_nothing(store):
    store.reserve(limited(100), 10, 60.0)
    db = store._file._db
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")

    def fill():
        for number in range(10_000):
            store.reserve(plan(line(limit=10**6), line(f"key:{number}" + "x" * 150)), 1, 60.0)

    with pytest.raises(GuardStoreUnavailable, match="full"):
        fill()

    # The connection was dropped, and with it the limit.
    held = store.totals([line()])[0][1]
    assert held == sum(row.nano for row in store.leases(100_000))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_read_only_file_is_refused(store, place):
    store.settings()
    store.close()
    place.path.chmod(0o400)

    with pytest.raises(GuardStoreError, match="writable for this user"):
        store.settings()


def test_leases_of_an_earlier_run_of_the_machine_are_due_at_once(store, place):
    hold = store.reserve(limited(100), 10, 10_000.0)
    store.close()

    after = place.open(boot="another")

    assert after.sweep() == 1
    assert after.totals([line()]) == [(10, 0)]
    assert after.settle(after.find(hold.id), 4) == "expired"
    assert after.totals([line()]) == [(4, 0)]


def test_a_monotonic_clock_that_began_anew_is_noticed_without_a_boot_id(place, tmp_path):
    import random

    from costmon.guard.stores.sqlite import SQLiteStore
    from costmon.testing.clock import FakeClock

    late = FakeClock()
    late.advance(50_000)
    path = str(tmp_path / "anew.db")
    before = SQLiteStore(path, clock=late, rng=random.Random(1), boot="")
    before.sweep()
    before.reserve(limited(100), 10, 60.0)
    before.close()

    after = SQLiteStore(path, clock=FakeClock(), rng=random.Random(1), boot="")

    assert after.sweep() == 1
    after.close()


def test_a_step_of_the_wall_clock_expires_nothing(store, clock):
    store.reserve(limited(100), 10, 60.0)
    clock.step(86_400 * 30)

    assert store.sweep() == 0
    clock.step(-86_400 * 60)
    assert store.sweep() == 0
    assert store.totals([line()]) == [(0, 10)]


def test_old_leases_counters_and_plans_are_forgotten(store, place, clock):
    kept = store.reserve(limited(100, period="hour"), 1, 1e9)
    for _ in range(20):
        hold = store.reserve(limited(100, period="hour", at=clock.epoch_s()), 1, 60.0)
        store.settle(hold, 1)
        clock.advance(3600)
        store.sweep()
    for _ in range(6):
        clock.advance(86_400)
        store.sweep()

    assert place.sql("SELECT count(*) FROM guard_lease") == [(2,)]
    assert place.sql("SELECT count(*) FROM guard_cell") == [(1,)]
    assert place.sql("SELECT count(*) FROM guard_plan")[0][0] <= 2
    assert store.settle(kept, 1) == "held"


def test_a_counter_that_was_tidied_away_is_looked_up_again(store, place, clock):
    wanted = limited(100, period="hour")
    store.settle(store.reserve(wanted, 10, 60.0), 10)
    place.sql("DELETE FROM guard_cell")
    place.sql("UPDATE guard_plan SET retired = 1")

    assert isinstance(store.reserve(wanted, 90, 60.0), Hold)
    assert store.totals(wanted.lines) == [(10, 90)], "the usage rows knew"


def test_what_was_looked_up_in_an_undone_transaction_is_looked_up_again(store):
    first, second = limited(100), plan(line("key:b", 100))
    store.settings()
    db = store._file._db
    db.set_authorizer(
        lambda action, table, *_: (
            sqlite3.SQLITE_DENY
            if action == sqlite3.SQLITE_INSERT and table == "guard_lease"
            else sqlite3.SQLITE_OK
        )
    )
    with pytest.raises(GuardStoreError):
        store.reserve(first, 10, 60.0)

    store.reserve(second, 20, 60.0)
    store.reserve(first, 10, 60.0)

    assert store.totals([first.lines[0], second.lines[0]]) == [(0, 10), (0, 20)]

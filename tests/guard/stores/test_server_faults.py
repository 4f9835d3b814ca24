"""Servers that go away and come back, and one that forgets."""

import pytest

from costmon.guard.errors import GuardStoreError, GuardStoreUnavailable
from costmon.guard.stores.base import Hold
from tests.guard.stores import places, servers
from tests.guard.stores.kinds import POSTGRES, REDIS
from tests.guard.stores.makers import limited, line, plan


@pytest.mark.redis
def test_a_redis_that_went_away_is_unavailable_and_comes_back_empty(redis_server, tmp_path, clock):
    server = servers.RedisServer(tmp_path)
    server.start()
    place = places.Redis(clock, server.url)
    try:
        store, wanted = place.open(), limited(100)
        hold = store.reserve(wanted, 10, 60.0)
        name = store.identity()
        server.stop()

        with pytest.raises(GuardStoreUnavailable, match="does not answer"):
            store.reserve(wanted, 10, 60.0)
        with pytest.raises(GuardStoreUnavailable):
            store.settle(hold, 5)

        server.start()
        assert isinstance(store.reserve(wanted, 100, 60.0), Hold)
        assert store.settle(hold, 5) is None, "what it forgot is not taken for what it has"
        assert store.identity() != name
    finally:
        place.close()
        server.stop()


@pytest.mark.parametrize("place", [REDIS], indirect=True)
def test_a_redis_that_forgot_its_scripts_is_told_them_again(store, place):
    store.reserve(limited(100), 10, 60.0)
    place.admin.script_flush()

    assert isinstance(store.reserve(limited(100), 10, 60.0), Hold)


@pytest.mark.parametrize("place", [REDIS], indirect=True)
def test_keys_of_another_version_are_refused(store, place):
    store.settings()
    place.admin.hset("costmon:guard:{costmon}:state", "version", "99")

    with pytest.raises(GuardStoreError, match="another version"):
        place.open().settings()


@pytest.mark.parametrize("place", [REDIS], indirect=True)
def test_all_keys_are_in_one_slot_and_short_lived_scopes_leave_none(store, place):
    wanted = limited(100, period="hour")
    store.settle(store.reserve(wanted, 10, 60.0, "job"), 5)

    keys = list(place.admin.scan_iter())

    assert all(key.startswith("costmon:guard:{costmon}:") for key in keys)
    lasting = {"state", "hours", "due", "held"}
    for key in keys:
        if key.rpartition("}:")[2] not in lasting:
            assert place.admin.ttl(key) > 0, key


@pytest.mark.parametrize("place", [POSTGRES], indirect=True)
def test_connections_that_the_server_ended_are_replaced(store, place):
    hold = store.reserve(limited(100), 10, 60.0)
    place.sql(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE application_name = 'costmon guard' AND datname = current_database()"
    )

    assert store.settle(hold, 5) == "held"


@pytest.mark.parametrize("place", [POSTGRES], indirect=True)
def test_tables_of_another_version_are_refused(store, place):
    store.settings()
    place.sql("UPDATE costmon_guard_state SET version = 99")

    with pytest.raises(GuardStoreError, match="another version"):
        place.open().settings()


@pytest.mark.parametrize("place", [POSTGRES], indirect=True)
def test_old_leases_counters_and_plans_are_forgotten_by_postgresql(store, place):
    store.settle(store.reserve(limited(100, period="hour"), 1, 60.0), 1)
    place.let_pass(2 * 86_400)
    place.sql("UPDATE costmon_guard_cell SET over_s = 1")
    place.sql("UPDATE costmon_guard_plan SET made_s = 1")

    store.sweep()

    for table in ("lease", "cell", "plan"):
        assert place.sql(f"SELECT count(*) FROM costmon_guard_{table}") == [(0,)]
    assert store.totals([line()]) == [(1, 0)]


@pytest.mark.parametrize("place", [REDIS], indirect=True)
def test_a_lease_that_nobody_was_there_to_end_is_still_charged(store, place):
    lasting = limited(100, period="total")
    short = line("host:a", 100, period="hour")
    store.reserve(plan(*lasting.lines, short), 10, 60.0)
    place.let_pass(40 * 86_400)

    assert store.sweep() == 1

    assert store.totals(lasting.lines) == [(10, 0)]
    place.let_pass(3 * 86_400)
    names = {key.rpartition("}:")[2].partition(":")[0] for key in place.admin.scan_iter()}
    assert names == {"state", "hours", "cell", "usage", "spent", "plans"}
    assert len(list(place.admin.scan_iter("*cell:*"))) == 1


@pytest.mark.parametrize("place", [POSTGRES], indirect=True)
def test_a_server_that_hangs_is_unavailable_soon(store, place, monkeypatch):
    import psycopg

    from costmon.guard.stores import postgres_pool

    monkeypatch.setattr(postgres_pool, "_STATEMENT_MS", 200)
    store.close()
    store.settings()
    with psycopg.connect(place.url) as other:
        other.execute("SELECT 1 FROM costmon_guard_state FOR UPDATE")

        with pytest.raises(GuardStoreUnavailable, match="timeout"):
            store.reserve(limited(100), 10, 60.0)

    assert isinstance(store.reserve(limited(100), 10, 60.0), Hold)

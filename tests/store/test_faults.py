"""A database that cannot be used: said, survived, and nothing half-written."""

import contextlib
import os
import socket

import pytest

from costmon.domain.history import HistoryQuery
from costmon.domain.period import Period
from costmon.errors import StoreError, StoreOutdatedError, StoreUnavailableError
from costmon.store import engine, open_store
from costmon.store.migrate import upgrade
from costmon.store.revisions import check_schema
from costmon.testing import samples
from costmon.testing.clock import START

PASSWORD = "hunter2-not-to-be-seen"


@pytest.fixture
def sqlite_store(sqlite_url, clock, monkeypatch):
    monkeypatch.setattr(engine, "WAIT_S", 0.05)
    with open_store(sqlite_url, clock=clock) as opened:
        yield opened


@pytest.fixture
def held(raw_sqlite):
    @contextlib.contextmanager
    def hold():
        raw_sqlite.execute("BEGIN IMMEDIATE")
        yield
        raw_sqlite.execute("ROLLBACK")

    return hold


def test_a_locked_database_is_unavailable_until_it_is_free(sqlite_store, held, cycles):
    token = sqlite_store.claim("persister")
    observation = cycles.good(0, samples.resource("1"))

    with held():
        with pytest.raises(StoreUnavailableError, match="another program is writing"):
            sqlite_store.record(observation, token)
        sqlite_store.check()
        assert sqlite_store.latest() == ()

    assert sqlite_store.record(observation, token)


def test_a_full_disk_leaves_no_half_transaction_and_heals(
    sqlite_store, sqlite_url, look_at, cycles
):
    token = sqlite_store.claim("persister")
    sqlite_store.record(cycles.good(0, samples.resource("1")), token)
    look = look_at(sqlite_url)
    before = look.everything()
    big = cycles.good(5, *(samples.resource(str(n), name="x" * 500) for n in range(2000)))

    limit_pages(sqlite_store, 60)
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match="free some disk space"):
            sqlite_store.record(big, token)
    assert look.everything() == before
    assert len(sqlite_store.latest()[0].inventory.resources) == 1

    limit_pages(sqlite_store, 1_000_000)
    assert sqlite_store.record(big, token)
    assert len(sqlite_store.latest()[0].inventory.resources) == 2000


def limit_pages(store, pages):
    """Pretend that the disk holds so many pages; it sticks to the pooled connection."""
    with store._writing.begin() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def test_a_read_only_database_says_what_to_do(sqlite_store, cycles):
    token = sqlite_store.claim("persister")
    with sqlite_store._writing.begin() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")

    with pytest.raises(StoreUnavailableError, match="make the file, its directory and the disk"):
        sqlite_store.record(cycles.good(0), token)


def test_a_database_that_was_deleted_is_not_written_into_the_void(
    sqlite_store, sqlite_url, cycles, tmp_path
):
    token = sqlite_store.claim("persister")
    file = tmp_path / "costmon.db"
    file.rename(tmp_path / "elsewhere.db")

    with pytest.raises(StoreUnavailableError, match="cannot be found"):
        sqlite_store.record(cycles.good(0), token)
    with pytest.raises(StoreUnavailableError, match="cannot be found"):
        sqlite_store.check()


def test_a_database_that_was_replaced_is_the_one_used(
    sqlite_store, sqlite_template, cycles, tmp_path, look_at
):
    sqlite_store.claim("persister")
    (tmp_path / "old").mkdir()
    for file in tmp_path.glob("costmon.db*"):
        file.rename(tmp_path / "old" / file.name)
    (tmp_path / "costmon.db").write_bytes(sqlite_template.read_bytes())

    token = sqlite_store.claim("persister")
    sqlite_store.record(cycles.good(0), token)

    assert token.number == 1
    look = look_at(f"sqlite:///{tmp_path}/costmon.db")
    assert look("SELECT count(*) FROM poll_cycle") == [(1,)]


def test_a_missing_folder_says_so(tmp_path, clock):
    with (
        open_store(f"sqlite:///{tmp_path}/nowhere/costmon.db", clock=clock) as store,
        pytest.raises(StoreUnavailableError, match="nowhere"),
    ):
        store.claim("persister")


def test_a_damaged_file_is_no_passing_fault(tmp_path, clock):
    (tmp_path / "costmon.db").write_bytes(os.urandom(8192))

    with (
        open_store(f"sqlite:///{tmp_path}/costmon.db", clock=clock) as store,
        pytest.raises(StoreError, match="costmon db restore") as caught,
    ):
        store.check()
    assert not isinstance(caught.value, StoreUnavailableError)


def test_a_database_without_our_tables_needs_an_upgrade(empty_url, clock):
    if empty_url.startswith("sqlite"):
        open(empty_url.removeprefix("sqlite:///"), "xb").close()  # noqa: PTH123 - empty

    with open_store(empty_url, clock=clock) as store:
        with pytest.raises(StoreOutdatedError, match="costmon db upgrade"):
            store.check()
        with pytest.raises(StoreOutdatedError, match="costmon db upgrade"):
            store.claim("persister")


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    "pattern",
    [
        f"postgresql://costmon:{PASSWORD}@127.0.0.1:{{port}}/costmon",
        f"postgresql+psycopg://costmon@127.0.0.1:{{port}}/costmon?password={PASSWORD}",
    ],
)
def test_a_server_that_is_away_is_named_without_its_password(pattern, clock, cycles):
    pytest.importorskip("psycopg")
    port = closed_port()
    url = pattern.format(port=port)

    with open_store(url, clock=clock) as store:
        calls = [
            store.check,
            store.latest,
            store.alert_memory,
            lambda: store.claim("persister"),
            lambda: store.history(
                HistoryQuery(period=Period(start=START, end=START), step="day", group_by="total")
            ),
            lambda: check_schema(url),
        ]
        for call in calls:
            with pytest.raises(StoreUnavailableError) as caught:
                call()
            text = repr(caught.value) + repr(caught.value.__cause__)
            assert f"127.0.0.1:{port}" in str(caught.value)
            assert PASSWORD not in text
        assert PASSWORD not in repr(vars(store))


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql:/{PASSWORD}",
        f"nonsense {PASSWORD}",
        f"oracle+nosuch://me:{PASSWORD}@host/db",
        f"mysql+pymysql://me:{PASSWORD}@host/db",
        "sqlite://",
        "sqlite:///:memory:",
        f"sqlite:///x.db?secret={PASSWORD}",
    ],
)
def test_a_url_that_cannot_be_used_is_not_quoted(url, clock):
    with pytest.raises(StoreError) as caught:
        open_store(url, clock=clock).check()

    assert not isinstance(caught.value, StoreUnavailableError)
    assert PASSWORD not in repr(caught.value) + repr(caught.value.__cause__)


def test_a_connection_that_the_server_ended_is_replaced(url, clock, cycles, postgresql_server):
    if url.startswith("sqlite"):
        pytest.skip("about servers")
    with open_store(url, clock=clock) as store:
        token = store.claim("persister")
        name = url.rsplit("/", 1)[-1]
        postgresql_server(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )

        assert store.record(cycles.good(0, samples.resource("1")), token)


def test_a_connection_lost_within_a_cycle_is_unavailable_and_repeatable(
    url, clock, cycles, look, monkeypatch
):
    if url.startswith("sqlite"):
        pytest.skip("about servers")
    from costmon.store import ledger, rollups

    def cut_off(connection, *arguments):
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        look(f"SELECT pg_terminate_backend({pid})")
        rollups.add_days(connection, *arguments)

    observation = cycles.good(0, samples.resource("1"))
    with open_store(url, clock=clock) as store:
        token = store.claim("persister")
        monkeypatch.setattr(ledger, "add_days", cut_off)
        with pytest.raises(StoreUnavailableError):
            store.record(observation, token)
        monkeypatch.undo()

        assert store.record(observation, token)
    assert look("SELECT count(*) FROM poll_cycle") == [(1,)]


def test_a_standby_is_told_from_a_fault(url, clock, cycles, look):
    if url.startswith("sqlite"):
        pytest.skip("about servers")
    name = url.rsplit("/", 1)[-1]
    look.write(f"ALTER DATABASE {name} SET default_transaction_read_only = on")

    with (
        open_store(url, clock=clock) as store,
        pytest.raises(StoreUnavailableError, match="read-only"),
    ):
        store.claim("persister")


def test_files_are_private(sqlite_store, cycles, tmp_path, clock):
    upgrade(f"sqlite:///{tmp_path}/private.db")
    with open_store(f"sqlite:///{tmp_path}/private.db", clock=clock) as store:
        store.record(cycles.good(0), store.claim("persister"))
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("private.db*")}

    assert modes["private.db"] == 0o600
    assert set(modes.values()) == {0o600}
    assert "private.db-wal" in modes

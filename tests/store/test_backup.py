import os
import sqlite3
import threading

import pytest

from costmon.errors import StoreError, StoreTooNewError, StoreUnavailableError
from costmon.store import open_store
from costmon.store.backup import backup, restore
from costmon.store.revisions import current
from costmon.store.schema import VERSION_TABLE
from costmon.testing import samples


@pytest.fixture
def filled(sqlite_url, clock, cycles):
    with open_store(sqlite_url, clock=clock) as store:
        store.record(cycles.good(0, samples.resource("1")), store.claim("persister"))
        yield sqlite_url


def count(path):
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT count(*) FROM poll_cycle").fetchone()[0]
    connection.close()
    return found


def test_a_copy_is_one_private_file(filled, tmp_path):
    backup(filled, tmp_path / "copy.db")

    assert count(tmp_path / "copy.db") == 1
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.glob("copy*")] == ["copy.db"]


def test_a_copy_made_while_others_write_is_consistent(sqlite_url, clock, cycles, tmp_path):
    stop = threading.Event()
    with open_store(sqlite_url, clock=clock) as store:
        token = store.claim("persister")

        def write():
            minute = 0
            while not stop.is_set():
                minute += 1
                store.record(cycles.good(minute, samples.resource("1", monthly=str(minute))), token)

        writer = threading.Thread(target=write, name="writer")
        writer.start()
        try:
            for number in range(5):
                backup(sqlite_url, tmp_path / f"copy{number}.db")
        finally:
            stop.set()
            writer.join(10)

    for number in range(5):
        with sqlite3.connect(tmp_path / f"copy{number}.db") as copy:
            cycles_, intervals = copy.execute(
                "SELECT (SELECT count(*) FROM poll_cycle), (SELECT count(*) FROM rate_interval)"
            ).fetchone()
        copy.close()
        assert cycles_ == intervals


def test_an_existing_file_is_not_overwritten(filled, tmp_path):
    (tmp_path / "copy.db").write_text("mine")

    with pytest.raises(StoreError, match="exists"):
        backup(filled, tmp_path / "copy.db")

    assert (tmp_path / "copy.db").read_text() == "mine"


def test_a_copy_that_cannot_be_written_leaves_nothing(filled, tmp_path):
    with pytest.raises(StoreUnavailableError, match="cannot be copied"):
        backup(filled, tmp_path / "nowhere" / "copy.db")


def test_a_missing_database_is_not_created_to_be_copied(tmp_path):
    with pytest.raises(StoreUnavailableError):
        backup(f"sqlite:///{tmp_path}/absent.db", tmp_path / "copy.db")

    assert list(tmp_path.iterdir()) == []


def test_a_restored_history_is_the_copied_one(sqlite_url, clock, cycles, tmp_path):
    with open_store(sqlite_url, clock=clock) as store:
        token = store.claim("persister")
        store.record(cycles.good(0, samples.resource("1")), token)
        backup(sqlite_url, tmp_path / "copy.db")
        store.record(cycles.good(10, samples.resource("1")), token)

    previous = restore(tmp_path / "copy.db", sqlite_url, clock=clock)

    assert count(tmp_path / "costmon.db") == 1
    assert (tmp_path / "costmon.db").stat().st_mode & 0o777 == 0o600
    assert previous is not None
    assert count(previous) == 2
    assert not list(tmp_path.glob(".restore*"))
    with open_store(sqlite_url, clock=clock) as store:
        assert store.record(cycles.good(20, samples.resource("1")), store.claim("persister"))


def test_a_log_left_by_a_crash_is_not_replayed_into_the_restored_history(
    sqlite_url, clock, cycles, tmp_path
):
    backup(sqlite_url, tmp_path / "copy.db")
    with open_store(sqlite_url, clock=clock) as store:
        store.record(cycles.good(0, samples.resource("1")), store.claim("persister"))
        crashed = {path.name: path.read_bytes() for path in tmp_path.glob("costmon.db*")}
    assert len(crashed["costmon.db-wal"]) > 0
    for name, content in crashed.items():
        (tmp_path / name).write_bytes(content)

    restore(tmp_path / "copy.db", sqlite_url, clock=clock)

    assert count(tmp_path / "costmon.db") == 0


def test_restoring_while_a_service_runs_is_refused(filled, tmp_path, clock, monkeypatch):
    monkeypatch.setattr("costmon.store.backup.WAIT_S", 0.05)
    backup(filled, tmp_path / "copy.db")

    with open_store(filled, clock=clock) as running:
        running.check()
        with pytest.raises(StoreUnavailableError, match="stop the service"):
            restore(tmp_path / "copy.db", filled, clock=clock)
        assert len(running.latest()) == 1


def test_a_history_can_be_restored_where_there_is_none(filled, tmp_path, clock):
    backup(filled, tmp_path / "copy.db")

    assert restore(tmp_path / "copy.db", f"sqlite:///{tmp_path}/new.db", clock=clock) is None

    assert count(tmp_path / "new.db") == 1


def test_a_damaged_history_can_be_replaced(filled, tmp_path, clock):
    backup(filled, tmp_path / "copy.db")
    noise = os.urandom(10_000)
    (tmp_path / "broken.db").write_bytes(noise)
    (tmp_path / "broken.db-wal").write_bytes(b"garbage")

    kept = restore(tmp_path / "copy.db", f"sqlite:///{tmp_path}/broken.db", clock=clock)

    assert count(tmp_path / "broken.db") == 1
    assert kept is not None
    assert kept.read_bytes() == noise


def not_sqlite(path):
    path.write_text("hello")


def other_program(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (id INTEGER)")
    connection.close()


def truncated(path):
    content = path.with_name("copy.db").read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flipped(path):
    content = bytearray(path.with_name("copy.db").read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    path.write_bytes(content)


def absent(path):
    pass


@pytest.mark.parametrize("make", [not_sqlite, other_program, truncated, flipped, absent])
def test_what_is_no_whole_history_is_refused(filled, tmp_path, clock, make):
    backup(filled, tmp_path / "copy.db")
    make(tmp_path / "bad.db")
    before = (tmp_path / "costmon.db").read_bytes()

    with pytest.raises(StoreError, match=r"bad\.db"):
        restore(tmp_path / "bad.db", filled, clock=clock)

    assert (tmp_path / "costmon.db").read_bytes() == before


def test_a_history_of_a_newer_version_is_refused(filled, tmp_path, clock):
    backup(filled, tmp_path / "copy.db")
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        copy.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    copy.close()

    with pytest.raises(StoreTooNewError, match="newer version of costmon"):
        restore(tmp_path / "copy.db", filled, clock=clock)

    assert current(filled) != "9999"


def test_a_server_is_copied_by_its_own_tools(tmp_path):
    url = "postgresql://costmon:secret@db.example/costmon"

    with pytest.raises(StoreError, match="pg_dump") as caught:
        backup(url, tmp_path / "copy.db")
    assert "secret" not in str(caught.value)
    with pytest.raises(StoreError, match="pg_restore"):
        restore(tmp_path / "copy.db", url)

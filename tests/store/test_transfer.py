"""Copy a history between databases."""

import datetime as dt
import re
import uuid

import pytest

from costmon.cli import main
from costmon.errors import StoreError, StoreOutdatedError, StoreUnavailableError
from costmon.store import Retention, open_store, transfer
from costmon.store.migrate import upgrade
from costmon.store.transfer import copy_history
from costmon.testing import samples
from costmon.testing.spend import guard_report
from tests.store import charges


def fill(url, clock, cycles):
    """Write something to most tables."""
    with open_store(url, clock=clock) as store:
        token = store.claim("persister")
        for number in range(30):
            held = [
                samples.resource(str(n), monthly=f"{number}.123456789", name="\u2014 \U0001f600")
                for n in range(number % 5 + 1)
            ]
            store.record(cycles.good(number * 700, *held), token)
        store.record(cycles.failed(9), token)
        store.record_charges(charges.window(charges.charge("a", "0.00000080000")), token)
        store.record_report(guard_report(1, guard="g"), Retention(), token)
        store.remember_alert("limit", "{}", token)


@pytest.fixture
def target_url(request, tmp_path):
    """Return a function that makes an empty database of a kind."""
    made = []

    def make(kind):
        if kind == "sqlite":
            return f"sqlite:///{tmp_path / 'target.db'}"
        execute = request.getfixturevalue("postgresql_server")
        name = f"costmon_{uuid.uuid4().hex[:8]}"
        execute(f"CREATE DATABASE {name}")
        made.append((execute, name))
        from tests.store.conftest import server_url

        return server_url(name).render_as_string(hide_password=False)

    yield make
    for execute, name in made:
        execute(f"DROP DATABASE {name} WITH (FORCE)")


def plain(look):
    """Return every row as text that is the same for both kinds of database."""
    return {
        name: sorted(
            re.sub(
                r"datetime\.date\((\d+), (\d+), (\d+)\)",
                lambda found: f"'{dt.date(*map(int, found.groups()))}'",
                row,
            )
            for row in rows
        )
        for name, rows in look.everything().items()
    }


def silent(table, copied, total):
    assert 0 <= copied <= total


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_everything_is_copied_both_ways_and_the_copy_can_be_written_to(
    kind, url, target_url, clock, cycles, look, look_at, tmp_path, monkeypatch
):
    monkeypatch.setattr(transfer, "BATCH", 7)
    fill(url, clock, cycles)
    target, back = target_url(kind), f"sqlite:///{tmp_path / 'back.db'}"
    before = plain(look)

    copied = copy_history(url, target, silent)
    copy_history(target, back, silent)

    after = plain(look_at(target))
    assert after == before
    assert plain(look_at(back)) == before
    assert copied == {name: len(rows) for name, rows in before.items() if name in copied}
    assert set(before) == {*copied, "costmon_schema"}
    assert sum(bool(rows) for rows in before.values()) >= 14
    with open_store(target, clock=clock) as store:
        token = store.claim("persister")
        assert store.record(cycles.good(50_000, samples.resource("new")), token)


def test_a_target_that_holds_rows_is_refused_and_stays_as_it_is(
    sqlite_url, target_url, clock, cycles, look_at
):
    fill(sqlite_url, clock, cycles)
    target = target_url("sqlite")
    copy_history(sqlite_url, target, silent)
    before = plain(look_at(target))

    for _ in range(2):
        with pytest.raises(StoreError, match=r"holds a history already.*empty database"):
            copy_history(sqlite_url, target, silent)

    assert plain(look_at(target)) == before


def test_a_copy_that_fails_in_the_middle_leaves_nothing_and_can_be_repeated(
    sqlite_url, target_url, clock, cycles, look_at, monkeypatch
):
    fill(sqlite_url, clock, cycles)
    target = target_url("sqlite")

    def interrupted(table, copied, _total):
        if table == "resource" and copied:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_history(sqlite_url, target, interrupted)
    left = plain(look_at(target))
    copy_history(sqlite_url, target, silent)

    assert not any(rows for name, rows in left.items() if name != "costmon_schema")


def test_a_copy_onto_itself_of_nothing_and_of_an_older_schema_is_refused(
    sqlite_url, target_url, tmp_path
):
    with pytest.raises(StoreError, match="both source and target"):
        copy_history(sqlite_url, sqlite_url, silent)
    with pytest.raises(StoreUnavailableError, match="does not exist"):
        copy_history(f"sqlite:///{tmp_path / 'none.db'}", target_url("sqlite"), silent)
    assert not (tmp_path / "none.db").exists()
    older = f"sqlite:///{tmp_path / 'older.db'}"
    upgrade(older, "0008")
    with pytest.raises(StoreOutdatedError):
        copy_history(older, target_url("sqlite"), silent)


def test_the_command_prints_counts_and_no_secret(
    sqlite_url, tmp_path, clock, cycles, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    fill(sqlite_url, clock, cycles)

    assert main(["db", "copy", sqlite_url, "sqlite:///copied.db"]) == 0
    assert "poll_cycle: 31 rows" in capsys.readouterr().out
    assert main(["db", "copy", sqlite_url, "sqlite:///copied.db"]) == 1
    assert main(["db", "copy", sqlite_url, "postgresql://u:hunter2@127.0.0.1:1/x"]) == 1
    said = capsys.readouterr()

    assert "hunter2" not in said.out + said.err
    assert said.err.count("\n") == 2

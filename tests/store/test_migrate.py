"""Up, down, up again, on empty and on filled databases; and nothing else comes of it."""

import logging

import alembic.command
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from costmon.errors import StoreError, StoreOutdatedError, StoreTooNewError
from costmon.store import migrate, open_store, revisions
from costmon.store.migrate import downgrade, upgrade
from costmon.store.revisions import check_schema, current, known_revisions
from costmon.store.schema import VERSION_TABLE, metadata
from costmon.testing import samples
from costmon.testing.clock import FakeClock
from tests.store import charges

HEAD = migrate._scripts().get_current_head()


@pytest.fixture
def fill(cycles, totals, clock):
    def record(url):
        with open_store(url, clock=clock) as store:
            token = store.claim("persister")
            observation = cycles.good(0, samples.resource("1"), totals=totals("12"))
            assert store.record(observation, token)
            store.remember_alert("threshold", "{}", token)
            store.record_charges(charges.window(charges.charge("a", "0.10")), token)
            store.record_charges(charges.window(charges.charge("a", "0.20"), at=60), token)

    return record


def tables(url, look_at):
    engine = look_at(url)._engine
    return set(sa.inspect(engine).get_table_names()), set(sa.inspect(engine).get_view_names())


def test_an_empty_database_goes_up_down_and_up_again(empty_url, look_at):
    assert current(empty_url) is None
    with pytest.raises(StoreOutdatedError, match="costmon db upgrade"):
        check_schema(empty_url)

    upgrade(empty_url)
    assert current(empty_url) == HEAD
    check_schema(empty_url)

    downgrade(empty_url, "base")
    assert current(empty_url) is None
    assert tables(empty_url, look_at) == ({VERSION_TABLE}, set())

    upgrade(empty_url)
    check_schema(empty_url)


def test_a_filled_database_goes_down_and_up_and_can_be_filled_again(url, look, fill):
    fill(url)

    downgrade(url, "base")
    upgrade(url)

    assert look("SELECT count(*) FROM poll_cycle") == [(0,)]
    fill(url)
    assert look("SELECT total_monthly FROM cost_history") == [("12.000000000",)]
    assert look('SELECT "BilledCost" FROM charge_rows') == [("0.20",)]


def test_every_revision_goes_down_and_up_by_itself(url, fill):
    revisions = [script.revision for script in migrate._scripts().walk_revisions()]
    fill(url)

    for _ in revisions:
        downgrade(url, "-1")
    assert current(url) is None
    for revision in reversed(revisions):
        upgrade(url, "+1")
        assert current(url) == revision


def test_the_view_for_people_is_the_same_before_and_after_counts_by_kind(
    url, look, cycles, totals, clock
):
    with open_store(url, clock=clock) as store:
        token = store.claim("persister")
        store.record(cycles.good(0, samples.resource("1"), totals=totals("12.5")), token)
        store.record(cycles.failed(5), token)
        store.record(cycles.good(10, totals=totals("0", kinds=(), resource_count=0)), token)
    before = look("SELECT * FROM cost_history ORDER BY id")
    assert [row[5] for row in before] == [3, 0]

    downgrade(url, "0002")
    assert look("SELECT * FROM cost_history ORDER BY id") == before
    assert look("SELECT droplet_count FROM poll_cycle ORDER BY id") == [(3,), (None,), (0,)]

    upgrade(url)
    assert look("SELECT * FROM cost_history ORDER BY id") == before
    assert look("SELECT kind_counts FROM poll_cycle ORDER BY id") == [
        ('{"droplet":3}',),
        (None,),
        ('{"droplet":0}',),
    ]


def test_upgrading_again_changes_nothing(url, look, fill):
    fill(url)
    before = look.everything()

    assert upgrade(url) is None

    assert look.everything() == before


def test_the_migrations_build_what_the_code_expects(url, look):
    with look._engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )

        assert compare_metadata(context, metadata) == []


def test_constraints_have_the_names_that_later_migrations_will_use(look):
    inspector = sa.inspect(look._engine)
    found = {
        constraint["name"]
        for table in metadata.tables
        for constraint in (
            *inspector.get_check_constraints(table),
            *inspector.get_unique_constraints(table),
            *inspector.get_foreign_keys(table),
            inspector.get_pk_constraint(table),
        )
    }

    assert found == {it.name for table in metadata.tables.values() for it in table.constraints}


def test_a_schema_of_the_future_is_refused(url, look):
    look.write(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")

    for act in (check_schema, upgrade):
        with pytest.raises(StoreTooNewError, match="9999, written by a newer version of costmon"):
            act(url)
    with pytest.raises(StoreTooNewError):
        downgrade(url, "base")
    assert current(url) == "9999"


@pytest.mark.parametrize("revision", ["nonsense", "9999"])
def test_a_revision_that_does_not_exist_is_named(url, revision):
    with pytest.raises(StoreError, match=revision):
        upgrade(url, revision)


def test_another_programs_file_is_left_alone(tmp_path, look_at):
    url = f"sqlite:///{tmp_path}/other.db"
    look = look_at(url)
    look.write("CREATE TABLE theirs (id INTEGER)")

    with pytest.raises(StoreError, match="belongs to another program"):
        upgrade(url)

    assert look("SELECT name FROM sqlite_master") == [("theirs",)]


def test_a_migration_that_fails_leaves_everything_as_it_was(url, look, fill, monkeypatch):
    fill(url)
    before = look.everything()

    def half(config, revision):
        connection = config.attributes["connection"]
        connection.exec_driver_sql("CREATE TABLE half_done (id INTEGER)")
        connection.exec_driver_sql("DELETE FROM alert_memory")
        connection.exec_driver_sql("SELECT nonsense")

    monkeypatch.setattr(alembic.command, "downgrade", half)
    with pytest.raises(StoreError, match="nonsense"):
        downgrade(url, "base")

    assert look.everything() == before


def test_dangling_rows_undo_a_migration(sqlite_url, look_at, fill, monkeypatch):
    fill(sqlite_url)
    before = look_at(sqlite_url).everything()

    def careless(config, revision):
        config.attributes["connection"].exec_driver_sql("DELETE FROM resource")

    monkeypatch.setattr(alembic.command, "downgrade", careless)
    with pytest.raises(StoreError, match="dangling"):
        downgrade(sqlite_url, "base")

    assert look_at(sqlite_url).everything() == before


def test_an_old_file_is_copied_before_it_changes(sqlite_url, look_at, fill, tmp_path):
    fill(sqlite_url)

    copy = downgrade(sqlite_url, "base", clock=FakeClock())

    assert copy is not None
    assert copy == tmp_path / f"costmon.db.backup-{HEAD}-20261121T100000000000Z"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert look_at(f"sqlite:///{copy}")("SELECT count(*) FROM poll_cycle") == [(1,)]
    assert upgrade(sqlite_url) is None, "an empty schema holds nothing to copy"


def test_the_newest_five_copies_are_kept(sqlite_url, tmp_path, look_at):
    clock = FakeClock()
    (tmp_path / "costmon.db.backup-by-hand").touch()
    made = []
    for _ in range(7):
        made.append(downgrade(sqlite_url, "base", clock=clock))
        upgrade(sqlite_url)
        clock.advance(3600)

    kept = sorted(tmp_path.glob("costmon.db.backup-0*"))
    assert kept == made[2:]
    assert (tmp_path / "costmon.db.backup-by-hand").exists()


def test_migrating_says_nothing_and_leaves_logging_alone(empty_url, capfd):
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.root.manager.disable)

    upgrade(empty_url)
    downgrade(empty_url, "base")

    assert capfd.readouterr() == ("", "")
    assert (root.level, list(root.handlers), logging.root.manager.disable) == before


def test_a_path_with_special_characters_works(tmp_path, look_at):
    folder = tmp_path / "100% döner #1 [a]"
    folder.mkdir()
    url = f"sqlite:///{folder}/costmon.db"

    upgrade(url)
    downgrade(url, "base")

    assert len(list(folder.glob("costmon.db.backup-*"))) == 1


def test_revisions_are_known_from_the_names_of_their_files():
    scripts = migrate._scripts()

    assert known_revisions() == tuple(
        reversed([script.revision for script in scripts.walk_revisions()])
    )
    assert known_revisions()[-1] == scripts.get_current_head()


def test_migrations_are_found_in_an_installed_wheel_and_in_a_checkout(tmp_path, monkeypatch):
    checkout = revisions.migrations()
    assert (checkout / "env.py").is_file()

    installed = tmp_path / "costmon"
    (installed / "_migrations").mkdir(parents=True)
    monkeypatch.setattr(revisions, "files", lambda _: installed)

    assert revisions.migrations() == installed / "_migrations"

"""A database that cannot be used at the start: costs are served, observations wait."""

import random
import sqlite3
from contextlib import closing

import pytest
from structlog.testing import capture_logs

from costmon.bootstrap.schema import prepare_schema
from costmon.bootstrap.service import Service, with_api_urls
from costmon.clock import SystemClock
from costmon.config import Settings
from costmon.demo import DemoServer
from costmon.providers import catalog
from costmon.store import migrate
from costmon.store.migrate import upgrade

TOKEN = "dop_v1_0123456789abcdef"


@pytest.fixture(scope="module")
def vendor():
    server = DemoServer(SystemClock(), token=TOKEN)
    yield server.start()
    server.stop()


@pytest.fixture
def settings(tmp_path, vendor):
    made = Settings.from_env(
        {"DO_API_TOKEN": TOKEN, "COSTMON_STATE_DIR": str(tmp_path)},
        providers=catalog.declarations(),
    )
    return with_api_urls(made, {"digitalocean": vendor})


def noise(path, settings):
    path.write_bytes(random.Random(1).randbytes(50_000))


def truncated(path, settings):
    upgrade(settings.database_url)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])


def header_only(path, settings):
    upgrade(settings.database_url)
    path.write_bytes(path.read_bytes()[:4096])


def a_directory(path, settings):
    path.mkdir()


def a_newer_version(path, settings):
    upgrade(settings.database_url)
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE costmon_schema SET version_num = '9999'")
        database.commit()


def outdated_and_damaged(path, settings):
    upgrade(settings.database_url, "0008")
    content = bytearray(path.read_bytes())
    content[-40_000:] = bytes(40_000)
    path.write_bytes(content)


def known(service):
    """Return the resources that are published."""
    snapshot = service.cell.latest()
    inventory = snapshot.accounts[0].inventory if snapshot else None
    return inventory.resources if inventory else ()


@pytest.mark.parametrize(
    ("make", "remedy"),
    [
        (noise, "costmon db restore"),
        (truncated, "costmon db restore"),
        (header_only, "costmon db restore"),
        (a_directory, "this user can write to it"),
        (a_newer_version, "use that version"),
        (outdated_and_damaged, "costmon db restore"),
    ],
)
def test_costs_are_served_observations_wait_and_what_to_do_is_told(
    make, remedy, settings, tmp_path
):
    database = tmp_path / "costmon.db"
    make(database, settings)
    before = None if database.is_dir() else database.read_bytes()

    with capture_logs():
        prepare_schema(settings)
        service = Service(settings, clock=SystemClock(), on_scan=lambda: None)
        service.start()
        try:
            for _ in range(200):
                if len(service.journal) and known(service):
                    break
                service.system.wait(0.05)
            waiting, fault = len(service.journal), service.database_fault()
            resources = known(service)
        finally:
            report = service.stop()

    assert waiting >= 1
    assert fault is not None
    assert remedy in fault
    assert resources
    assert report.exit_code == 0
    if make is a_newer_version:
        assert database.read_bytes() == before, "a newer version's history is not written to"


def test_a_full_disk_before_an_upgrade_is_no_traceback(settings, tmp_path, monkeypatch):
    upgrade(settings.database_url, "0008")

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(migrate, "back_up_beside", full)
    with capture_logs() as logs:
        prepare_schema(settings)

    assert [it["event"] for it in logs] == ["bootstrap.database_unusable"]
    assert "free some disk space" in logs[0]["error"]

"""The real process on a real PostgreSQL."""

import os
import signal
import uuid

import pytest
import sqlalchemy as sa

from tests.journeys.service import CURRENT, PATIENCE_S, run

pytestmark = [pytest.mark.process, pytest.mark.postgres]


@pytest.fixture
def url():
    if "PGHOST" not in os.environ:
        pytest.skip("no PostgreSQL: PGHOST is not set (run under pg_virtualenv)")
    where = "{PGUSER}:{PGPASSWORD}@{PGHOST}:{PGPORT}".format_map(os.environ)
    admin = sa.create_engine(f"postgresql+psycopg://{where}/postgres", isolation_level="AUTOCOMMIT")
    name = f"costmon_journey_{uuid.uuid4().hex[:8]}"
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield f"postgresql://{where}/{name}"
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def cycles(url):
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT cycle_id FROM poll_cycle")).scalars().all()
    engine.dispose()
    return rows


def test_without_leave_the_schema_of_a_server_is_not_touched(tmp_path, vendor, url):
    with run(tmp_path, vendor, COSTMON_DATABASE_URL=url) as service:
        assert service.process.wait(PATIENCE_S) == 2

    assert "costmon db upgrade" in "".join(service.raw)


def test_history_survives_kill_9_and_nothing_is_there_twice(tmp_path, vendor, url):
    leave = {"COSTMON_DATABASE_URL": url, "COSTMON_DATABASE_UPGRADE": "yes"}
    with run(tmp_path, vendor, **leave) as service:
        service.wait_for("persister.cycle_written", count=3)
        service.process.send_signal(signal.SIGKILL)
        service.process.wait(PATIENCE_S)
    acknowledged = {line["cycle_id"] for line in service.heard("persister.cycle_written")}

    with run(tmp_path, vendor, **leave) as service:
        assert service.when(CURRENT, 200).json()["data"]["droplet_count"] > 0
        service.wait_for("persister.cycle_written")
        assert service.terminate() == 0

    rows = cycles(url)
    assert acknowledged <= set(rows)
    assert len(rows) == len(set(rows))
    assert os.environ["PGPASSWORD"] not in "".join(service.raw)

"""One history per test, on SQLite and, where there is a server, on PostgreSQL.

`pg_virtualenv pytest tests/store` provides the server; without PGHOST those tests are skipped.
"""

import dataclasses
import datetime as dt
import os
import shutil
import sqlite3
import uuid

import pytest
import sqlalchemy as sa

from costmon.domain.poll import Observation
from costmon.state.accounts import totals_of
from costmon.store import open_store
from costmon.store.migrate import upgrade
from costmon.testing import samples
from costmon.testing.clock import START, FakeClock

DATABASES = [
    pytest.param("sqlite", id="sqlite"),
    pytest.param("postgresql", id="postgresql", marks=pytest.mark.postgres),
]


@pytest.fixture
def clock():
    """A clock a day after everything that tests observe, so that nothing lies in its future."""
    return FakeClock(START + dt.timedelta(days=400))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "costmon.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_server():
    """Run statements as the server's administrator."""
    if not os.environ.get("PGHOST"):
        pytest.skip("no PostgreSQL: PGHOST is not set (run under pg_virtualenv)")
    engine = sa.create_engine(server_url("postgres"), isolation_level="AUTOCOMMIT")

    def execute(statement):
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    yield execute
    engine.dispose()


def server_url(database):
    return sa.URL.create(
        "postgresql+psycopg",
        username=os.environ.get("PGUSER"),
        password=os.environ.get("PGPASSWORD"),
        host=os.environ["PGHOST"],
        port=int(os.environ.get("PGPORT", "5432")),
        database=database,
    )


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server):
    name = f"costmon_template_{uuid.uuid4().hex[:8]}"
    postgresql_server(f"CREATE DATABASE {name}")
    upgrade(server_url(name).render_as_string(hide_password=False))
    yield name
    postgresql_server(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=DATABASES)
def empty_url(request, tmp_path):
    """A database without a schema."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'costmon.db'}"
        return
    execute = request.getfixturevalue("postgresql_server")
    name = f"costmon_{uuid.uuid4().hex[:8]}"
    execute(f"CREATE DATABASE {name}")
    yield server_url(name).render_as_string(hide_password=False)
    execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=DATABASES)
def url(request, tmp_path):
    """A database with the present schema and nothing in it."""
    if request.param == "sqlite":
        path = tmp_path / "costmon.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    execute = request.getfixturevalue("postgresql_server")
    name = f"costmon_{uuid.uuid4().hex[:8]}"
    execute(f"CREATE DATABASE {name} TEMPLATE {request.getfixturevalue('postgresql_template')}")
    yield server_url(name).render_as_string(hide_password=False)
    execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(sqlite_template, tmp_path):
    path = tmp_path / "costmon.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def store(url, clock):
    with open_store(url, clock=clock) as opened:
        yield opened


@pytest.fixture
def token(store):
    return store.claim("persister")


class Look:
    """Reads a database by plain SQL, as a person would."""

    def __init__(self, url):
        self._engine = sa.create_engine(
            url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool
        )

    def __call__(self, statement):
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]

    def write(self, statement):
        with self._engine.begin() as connection:
            connection.exec_driver_sql(statement)

    def everything(self):
        """Return every row of every table, to see that nothing changed."""
        names = sa.inspect(self._engine).get_table_names()
        return {name: sorted(map(repr, self(f"SELECT * FROM {name}"))) for name in names}


@pytest.fixture
def look(url):
    return Look(url)


@pytest.fixture
def look_at():
    return Look


def at(minutes):
    """Return a moment so many minutes after START (2026-11-21 10:00 UTC)."""
    return START + dt.timedelta(minutes=minutes)


class Cycles:
    """Makes observations; each has an id of its own unless told otherwise."""

    def __init__(self):
        self._made = 0

    def good(self, minutes, *resources, cycle_id=None, totals=None, **facts):
        moment = at(minutes)
        account = facts.get("account", "digitalocean")
        return Observation(
            report=samples.report(
                cycle_id or self._next(),
                account=account,
                provider=facts.get("provider", "digitalocean"),
                started_at=moment,
            ),
            inventory=samples.inventory(resources, observed_at=moment, **facts),
            failure=None,
            totals=totals,
        )

    def failed(self, minutes, reason="server", message="answered 500", totals=None):
        moment = at(minutes)
        return Observation(
            report=samples.report(self._next(), started_at=moment),
            inventory=None,
            failure=samples.failure(reason, message, failed_at=moment),
            totals=totals,
        )

    def _next(self):
        self._made += 1
        return f"cycle-{self._made}"


@pytest.fixture
def cycles():
    return Cycles()


@pytest.fixture
def totals():
    def make(monthly, **facts):
        from decimal import Decimal

        known = totals_of(Decimal(monthly), {"droplet": 3, "volume": 2}, 1)
        return dataclasses.replace(known, **facts)

    return make


@pytest.fixture
def raw_sqlite(sqlite_url):
    """A second program with the same SQLite file."""
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    yield connection
    connection.close()

"""One store per test, of each kind whose server there is.

`pg_virtualenv pytest tests/guard/stores` provides PostgreSQL; a Redis server is started when there
is one to start.
"""

import contextlib
import os
import shutil
import uuid
from typing import Any

import pytest

from costmon.testing.clock import FakeClock
from tests.guard.stores import makers, places, servers


def pytest_configure(config):
    config.addinivalue_line("markers", "redis: needs redis-server (skipped when there is none)")


@pytest.fixture
def clock():
    return FakeClock(makers.START)


@pytest.fixture(scope="session")
def postgres_server():
    """A database for all tests: how to run statements in it, and its URL."""
    if not os.environ.get("PGHOST"):
        pytest.skip("no PostgreSQL: PGHOST is not set (run under pg_virtualenv)")
    import psycopg

    name = f"costmon_guard_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(_postgres_url("postgres"), autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}")
        with psycopg.connect(_postgres_url(name), autocommit=True) as mine:
            yield mine.execute, _postgres_url(name)
        db.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _postgres_url(database):
    user, password = os.environ.get("PGUSER", ""), os.environ.get("PGPASSWORD", "")
    host, port = os.environ["PGHOST"], os.environ.get("PGPORT", "5432")
    return f"postgresql://{user}:{password}@{host}:{port}/{database}"


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    pytest.importorskip("redis", reason="redis-py is not installed")
    if shutil.which("redis-server") is None:
        pytest.skip("no Redis: redis-server is not installed")
    server = servers.RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def place(request, clock, tmp_path):
    """Where a store keeps things; parametrised by the tests' modules."""
    yield from _place(request, request.param, clock, tmp_path)


def _place(request, kind, clock, tmp_path):
    made: Any
    if kind == "memory":
        made = places.Memory(clock)
    elif kind == "sqlite":
        made = places.SQLite(clock, tmp_path / "guard.db")
    elif kind == "slab":
        made = places.Slabs(clock, tmp_path / "guard.db")
    elif kind == "postgresql":
        execute, url = request.getfixturevalue("postgres_server")
        name = f"test_{uuid.uuid4().hex[:8]}"
        execute(f"CREATE SCHEMA {name}")
        made = places.Postgres(clock, f"{url}?options=-csearch_path%3D{name}")
        yield made
        made.close()
        execute("SET client_min_messages = warning")
        execute(f"DROP SCHEMA {name} CASCADE")
        return
    else:
        made = places.Redis(clock, request.getfixturevalue("redis_server").url)
    yield made
    made.close()


@pytest.fixture
def new_place(request, tmp_path):
    """How to make an empty place of one kind and its clock, as often as wanted; parametrised."""

    @contextlib.contextmanager
    def made():
        clock = FakeClock(makers.START)
        folder = tmp_path / uuid.uuid4().hex
        folder.mkdir()
        with contextlib.contextmanager(_place)(request, request.param, clock, folder) as place:
            yield place, clock

    return made


@pytest.fixture
def store(place):
    return place.open()

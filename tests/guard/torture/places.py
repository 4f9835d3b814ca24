"""A store for one campaign, of each kind whose server there is."""

import os
import shutil
from contextlib import contextmanager

from tests.guard.stores.servers import RedisServer

KINDS = ("memory", "sqlite", "postgresql", "redis")


class Missing(Exception):  # noqa: N818 - no fault: say why and go on
    """There is no server of that kind."""


@contextmanager
def opened(kind, folder, name):
    """Yield the URL of an empty store.

    Raises:
        Missing: Its server is not there.
    """
    if kind == "memory":
        yield "memory://"
    elif kind == "sqlite":
        yield f"sqlite:///{folder / 'guard.db'}"
    elif kind == "postgresql":
        yield from _database(name)
    else:
        if shutil.which("redis-server") is None:
            raise Missing("redis-server is not installed")
        server = RedisServer(folder)
        server.start()
        try:
            yield server.url
        finally:
            server.stop()


def _database(name):
    if not os.environ.get("PGHOST"):
        raise Missing("PGHOST is not set; run under pg_virtualenv")
    import psycopg

    user, password = os.environ.get("PGUSER", ""), os.environ.get("PGPASSWORD", "")
    host, port = os.environ["PGHOST"], os.environ.get("PGPORT", "5432")
    server = f"postgresql://{user}:{password}@{host}:{port}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}".encode())
        try:
            # The server is not killed here, only its clients are: nothing need be on the disk.
            yield f"{server}/{name}?options=-csynchronous_commit%3Doff"
        finally:
            db.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

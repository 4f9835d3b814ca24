"""Where each kind of store keeps things in a test, and how time passes there."""

import contextlib
import random
import sqlite3

from costmon.guard.stores.memory import MemoryStore
from costmon.guard.stores.sqlite import SQLiteStore


class Memory:
    """One object: other processes and other objects have counters of their own."""

    kind = "memory"
    shared = False
    exact_to = None

    def __init__(self, clock):
        self._clock = clock
        self._store = MemoryStore(clock=clock)

    def open(self):
        return self._store

    def let_pass(self, seconds):
        self._clock.advance(seconds)

    def close(self):
        self._store.close()


class SQLite:
    """A file."""

    kind = "sqlite"
    shared = True
    exact_to = 2**63 - 1

    def __init__(self, clock, path):
        self._clock = clock
        self.path = path
        self.url = f"sqlite:///{path}"
        self._opened = []

    def open(self, **named):
        store = SQLiteStore(str(self.path), clock=self._clock, rng=random.Random(1), **named)
        self._opened.append(store)
        return store

    def let_pass(self, seconds):
        self._clock.advance(seconds)

    def close(self):
        for store in self._opened:
            store.close()

    def sql(self, statement):
        with contextlib.closing(sqlite3.connect(self.path, timeout=10)) as db, db:
            return db.execute(statement).fetchall()


class Postgres:
    """A database of its own."""

    kind = "postgresql"
    shared = True
    exact_to = 2**63 - 1

    def __init__(self, clock, url):
        self._clock = clock
        self.url = url
        self._opened = []

    def open(self):
        from costmon.guard.stores.postgres import PostgresStore

        store = PostgresStore(self.url, clock=self._clock, rng=random.Random(1))
        self._opened.append(store)
        return store

    def let_pass(self, seconds):
        """Make everything older: the time is the server's."""
        self._clock.advance(seconds)
        self.sql(f"UPDATE costmon_guard_lease SET at_s = at_s - {seconds}")

    def sql(self, statement):
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as db:
            cursor = db.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def close(self):
        for store in self._opened:
            store.close()


class Redis:
    """A server whose only content this is."""

    kind = "redis"
    shared = True
    exact_to = 2**63 - 1

    def __init__(self, clock, url):
        import redis

        self._clock = clock
        self.url = url
        self._opened = []
        self.admin = redis.Redis.from_url(url, decode_responses=True)
        self.admin.flushall()

    def open(self):
        from costmon.guard.stores.redis import RedisStore

        store = RedisStore(self.url, clock=self._clock)
        self._opened.append(store)
        return store

    def let_pass(self, seconds):
        """Make everything older: the time is the server's."""
        self._clock.advance(seconds)
        due = "costmon:guard:{costmon}:due"
        for name in self.admin.zrange(due, 0, -1):
            self.admin.zincrby(due, -seconds, str(name))
        for key in self.admin.scan_iter():
            left_ms = self.admin.pttl(key)
            if left_ms > 0:
                self.admin.pexpire(key, max(0, left_ms - int(seconds * 1000)))

    def close(self):
        for store in self._opened:
            store.close()
        self.admin.close()


class Slabs(SQLite):
    """Slabs in front of a file."""

    kind = "slab"

    def open(self, **named):
        from costmon.guard.stores.slab import SlabStore

        store = SlabStore(super().open(**named), share="0.1", clock=self._clock)
        self._opened.append(store)
        return store

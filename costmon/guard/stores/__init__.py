"""Stores of a guard's counters and leases: one module per kind of store."""

import random

from costmon.clock import EpochClock
from costmon.errors import InputError
from costmon.guard.errors import GuardDriverMissing
from costmon.guard.stores.base import Store

ACCEPTED = (
    "memory://, sqlite:///relative/path, sqlite:////absolute/path, postgresql://host/database,"
    " redis://host:6379/0, rediss://... or unix:///path/redis.sock"
)


def open_store(url: str, *, clock: EpochClock, rng: random.Random) -> Store:
    """Return the store of a URL; it connects when it is first used.

    Args:
        url: See `ACCEPTED`.
        clock: For stores without a clock of their own.
        rng: Source of jitter for retries.

    Raises:
        InputError: The URL is not one of a store.
        GuardDriverMissing: Its driver cannot be imported.
    """
    scheme, separator, rest = url.partition("://")
    # Each kind is imported when it is used, because drivers take long to import.
    if scheme == "memory" and separator and not rest:
        from costmon.guard.stores.memory import MemoryStore

        return MemoryStore(clock=clock)
    if scheme == "sqlite" and len(rest) > 1 and rest.startswith("/"):
        from costmon.guard.stores.sqlite import SQLiteStore

        return SQLiteStore(rest[1:], clock=clock, rng=rng)
    if scheme in {"postgresql", "postgresql+psycopg", "postgres"} and separator:
        _need("psycopg", "postgres", "postgresql://")
        from costmon.guard.stores.postgres import PostgresStore

        return PostgresStore(f"postgresql://{rest}", clock=clock, rng=rng)
    if scheme in {"redis", "rediss", "unix"} and separator:
        _need("redis", "redis", f"{scheme}://")
        from costmon.guard.stores.redis import RedisStore

        return RedisStore(url, clock=clock)
    # Only the scheme is shown, and only if it looks like one: the rest may contain a password.
    shown = scheme if separator and scheme.isascii() and scheme.replace("+", "").isalnum() else "?"
    raise InputError(f"{shown[:20]}:// is not a store of a guard: use {ACCEPTED}")


def _need(module: str, extra: str, shown: str) -> None:
    from importlib import import_module

    try:
        import_module(module)
    except ImportError as error:
        # Also psycopg without libpq, whose message has several lines.
        reason = str(error).partition("\n")[0]
        raise GuardDriverMissing(
            shown,
            "be opened",
            f'its driver cannot be imported ({reason}): pip install "costmon[{extra}]"',
        ) from None

"""Stores by URL."""

import random
import subprocess
import sys

import pytest

from costmon.clock import SystemClock
from costmon.errors import InputError
from costmon.guard.errors import GuardDriverMissing, GuardStoreUnavailable
from costmon.guard.stores import open_store
from tests.guard.stores.makers import limited, line


def opened(url):
    return open_store(url, clock=SystemClock(), rng=random.Random(1))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("memory://", "memory://"),
        ("sqlite:///guard.db", "sqlite:///guard.db"),
        ("sqlite:////tmp/x/guard.db", "sqlite:////tmp/x/guard.db"),
        ("postgresql://me:s3cret@db:5432/costs?sslmode=require", "postgresql://db:5432/costs"),
        ("postgresql+psycopg://me:s3cret@db/costs", "postgresql://db/costs"),
        ("postgresql://db/costs?password=s3cret", "postgresql://db/costs"),
        ("redis://:s3cret@cache:6379/2", "redis://cache:6379/2"),
        ("rediss://cache/0?password=s3cret", "rediss://cache/0"),
        ("unix://me:s3cret@/run/redis.sock?db=1", "unix:///run/redis.sock"),
    ],
)
def test_a_store_is_opened_by_its_url_and_shown_without_credentials(url, shown):
    store = opened(url)

    assert str(store) == shown
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:s3cret@db/x",
        "",
        "s3cret",
        "sqlite://s3cret",
        "sqlite:///",
        "memory://s3cret",
        "redis:s3cret",
        "s3cret at home://x",
    ],
)
def test_another_url_is_refused_with_what_is_accepted(url):
    with pytest.raises(InputError, match="sqlite:///") as caught:
        opened(url)

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", ["redis://me:s3cret@cache:port/x", "postgresql://me:s3cret@[db/x"])
def test_a_url_that_cannot_be_read_is_refused_without_its_password(url):
    with pytest.raises(InputError) as caught:
        opened(url)

    assert "s3cret" not in repr(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "url", ["redis://me:s3cret@127.0.0.1:1/0", "postgresql://me:s3cret@127.0.0.1:1/x"]
)
def test_a_server_that_is_away_is_unavailable_and_named_without_its_password(url):
    store = opened(url)

    for ask in (store.settings, lambda: store.reserve(limited(5), 1, 5.0), store.sweep):
        with pytest.raises(GuardStoreUnavailable, match="does not answer") as caught:
            ask()
        assert "s3cret" not in str(caught.value)
    store.close()


@pytest.mark.parametrize(("name", "extra"), [("psycopg", "postgres"), ("redis", "redis")])
def test_a_missing_driver_names_the_extra(monkeypatch, name, extra):
    monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(GuardDriverMissing, match=rf"costmon\[{extra}\]"):
        opened(f"{'postgresql' if name == 'psycopg' else 'redis'}://host/0")


def test_a_driver_that_cannot_be_loaded_says_why_in_one_line(monkeypatch, tmp_path):
    (tmp_path / "psycopg.py").write_text(
        "raise ImportError('no pq wrapper available.\\nAttempts made:\\n- none')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "psycopg", raising=False)

    with pytest.raises(GuardDriverMissing, match=r"\(no pq wrapper available\.\): pip install"):
        opened("postgresql://host/0")


def test_opening_touches_nothing(tmp_path):
    opened(f"sqlite:///{tmp_path}/guard.db").close()

    assert list(tmp_path.iterdir()) == []


def test_the_memory_store_imports_no_other():
    code = (
        "import sys, random; from costmon.clock import SystemClock;"
        "from costmon.guard.stores import open_store;"
        "open_store('memory://', clock=SystemClock(), rng=random.Random());"
        "print([n for n in ('sqlite3', 'json', 'psycopg', 'redis', 'logging') if n in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_a_relative_path_is_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = opened("sqlite:///guard.db")

    assert store.totals([line()]) == [(0, 0)]

    assert (tmp_path / "guard.db").exists()
    store.close()

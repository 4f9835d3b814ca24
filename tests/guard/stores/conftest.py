"""One store per test, of each kind whose server there is."""

import pytest

from costmon.testing.clock import FakeClock
from tests.guard.stores import places


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def place(request, clock, tmp_path):
    """Where a store keeps things; parametrised by the tests' modules."""
    kind = request.param
    if kind == "memory":
        made = places.Memory(clock)
    elif kind == "sqlite":
        made = places.SQLite(clock, tmp_path / "guard.db")
    yield made
    made.close()


@pytest.fixture
def store(place):
    return place.open()

"""The past of the demo's program in the database."""

import datetime as dt
import math
import shutil
import threading

import pytest

from costmon.bootstrap.demo import DemoPast, DemoSpendHistory
from costmon.detection import SpendWatch
from costmon.domain.finding import Series, bucket_floor
from costmon.domain.spend import GuardReport
from costmon.errors import StoreUnavailableError
from costmon.state.published import Published
from costmon.store import Retention, open_store
from costmon.store.migrate import upgrade
from costmon.testing import FakeClock

pytestmark = pytest.mark.process


@pytest.fixture
def store(tmp_path):
    url = f"sqlite:///{tmp_path}/costmon.db"
    upgrade(url)
    with open_store(url, clock=FakeClock()) as opened:
        yield opened


@pytest.fixture
def reported():
    return []


@pytest.fixture
def past():
    made = DemoPast(3600, FakeClock())
    yield made
    made.stop()


@pytest.fixture
def history(store, reported, past):
    return DemoSpendHistory(store, lambda: None, Published(None), past=past, report=reported.append)


def loaded(history):
    for _ in range(3000):
        try:
            return history.load()
        except StoreUnavailableError:
            threading.Event().wait(0.01)
    raise AssertionError("the past was not made")


def test_the_past_is_made_beside_and_found_by_the_next_look(store, reported, past, history):
    with pytest.raises(StoreUnavailableError, match="is being made"):
        history.load()
    first = loaded(history)
    again = DemoSpendHistory(
        store, lambda: None, Published(None), past=past, report=reported.append
    ).load()

    until = bucket_floor(FakeClock().now(), 3600)
    assert first.position is not None
    assert first.position.fed_until == until
    assert Series("global", "USD") in first.watches
    assert {SpendWatch.from_bytes(it.state).config.step_s for it in first.watches.values()} == {
        3600
    }
    assert again == first
    assert len(reported) == 1


def test_a_new_demo_forgets_what_guards_reported_to_the_last_one(store, reported, history):
    loaded(history)
    (report,) = reported
    assert isinstance(report, GuardReport)
    store.record_report(report, Retention(guard_spend=math.inf), store.claim("persister"))

    store.forget_guards()

    ever = dt.datetime(2000, 1, 1, tzinfo=dt.UTC), dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
    assert store.watches().position is None
    assert store.spend_sums(*ever) == {}
    assert store.series_hours(Series("global", "USD"), *ever) == {}


def test_a_past_that_could_not_be_made_is_made_again(store, history, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr("sys.executable", shutil.which("false"))
        for _ in range(2):
            with pytest.raises(StoreUnavailableError):
                history.load()

    assert loaded(history).position is not None

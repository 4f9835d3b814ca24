"""What metered workers have reported outlives the service."""

import pytest
from structlog.testing import capture_logs

from costmon.meter.recording_control import Control
from costmon.state import meters
from costmon.store.meters import MeterFile
from tests.meter.reporting.samples import BEGAN_AT, row, snapshot

NOON_S = 1_000.0
EARLIER = meters.first("run1")
LATER = meters.first("run2")


def some():
    """Return what two services have said: one has workers, a sum, and an order."""
    seen = meters.reported(EARLIER, 3, snapshot(row("/gone"), pid=1), NOON_S, final=True)
    seen = meters.swept(seen, NOON_S)
    seen = meters.reported(seen, 7, snapshot(row("/a"), row("/b"), pid=2), NOON_S, final=False)
    seen = meters.reported(seen, 1, snapshot(row(), service="blog"), NOON_S, final=False)
    return meters.ordered(seen, "shop", Control("", is_recording=True, issued_at=BEGAN_AT))


def test_all_of_it_comes_back_in_the_next_run(tmp_path):
    file = MeterFile(tmp_path / "meters.json")
    file.save(some())

    found = file.load(LATER, NOON_S)

    assert found == some()._replace(epoch="run2", is_loaded=True)
    assert meters.services(found, NOON_S) == meters.services(some(), NOON_S)


def test_the_file_is_for_its_user_alone_and_nothing_stands_beside_it(tmp_path):
    MeterFile(tmp_path / "meters.json").save(some())

    (only,) = tmp_path.iterdir()
    assert (only.name, only.stat().st_mode & 0o777) == ("meters.json", 0o600)


def test_at_first_there_is_nothing(tmp_path):
    found = MeterFile(tmp_path / "meters.json").load(LATER, NOON_S)

    assert found == LATER._replace(is_loaded=True)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"v":9}', '{"v":1,"services":[{}]}'])
def test_a_damaged_file_is_said_and_set_aside(tmp_path, content):
    path = tmp_path / "meters.json"
    path.write_text(content)

    with capture_logs() as logs:
        found = MeterFile(path).load(LATER, NOON_S)

    assert found.services == {}
    assert [it["event"] for it in logs] == ["store.meters_damaged"]
    assert [it.name for it in tmp_path.iterdir()] == ["meters.bad"]


def test_a_file_that_cannot_be_read_is_said_and_left(tmp_path):
    path = tmp_path / "meters.json"
    path.mkdir()

    with capture_logs() as logs:
        found = MeterFile(path).load(LATER, NOON_S)

    assert found.is_loaded
    assert [it["event"] for it in logs] == ["store.meters_unreadable"]
    assert path.is_dir()


def test_what_cannot_be_written_leaves_the_version_before(tmp_path, monkeypatch):
    path = tmp_path / "meters.json"
    MeterFile(path).save(some())
    with monkeypatch.context() as full:
        full.setattr("os.fsync", _full)
        with pytest.raises(OSError, match="No space"):
            MeterFile(path).save(EARLIER)

    assert MeterFile(path).load(LATER, NOON_S).services
    assert [it.name for it in tmp_path.iterdir()] == ["meters.json"]


def _full(*_):
    raise OSError(28, "No space left on device")

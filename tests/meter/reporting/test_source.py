"""Readers see one snapshot for each service, and what they order reaches every worker."""

import pytest

from costmon.meter.recording_control import Control
from costmon.meter.reporting.files import Files
from costmon.meter.reporting.folders import make_private, service_folder
from costmon.meter.reporting.locked_file import LockedFile
from costmon.meter.reporting.source import FileSource
from costmon.meter.reporting.wire import encode
from tests.meter.reporting.samples import BEGAN_AT, counted, row, snapshot


class Own:
    """This process's meter."""

    def __init__(self, now):
        self.now = now
        self.told = []

    def snapshot(self):
        return self.now

    def apply(self, control):
        self.told.append(control)


@pytest.fixture
def keep(tmp_path):
    """Return what makes a living worker's file."""
    kept = []

    def act(sent):
        folder = service_folder(tmp_path / "meter", sent.service)
        make_private(folder)
        file = LockedFile(folder, sent.pid, sent.boot)
        file.keep(encode(sent))
        kept.append(file)

    yield act
    for file in kept:
        file.forget()


def test_all_services_are_found_by_name(tmp_path, keep):
    keep(snapshot(row(requests=1), service="shop", pid=1))
    keep(snapshot(row(requests=2), service="shop", pid=2))
    keep(snapshot(row(requests=5), service="blog", pid=3))

    found = FileSource(tmp_path / "meter").services()

    assert [(it.service, counted(it)) for it in found] == [("blog", {"/": 5}), ("shop", {"/": 3})]


def test_nobody_has_measured_anything_yet(tmp_path):
    assert FileSource(tmp_path / "nowhere").services() == ()


def test_a_process_shows_its_own_service_with_its_present_figures(tmp_path, keep):
    keep(snapshot(row(requests=1), pid=1))
    keep(snapshot(row(requests=2), pid=2))
    keep(snapshot(row(requests=5), service="blog", pid=3))
    own = Own(snapshot(row(requests=9), pid=1, seq=7))

    (only,) = FileSource(tmp_path / "meter", own).services()

    assert (only.service, counted(only), only.processes) == ("shop", {"/": 11}, 2)


def test_a_fresh_process_without_the_recordings_name_does_not_hide_the_others(tmp_path, keep):
    keep(snapshot(row(requests=2), pid=2, recording="r1"))
    own = Own(snapshot(pid=1, started_at=BEGAN_AT + 50))

    (only,) = FileSource(tmp_path / "meter", own).services()

    assert counted(only) == {"/": 2}


def test_an_order_reaches_this_process_at_once_and_the_others_by_file(tmp_path, keep):
    keep(snapshot(row(), pid=2))
    own = Own(snapshot(row(), pid=1))
    control = Control("r2", is_recording=True, issued_at=BEGAN_AT + 61)

    FileSource(tmp_path / "meter", own).order("shop", control)

    assert own.told == [control]
    assert Files(service_folder(tmp_path / "meter", "shop")).control() == control


def test_what_was_reset_is_empty_before_the_workers_have_heard_of_it(tmp_path, keep):
    keep(snapshot(row(requests=2)))
    source = FileSource(tmp_path / "meter")

    source.order("shop", Control("r2", is_recording=True, issued_at=BEGAN_AT + 61))

    (only,) = source.services()
    assert (only.recording, only.routes, only.is_recording) == ("r2", (), True)


def test_a_worker_that_began_anew_by_itself_is_not_hidden_by_an_older_order(tmp_path, keep):
    source = FileSource(tmp_path / "meter")
    source.order("shop", Control("r1", is_recording=True, issued_at=BEGAN_AT - 10))
    keep(snapshot(row(requests=2), recording="r2"))

    (only,) = source.services()

    assert (only.recording, counted(only)) == ("r2", {"/": 2})


def test_damaged_files_count_as_faults(tmp_path, keep):
    keep(snapshot(row()))
    (service_folder(tmp_path / "meter", "shop") / "7-b.json").write_text("{")

    (only,) = FileSource(tmp_path / "meter").services()

    assert only.faults == 1

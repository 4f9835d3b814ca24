"""Workers leave files, die, and are counted once: whatever happens in between."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from costmon.meter.recording_control import Control
from costmon.meter.reporting import files as files_module
from costmon.meter.reporting.files import Files
from costmon.meter.reporting.folders import base_folder, make_private, service_folder
from costmon.meter.reporting.locked_file import LockedFile
from costmon.meter.reporting.merging import merged
from costmon.meter.reporting.wire import encode
from costmon.testing.clock import FakeClock
from tests.meter.reporting.samples import BEGAN_AT, counted, row, snapshot


@pytest.fixture
def folder(tmp_path):
    folder = service_folder(tmp_path / "meter", "shop")
    make_private(folder)
    return folder


@pytest.fixture
def living(folder):
    """Return what makes a worker's file; all of them live until the end of the test."""
    kept = []

    def keep(sent):
        file = LockedFile(folder, sent.pid, sent.boot)
        file.keep(encode(sent))
        kept.append(file)
        return file

    yield keep
    for file in kept:
        file.forget()


def total(files):
    return counted(merged(files.gather()))


def test_every_living_worker_is_found(folder, living):
    living(snapshot(row(requests=2), pid=1))
    living(snapshot(row(requests=3), pid=2))

    found = Files(folder).gather()

    assert [it.processes for it in found] == [1, 1]
    assert counted(merged(found)) == {"/": 5}


def test_a_servers_master_that_serves_the_page_is_no_worker(folder, living):
    master = snapshot(pid=9)
    assert [it.pid for it in Files(folder).gather(master)] == [9]

    living(snapshot(row(requests=2), pid=1))

    assert [it.pid for it in Files(folder).gather(master)] == [1]


def test_a_newer_version_takes_the_place_of_the_one_before(folder, living):
    files = Files(folder)
    file = living(snapshot(row(requests=2), seq=1))
    assert total(files) == {"/": 2}

    file.keep(encode(snapshot(row(requests=3), seq=2)))

    assert total(files) == {"/": 3}
    assert [it.name for it in folder.iterdir()] == ["10-b1.json"]


def test_a_version_written_within_the_same_tick_is_not_taken_for_the_one_before(folder, living):
    files = Files(folder)
    file = living(snapshot(row(requests=2), seq=1))
    for seq in range(2, 10):
        before = file.path.stat()
        file.keep(encode(snapshot(row(requests=seq), seq=seq)))
        os.utime(file.path, ns=(before.st_atime_ns, before.st_mtime_ns))

        assert total(files) == {"/": seq}


def test_files_are_for_their_user_alone(folder, living):
    living(snapshot())
    Files(folder).order(Control("r", is_recording=True, issued_at=BEGAN_AT))

    assert {it.stat().st_mode & 0o777 for it in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.parent.stat().st_mode & 0o777 == 0o700


def test_a_worker_that_ended_is_still_counted_and_known_to_have_ended(folder, living):
    living(snapshot(row(requests=2))).forget()

    (only,) = Files(folder).gather()

    assert (only.processes, counted(only)) == (0, {"/": 2})


def test_workers_that_ended_are_folded_into_one_file(folder, living):
    living(snapshot(row(requests=2), pid=1)).forget()
    living(snapshot(row(requests=3), pid=2)).forget()
    living(snapshot(row(requests=4), pid=3))
    files = Files(folder)

    files.fold()
    files.fold()

    assert sorted(it.name for it in folder.glob("*.json")) == ["3-b1.json", "past.json"]
    assert total(files) == {"/": 9}
    assert merged(files.gather()).processes == 1


def test_a_hundred_workers_one_after_the_other_leave_one_file(folder, living):
    files = Files(folder)
    for pid in range(1, 101):
        living(snapshot(row(requests=1), pid=pid)).forget()
        files.fold()

    assert total(files) == {"/": 100}
    assert len(list(folder.glob("*.json"))) == 1


def test_a_crash_after_the_sum_was_written_counts_nobody_twice(folder, living, monkeypatch):
    living(snapshot(row(requests=2))).forget()
    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", _fail)
        with pytest.raises(OSError, match="struck"):
            Files(folder).fold()

    assert sorted(it.name for it in folder.glob("*.json")) == ["10-b1.json", "past.json"]
    assert total(Files(folder)) == {"/": 2}
    Files(folder).fold()
    assert total(Files(folder)) == {"/": 2}
    assert [it.name for it in folder.glob("*.json")] == ["past.json"]


def test_a_crash_before_the_sum_was_written_loses_nobody(folder, living, monkeypatch):
    living(snapshot(row(requests=2))).forget()
    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", _fail)
        with pytest.raises(OSError, match="struck"):
            Files(folder).fold()

    assert total(Files(folder)) == {"/": 2}


def test_a_reader_that_saw_a_file_before_it_was_folded_counts_it_once(folder, living, monkeypatch):
    living(snapshot(row(requests=2))).forget()
    reader, folder_of_others = Files(folder), Files(folder)
    read = reader._tombstone

    def late():
        folder_of_others.fold()
        return read()

    monkeypatch.setattr(reader, "_tombstone", late)

    assert total(reader) == {"/": 2}


def test_two_do_not_fold_at_once(folder, living):
    living(snapshot(row(requests=2))).forget()
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)

    Files(folder).fold()
    os.close(lock)

    assert [it.name for it in folder.glob("*.json")] == ["10-b1.json"]


def test_a_living_worker_is_never_folded(folder, living):
    file = living(snapshot(row(requests=2), seq=1))
    files = Files(folder)

    for seq in range(2, 30):
        files.fold()
        file.keep(encode(snapshot(row(requests=seq), seq=seq)))

    files.fold()
    assert total(files) == {"/": 29}


def test_only_the_newest_recording_of_ended_workers_is_kept(folder, living):
    living(snapshot(row(requests=2), pid=1, recording="r1")).forget()
    files = Files(folder)
    files.fold()
    living(snapshot(row(requests=3), pid=2, recording="r2", started_at=BEGAN_AT + 9)).forget()

    files.fold()

    assert total(files) == {"/": 3}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\x00" * 50, b'{"v":2}'], ids=lambda it: it[:8].hex() or "empty"
)
def test_a_damaged_file_is_skipped_counted_said_once_and_set_aside(folder, living, caplog, content):
    (folder / "7-b7.json").write_bytes(content)
    (folder / "past.json").write_bytes(content)
    living(snapshot(row(requests=2)))
    files = Files(folder)

    assert total(files) == {"/": 2}
    assert files.bad == 2
    files.gather()
    assert len(caplog.messages) == 2

    files.fold()
    assert sorted(it.name for it in folder.glob("*.bad")) == ["7-b7.bad", "past.json.bad"]
    assert total(files) == {"/": 2}
    assert files.bad == 0


def test_links_and_folders_in_the_place_of_files_are_not_followed(folder, living, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(encode(snapshot(row(requests=99))))
    (folder / "5-b5.json").symlink_to(elsewhere)
    (folder / "6-b6.json").mkdir()
    os.mkfifo(folder / "8-b8.json")
    living(snapshot(row(requests=2)))
    files = Files(folder)

    assert total(files) == {"/": 2}
    assert files.bad == 3


def test_a_file_that_grows_without_end_is_not_read_whole(folder, monkeypatch):
    monkeypatch.setattr("costmon.meter.reporting.locked_file.LARGEST_BYTES", 100)
    (folder / "7-b7.json").write_bytes(b" " * 101)
    files = Files(folder)

    assert files.gather() == ()
    assert files.bad == 1


def test_more_files_than_are_read_are_said(folder, living, monkeypatch):
    monkeypatch.setattr(files_module, "MOST_FILES", 2)
    for pid in range(1, 5):
        living(snapshot(row(), pid=pid))
    files = Files(folder)

    assert total(files) == {"/": 2}
    assert files.bad == 2


def test_a_planted_folder_is_refused(tmp_path):
    base = tmp_path / "meter"
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    base.symlink_to(real)
    with pytest.raises(PermissionError, match="link"):
        make_private(base / "shop")

    base.unlink()
    base.mkdir(mode=0o777)
    base.chmod(0o777)
    with pytest.raises(PermissionError, match="accessible to others"):
        make_private(base / "shop")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_folder_of_somebody_else_is_refused(tmp_path):
    base = tmp_path / "meter"
    base.mkdir(mode=0o700)
    os.chown(base, 12_345, 12_345)

    with pytest.raises(PermissionError, match="not yours"):
        make_private(base / "shop")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../../etc", "/etc", "a\x00b", "\ud800", "ä" * 300, "a b", "C:\\x"]
)
def test_any_service_has_a_folder_of_its_own_below_the_base(tmp_path, name):
    folder = service_folder(tmp_path, name)
    make_private(folder)

    assert folder.parent == tmp_path
    assert folder.resolve().parent == tmp_path.resolve()
    assert folder != service_folder(tmp_path, name + "x")


def test_the_runtime_folder_is_used_when_it_is_ones_own(tmp_path, monkeypatch):
    tmp_path.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    assert base_folder() == tmp_path / "costmon" / "meter"


@pytest.mark.parametrize("runtime", ["", "relative", "/nowhere/at/all"])
def test_without_a_runtime_folder_there_is_one_among_the_temporary_files(monkeypatch, runtime):
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)

    assert base_folder().name == f"costmon-meter-{os.geteuid()}"


def test_the_newest_control_wins(folder):
    files = Files(folder)
    assert files.control() is None
    newer = Control("r2", is_recording=False, issued_at=BEGAN_AT + 2)

    files.order(newer)
    files.order(Control("r1", is_recording=True, issued_at=BEGAN_AT + 1))

    assert files.control() == newer


def test_a_damaged_control_is_as_none_and_can_be_replaced(folder, caplog):
    (folder / "control.json").write_text("{")
    files = Files(folder)

    assert files.control() is None
    assert len(caplog.messages) == 1

    files.order(Control("r1", is_recording=True, issued_at=BEGAN_AT))
    assert files.control() == Control("r1", is_recording=True, issued_at=BEGAN_AT)


def test_what_killed_writers_left_is_swept_after_a_while(folder):
    clock = FakeClock()
    litter = folder / ".10-b1.tmp"
    litter.write_text("half")
    os.utime(litter, (clock.epoch_s(), clock.epoch_s()))
    files = Files(folder, clock=clock)

    files.fold()
    assert litter.exists()

    clock.advance(61)
    files.fold()
    assert not litter.exists()


def test_a_folder_that_is_not_there_has_nothing(tmp_path):
    files = Files(tmp_path / "nowhere")

    assert (files.gather(), files.control(), files.bad) == ((), None, 0)


_WORKER = """
import sys
from pathlib import Path
from costmon.meter.reporting.locked_file import LockedFile
file = LockedFile(Path(sys.argv[1]), 77, "b")
file.keep(sys.stdin.buffer.read(int(sys.argv[2])))
print("kept", flush=True)
sys.stdin.read()
"""


@pytest.mark.process
def test_a_killed_process_lets_go_of_its_file(folder):
    content = encode(snapshot(row(requests=2), pid=77, boot="b"))
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER, folder, str(len(content))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    with worker:
        assert worker.stdin
        assert worker.stdout
        worker.stdin.write(content)
        worker.stdin.flush()
        assert worker.stdout.readline() == b"kept\n"
        (alive,) = Files(folder).gather()

        worker.send_signal(signal.SIGKILL)
        worker.wait(10)
        (dead,) = Files(folder).gather()

    assert (alive.processes, dead.processes) == (1, 0)


def test_a_forked_child_that_forgets_leaves_the_file_to_its_parent(folder, living):
    file = living(snapshot(row(requests=2)))
    copy = os.dup(file._lock)

    os.close(copy)

    (only,) = Files(folder).gather()
    assert only.processes == 1


def _fail(*_, **__):
    raise OSError("struck")

"""What a process measures reaches files and service, whatever is broken, and it never hurts."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from costmon.meter.recording_control import Control
from costmon.meter.reporting import file_reporter as file_reporter_module
from costmon.meter.reporting import reporter as reporter_module
from costmon.meter.reporting.files import Files
from costmon.meter.reporting.folders import service_folder
from costmon.meter.reporting.reporter import THREAD, Reporter
from costmon.meter.reporting.source import FileSource
from costmon.state import meters
from costmon.testing.clock import FakeClock
from tests.meter.reporting.samples import BEGAN_AT, counted
from tests.meter.reporting.stage import Meter, Service


@pytest.fixture
def base(tmp_path):
    return tmp_path / "meter"


@pytest.fixture(autouse=True)
def _no_files_kept():
    """Let go of the files of processes that were only played."""
    yield
    for reporter in tuple(reporter_module._REPORTERS):
        reporter.forget()
    for own in file_reporter_module._OWN.values():
        own.forget()
    file_reporter_module._OWN.clear()


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path / "report.sock")
    service.start()
    yield service
    service.stop()


@pytest.fixture
def clock():
    return FakeClock()


def seen(base):
    found = FileSource(base).services()
    return counted(found[0]) if found else {}


def reporter_of(meter, base, clock, **options):
    return Reporter(meter, folder=base, clock=clock, **options)


def test_what_was_measured_is_in_a_file(base, clock):
    meter = Meter()
    reporter = reporter_of(meter, base, clock)
    meter.serve(requests=3)

    reporter.flush()

    assert seen(base) == {"/": 3}


def test_a_process_without_requests_leaves_nothing(base, clock):
    reporter_of(Meter(), base, clock).flush()

    assert not base.exists()


def test_a_file_that_would_be_the_same_is_seldom_written(base, clock):
    meter = Meter()
    reporter = reporter_of(meter, base, clock)
    meter.serve()
    reporter.flush()
    (path,) = service_folder(base, "shop").glob("1-*.json")
    first = path.stat().st_ino

    clock.advance(4)
    reporter.flush()
    assert path.stat().st_ino == first

    clock.advance(2)
    reporter.flush()
    assert path.stat().st_ino != first


def test_two_processes_are_one_service(base, clock):
    for pid in (1, 2):
        meter = Meter(pid=pid)
        meter.serve(requests=pid)
        reporter_of(meter, base, clock).flush()

    assert seen(base) == {"/": 3}


def test_an_order_in_a_file_reaches_the_meter_once(base, clock):
    meter = Meter()
    reporter = reporter_of(meter, base, clock)
    meter.serve(requests=3)
    reporter.flush()

    FileSource(base).order("shop", Control("r2", is_recording=True, issued_at=BEGAN_AT + 70))
    reporter.flush()
    meter.serve(requests=1)
    reporter.flush()

    assert len(meter.told) == 1
    assert seen(base) == {"/": 1}


def test_a_recycled_worker_joins_the_present_recording_with_all_it_has_counted(base, clock):
    old = Meter(pid=1)
    old.serve(requests=9)
    reporter_of(old, base, clock).flush()
    FileSource(base).order("shop", Control("r2", is_recording=True, issued_at=BEGAN_AT + 70))
    young = Meter(pid=2, started_at=BEGAN_AT + 80)
    young.serve(requests=2)

    reporter_of(young, base, clock).flush()

    assert seen(base) == {"/": 2}


def test_a_folder_that_cannot_be_used_is_a_fault_and_nothing_else(base, clock):
    base.write_text("in the way")
    failures = []
    meter = Meter()
    meter.serve()

    reporter_of(meter, base, clock, fail=lambda *it: failures.append(it)).flush()

    assert len(failures) == 1


def test_a_full_disk_is_a_fault_and_nothing_else(base, clock, monkeypatch):
    failures = []
    meter = Meter()
    reporter = reporter_of(meter, base, clock, fail=lambda what, error: failures.append(error))
    meter.serve()
    with monkeypatch.context() as full:
        full.setattr("os.write", _full)
        reporter.flush()
        reporter.flush()  # not tried again at once

    assert [str(it) for it in failures] == ["[Errno 28] No space left on device"]
    assert not list(service_folder(base, "shop").glob("*.tmp"))

    clock.advance(11)
    reporter.flush()
    assert seen(base) == {"/": 1}


def test_a_full_disk_is_logged_once(base, clock, monkeypatch, caplog):
    meter = Meter()
    reporter = reporter_of(meter, base, clock)
    meter.serve()
    monkeypatch.setattr("os.write", _full)

    for _ in range(5):
        reporter.flush()
        clock.advance(11)

    assert len(caplog.messages) == 1


def test_a_folder_that_is_removed_under_us_is_made_again(base, clock):
    meter = Meter()
    reporter = reporter_of(meter, base, clock)
    meter.serve()
    reporter.flush()

    shutil.rmtree(base)
    meter.serve()
    reporter.flush()

    assert seen(base) == {"/": 2}


def test_a_planted_folder_is_neither_written_nor_believed(base, clock, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    base.symlink_to(elsewhere)
    failures = []
    meter = Meter()
    meter.serve()

    reporter_of(meter, base, clock, fail=lambda what, error: failures.append(error)).flush()

    assert [type(it) for it in failures] == [PermissionError]
    assert list(elsewhere.iterdir()) == []


def test_a_meter_that_fails_ends_nothing(base, clock):
    failures = []
    meter = Meter()
    meter.error = ZeroDivisionError("struck")
    reporter = reporter_of(meter, base, clock, fail=lambda what, error: failures.append(error))

    reporter.flush()
    meter.error = None
    meter.serve()
    reporter.flush()

    assert [str(it) for it in failures] == ["struck"]
    assert seen(base) == {"/": 1}


def test_ended_workers_are_folded_by_those_that_live(base, clock):
    for pid in range(10, 20):
        dead = Meter(pid=pid)
        dead.serve()
        reporter_of(dead, base, clock).flush()
        file_reporter_module._OWN.popitem()[1].forget()
    meter = Meter(pid=1)
    reporter = reporter_of(meter, base, clock)
    meter.serve()

    reporter.flush()

    names = sorted(it.name for it in service_folder(base, "shop").glob("*.json"))
    assert names == ["1-b1.json", "past.json"]
    assert seen(base) == {"/": 11}


def test_the_thread_reports_and_ends(base):
    meter = Meter()
    meter.serve()
    reporter = Reporter(meter, folder=base, interval_s=0.01)

    reporter.start()
    reporter.start()
    assert [it.name for it in threading.enumerate()].count(THREAD) == 1
    reporter.stop()

    assert THREAD not in [it.name for it in threading.enumerate()]
    assert seen(base) == {"/": 1}


def test_reporting_takes_a_hundredth_of_the_time_at_most(base, monkeypatch):
    meter = Meter()
    waited = []
    spent_ns = iter((0, 30_000_000, 30_000_000, 30_000_001))

    def wait(_event, timeout):
        waited.append(timeout)
        return len(waited) == 2

    monkeypatch.setattr(reporter_module, "thread_time_ns", lambda: next(spent_ns))
    monkeypatch.setattr(threading.Event, "wait", wait)
    reporter = Reporter(meter, folder=base)
    reporter._run(threading.Event())

    assert waited == [pytest.approx(3.0), 1.0]


def test_a_reporter_that_was_stopped_can_start_again(base):
    meter = Meter()
    meter.serve()
    reporter = Reporter(meter, folder=base, interval_s=60)
    reporter.start()
    reporter.stop()

    meter.serve()
    reporter.start()
    reporter.stop()

    assert seen(base) == {"/": 2}


def test_a_process_that_reports_no_more_for_a_while_is_not_folded(base, clock):
    meter = Meter()
    meter.serve()
    reporter = reporter_of(meter, base, clock)
    reporter.flush()
    reporter.stop()

    Files(service_folder(base, "shop")).fold()
    meter.serve()
    reporter_of(meter, base, clock).flush()

    assert seen(base) == {"/": 2}


# --- to a service -----------------------------------------------------------------------------


def test_the_service_hears_every_row_once_and_then_what_changes(base, clock, service):
    meter = Meter()
    reporter = reporter_of(meter, base, clock, socket=service.path)
    for number in range(300):
        meter.serve(f"/route/{number}")
    reporter.flush()
    assert len(service.counted()) == 300
    before = len(service.heard)

    meter.serve("/route/7")
    reporter.flush()

    assert service.counted()["/route/7"] == 2
    (last,) = service.heard[before:]
    assert [it.route for it in last.report.whole.routes] == ["/route/7"]


def test_nothing_is_said_while_nothing_changes_but_that_we_live(base, clock, service):
    meter = Meter()
    reporter = reporter_of(meter, base, clock, socket=service.path)
    meter.serve()
    reporter.flush()
    before = len(service.heard)

    clock.advance(4)
    reporter.flush()
    assert len(service.heard) == before

    clock.advance(2)
    reporter.flush()
    assert len(service.heard) == before + 1


def test_a_service_that_lost_everything_is_told_everything_again(base, clock, service):
    meter = Meter()
    reporter = reporter_of(meter, base, clock, socket=service.path)
    meter.serve("/a", 3)
    meter.serve("/b", 4)
    reporter.flush()

    service.again("run2")
    meter.serve("/a")
    reporter.flush()
    clock.advance(2)
    reporter.flush()

    assert service.counted() == {"/a": 4, "/b": 4}


def test_a_service_that_kept_an_older_state_counts_nothing_twice(base, clock, service):
    meter = Meter()
    reporter = reporter_of(meter, base, clock, socket=service.path)
    meter.serve("/a", 3)
    reporter.flush()
    kept = service.cell.read()
    meter.serve("/b", 4)
    reporter.flush()

    service.again("run2", kept)
    meter.serve("/a")
    reporter.flush()
    clock.advance(2)
    reporter.flush()

    assert service.counted() == {"/a": 4, "/b": 4}


def test_the_last_word_is_heard_by_the_next_run_of_the_service(base, clock, service):
    meter = Meter()
    reporter = reporter_of(meter, base, clock, socket=service.path)
    meter.serve("/a", 3)
    reporter.flush()
    service.again("run2")

    meter.serve("/b", 4)
    reporter.finish()

    assert service.counted() == {"/a": 3, "/b": 4}
    assert service.heard[-1].is_final


def test_a_service_that_comes_later_is_found(base, clock, service):
    service.stop()
    meter = Meter()
    reporter = reporter_of(meter, base, clock, socket=service.path)
    meter.serve()
    reporter.flush()
    assert service.heard == []

    service.start()
    clock.advance(1.5)
    reporter.flush()

    assert service.counted() == {"/": 1}


def test_a_service_that_refuses_is_told_again_later(base, clock, service, caplog):
    service.is_draining = True
    meter = Meter()
    reporter = reporter_of(meter, base, clock, socket=service.path)
    meter.serve()
    reporter.flush()
    assert service.statuses() == [503]
    assert len(caplog.messages) == 1

    service.is_draining = False
    reporter.flush()
    assert service.statuses() == [503]  # it is left alone for a while

    clock.advance(2)
    reporter.flush()
    assert service.counted() == {"/": 1}


def test_what_the_service_wants_reaches_the_meter_and_the_other_workers_files(base, clock, service):
    meter = Meter()
    reporter = reporter_of(meter, base, clock, socket=service.path)
    meter.serve()
    reporter.flush()
    control = Control("r2", is_recording=False, issued_at=BEGAN_AT + 70)
    service.cell.publish(meters.ordered(service.cell.read(), "shop", control))

    meter.serve()
    reporter.flush()

    assert meter.told == [control]
    assert Files(service_folder(base, "shop")).control() == control
    reporter.flush()
    assert service.counted() == {}


def test_a_worker_that_counts_as_ended_is_not_heard_and_says_so_once(base, clock, service, caplog):
    meter = Meter()
    reporter = reporter_of(meter, base, clock, socket=service.path)
    meter.serve("/", 5)
    reporter.flush()
    service.now_s += 4_000
    service.cell.publish(meters.swept(service.cell.read(), service.now_s))

    for _ in range(3):
        meter.serve()
        clock.advance(1)
        reporter.flush()

    assert service.counted() == {"/": 5}
    assert len([it for it in caplog.messages if "considers process 1 ended" in it]) == 1
    assert seen(base) == {"/": 8}


def test_a_signal_in_the_middle_of_the_last_word_does_not_silence_it(base, clock, monkeypatch):
    meter = Meter()
    reporter = reporter_of(meter, base, clock)
    meter.serve(requests=3)
    snapshot = meter.snapshot
    calls: list[None] = []

    def interrupted():
        calls.append(None)
        if len(calls) == 1:
            raise SystemExit  # as a server's handler of SIGQUIT does
        return snapshot()

    monkeypatch.setattr(meter, "snapshot", interrupted)
    reporter_module._at_exit()

    assert seen(base) == {"/": 3}
    assert reporter is not None


def test_the_last_word_of_a_process_is_heard_as_such(base, clock, service):
    meter = Meter()
    reporter = reporter_of(meter, base, clock, socket=service.path)
    meter.serve()

    reporter.finish()
    service.cell.publish(meters.swept(service.cell.read(), service.now_s))

    assert service.counted() == {"/": 1}
    (found,) = meters.services(service.cell.read(), service.now_s)
    assert found.processes == 0
    assert service.heard[-1].is_final


def test_something_else_at_the_sockets_place_is_a_fault_and_nothing_else(base, clock, tmp_path):
    path = tmp_path / "report.sock"
    path.write_text("no socket")
    meter = Meter()
    meter.serve()

    reporter_of(meter, base, clock, socket=path).flush()

    assert seen(base) == {"/": 1}


# --- processes for real -----------------------------------------------------------------------

_PROGRAM = """
import os, signal, sys
from pathlib import Path
from tests.meter.reporting.stage import Meter
from costmon.meter.reporting.reporter import Reporter

base = Path(sys.argv[1])

def serve(boot, requests):
    meter = Meter(pid=os.getpid(), boot=boot)
    meter.serve(requests=requests)
    reporter = Reporter(meter, folder=base, interval_s=60)
    reporter.start()
    return reporter

"""


def run(code, base, *arguments, timeout=20):
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM + code, str(base), *arguments],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


@pytest.mark.process
def test_a_process_that_ends_has_said_everything(base):
    run(
        """
meter = Meter(pid=os.getpid())
meter.serve()
reporter = Reporter(meter, folder=base, interval_s=60)
reporter.start()
reporter.flush()
meter.serve(requests=4)
""",
        base,
    )

    assert seen(base) == {"/": 5}


@pytest.mark.process
def test_a_forked_child_reports_for_itself_and_neither_speaks_for_the_other(base):
    run(
        """
parent = serve("parent", 1)
parent.flush()
if not (child := os.fork()):
    parent.flush()
    parent.stop()
    serve("child", 10)
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
""",
        base,
    )

    assert seen(base) == {"/": 11}


@pytest.mark.process
def test_a_child_that_multiprocessing_made_says_everything(base):
    for method in ("fork", "spawn"):
        path = base.parent / f"program_{method}.py"
        path.write_text(
            _PROGRAM
            + f"""
import multiprocessing

def work():
    meter = Meter(pid=os.getpid(), boot="child")
    reporter = Reporter(meter, folder=base, interval_s=60)
    reporter.start()
    meter.serve(requests=10)

if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    child = context.Process(target=work)
    child.start()
    child.join(20)
    assert child.exitcode == 0
"""
        )
        done = subprocess.run(
            [sys.executable, path, base / method],
            cwd=Path(__file__).parents[3],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert seen(base / method) == {"/": 10}


@pytest.mark.process
def test_a_killed_process_has_said_all_but_its_last_interval(base):
    out = run(
        """
meter = Meter(pid=os.getpid())
meter.serve(requests=7)
reporter = Reporter(meter, folder=base, interval_s=60)
reporter.flush()
meter.serve(requests=1)
child = os.fork()
if child:
    os.waitpid(child, 0)
    print("killed")
    sys.stdout.flush()
    os._exit(0)
os.kill(os.getpid(), signal.SIGKILL)
""",
        base,
    )

    assert out == "killed\n"
    assert seen(base) == {"/": 7}


def _full(*_):
    raise OSError(28, "No space left on device")

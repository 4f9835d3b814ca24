"""A recording belongs to a deployment and begins with a start of it; see docs/meter.md."""

import pytest

from costmon.meter.options import Options
from costmon.meter.recording_control import Control
from costmon.meter.reporting.files import Files
from costmon.meter.reporting.folders import make_private, service_folder
from costmon.meter.reporting.merging import labelled, merged, newest_run
from costmon.meter.reporting.reporter import Reporter
from costmon.meter.reporting.source import FileSource
from costmon.meter.reporting.tombstone import MOST_RUNS, Tombstone, with_dead
from costmon.meter.reporting.wire import decode, encode
from costmon.state import meters
from costmon.testing.clock import FakeClock
from tests.meter.reporting.samples import BEGAN_AT, counted, row, snapshot

CONTINUING = Options(service="shop", continue_recording=True)


def worker(run="1-1", began_s=0.0, ended_s=60.0, requests=1, **fields):
    """Return a worker's last snapshot; times are relative to `BEGAN_AT`."""
    return snapshot(
        row(requests=requests),
        **{
            "boot": f"{run}-{began_s}",
            "run": run,
            "run_started_at": BEGAN_AT + began_s,
            "started_at": BEGAN_AT + began_s,
            "taken_at": BEGAN_AT + ended_s,
            "processes": 0,
        }
        | fields,
    )


def test_a_new_start_begins_a_new_recording():
    together = merged([worker("1-1", 0, 60, requests=20), worker("2-2", 61, 90, requests=3)])

    assert counted(together) == {"/": 3}
    assert together.runs_since == 0.0


def test_workers_of_one_start_add_up_also_after_all_of_them_were_replaced():
    first, second = worker("1-1", 0, 60, requests=5), worker("1-1", 900, 960, requests=7)

    together = merged([first, second])

    assert counted(together) == {"/": 12}
    assert together.runs_since == 0.0


def test_a_rolling_deployment_whose_starts_overlap_is_one_recording_and_says_so():
    old, new = worker("1-1", 0, 120, requests=5), worker("2-2", 60, 130, requests=7)

    together = merged([old, new])

    assert counted(together) == {"/": 12}
    assert together.runs_since == BEGAN_AT


def test_starts_that_overlap_in_a_chain_are_one_recording():
    chain = [worker(f"{n}-{n}", 50 * n, 50 * n + 60, requests=1) for n in range(4)]

    assert counted(merged(chain)) == {"/": 4}
    assert counted(merged(reversed(chain))) == {"/": 4}


def test_a_run_beside_two_runs_that_do_not_overlap_connects_them():
    long, early, late = worker("1-1", 0, 200), worker("2-2", 10, 20), worker("3-3", 100, 150)

    assert counted(merged([early, late, long])) == {"/": 3}


def test_a_run_on_each_of_two_machines_is_one_recording_without_a_remark():
    together = merged([worker("1-1", 0, 60, host="a"), worker("2-2", 5, 60, host="b")])

    assert counted(together) == {"/": 2}
    assert together.runs_since == 0.0


def test_a_start_that_continues_includes_the_previous_one_and_says_since_when():
    before = worker("1-1", 0, 60, requests=5)
    even_before = worker("0-0", -900, -800, requests=100)
    now = worker("2-2", 600, 660, requests=7, options=CONTINUING)

    together = merged([even_before, before, now])

    assert counted(together) == {"/": 12}
    assert together.runs_since == BEGAN_AT


def test_a_check_is_judged_by_the_newest_start_also_while_the_previous_one_is_ending():
    old, new = worker("1-1", 0, 120, requests=5), worker("2-2", 60, 90, requests=7)

    assert counted(merged(newest_run([old, new]))) == {"/": 7}


def test_reporters_without_runs_are_one():
    early = worker("", 0, 10, run_started_at=0.0)
    late = worker("", 500, 510, run_started_at=0.0, boot="b2")

    assert counted(merged([early, late])) == {"/": 2}


def test_the_sum_of_ended_processes_keeps_runs_apart():
    old, new = worker("1-1", 0, 120, requests=5), worker("2-2", 60, 90, requests=7)
    stone = with_dead(with_dead(Tombstone(), {"1-a.json": old}), {"2-b.json": new})

    assert [counted(it) for it in stone.past] == [{"/": 5}, {"/": 7}]
    assert counted(merged(newest_run(stone.past))) == {"/": 7}


def test_the_sum_of_ended_processes_forgets_runs_that_are_over():
    old, new = worker("1-1", 0, 60, requests=5), worker("2-2", 61, 90, requests=7)
    stone = with_dead(with_dead(Tombstone(), {"1-a.json": old}), {"2-b.json": new})

    assert [counted(it) for it in stone.past] == [{"/": 7}]


def test_a_recording_that_is_continued_for_ever_stays_small_and_loses_nothing():
    stone = Tombstone()
    for number in range(MOST_RUNS + 10):
        run = worker(f"{number}-1", 100 * number, 100 * number + 50, options=CONTINUING)
        stone = with_dead(stone, {f"{number}-b.json": run})

    assert len(stone.past) == MOST_RUNS
    assert counted(merged(stone.past)) == {"/": MOST_RUNS + 10}


def test_the_run_is_in_what_is_sent_and_saved():
    sent = worker("7-7", runs_since=BEGAN_AT - 5)

    assert decode(encode(sent)) == sent


def test_projects_of_the_same_name_in_different_places_are_different_and_told_apart():
    places = ("/srv/a", "/srv/b", "/srv/c")
    apps = [worker(service="app", options=Options(place=place)) for place in places]

    assert [it.service for it in labelled(apps)] == [f"app in {place}" for place in places]
    assert [it.service for it in labelled(apps[:1])] == ["app"]


class Started:
    """A meter of one process of a start."""

    def __init__(self, run, began_s, *, place="/srv/a", continues=False):
        self.requests = 0
        self.recording, self.is_recording = "", True
        self._began_s = began_s
        self._run = run
        self._options = Options(service="app", place=place, continue_recording=continues)

    def snapshot(self):
        rows = [row(requests=self.requests)] if self.requests else []
        return snapshot(
            *rows,
            service="app",
            boot=self._run,
            recording=self.recording,
            is_recording=self.is_recording,
            run=self._run,
            run_started_at=BEGAN_AT + self._began_s,
            started_at=BEGAN_AT + self._began_s,
            taken_at=BEGAN_AT + self._began_s + 60,
            options=self._options,
        )

    def apply(self, control):
        self.recording, self.is_recording = control.recording, control.is_recording


@pytest.fixture
def reported(tmp_path):
    """Return what lets a process count requests, report them, and perhaps end."""
    held = []

    def report(meter, requests, *, ends=False):
        reporter = Reporter(meter, folder=tmp_path / "meter", socket=tmp_path / "no.sock")
        reporter.flush()
        meter.requests = requests
        reporter.flush(is_final=ends)
        if ends:
            reporter._file_reporter.forget()
        held.append(reporter)
        return reporter

    yield report
    for reporter in held:
        reporter.forget()


@pytest.fixture
def source(tmp_path):
    return FileSource(tmp_path / "meter")


def seen(source):
    return {it.service: counted(it) for it in source.services()}


def test_a_restart_removes_the_files_of_the_run_before(reported, source):
    reported(Started("1-1", 0), 20, ends=True)

    reported(Started("2-2", 70), 3)

    assert seen(source) == {"app": {"/": 3}}


def test_a_restart_records_again_after_the_run_before_was_stopped(reported, source):
    reported(Started("1-1", 0), 20, ends=True)
    source.order("app", Control("", is_recording=False, issued_at=BEGAN_AT + 50))
    restarted = Started("2-2", 70)

    reported(restarted, 3)

    assert restarted.is_recording


def test_a_replaced_worker_stays_stopped(reported, source):
    reported(Started("1-1", 0), 20, ends=True)
    source.order("app", Control("", is_recording=False, issued_at=BEGAN_AT + 50))
    replaced = Started("1-1", 0)

    reported(replaced, 0)

    assert not replaced.is_recording


def test_a_restart_can_continue(reported, source):
    reported(Started("1-1", 0), 20, ends=True)

    reported(Started("2-2", 70, continues=True), 3)

    assert seen(source) == {"app": {"/": 23}}
    assert source.services()[0].runs_since == BEGAN_AT


def test_three_projects_of_the_same_name_have_a_recording_each(reported, source):
    for number, place in enumerate(("/srv/a", "/srv/b", "/srv/c"), 1):
        reported(Started(f"{number}-1", 0, place=place), number)

    assert seen(source) == {
        "app in /srv/a": {"/": 1},
        "app in /srv/b": {"/": 2},
        "app in /srv/c": {"/": 3},
    }


def test_a_command_reaches_the_project_that_it_names(reported, source, tmp_path):
    for number, place in enumerate(("/srv/a", "/srv/b"), 1):
        reported(Started(f"{number}-1", 0, place=place), number)
    control = Control("r2", is_recording=True, issued_at=BEGAN_AT + 50)

    source.order("app in /srv/b", control)

    base = tmp_path / "meter"
    assert Files(service_folder(base, "app", "/srv/b")).control() == control
    assert Files(service_folder(base, "app", "/srv/a")).control() is None


def test_a_run_that_is_alive_keeps_its_files_when_another_start_begins(tmp_path):
    folder = service_folder(tmp_path / "meter", "shop")
    make_private(folder)
    (folder / "1-b.json").write_bytes(encode(worker("1-1", requests=5)))
    files = Files(folder, clock=FakeClock())

    files.begin("1-1", BEGAN_AT)
    assert counted(merged(files.gather())) == {"/": 5}

    files.begin("2-2", BEGAN_AT + 500)
    assert files.gather() == ()


def heard(*reports, before=None, now_s=1_000.0, final=False):
    found = before or meters.first("run")
    for part, report in reports:
        found = meters.reported(found, part, report, now_s, final=final)
    return found


def test_the_service_begins_a_new_recording_with_a_new_start_and_forgets_the_control():
    stopped = Control("", is_recording=False, issued_at=BEGAN_AT + 50)
    ended = heard((1, worker("1-1", requests=20)), final=True)
    ended = meters.ordered(ended, "shop", stopped)
    restarted = worker("2-2", 70, 90, requests=3)

    told = meters.known(ended, restarted)
    found = heard((1, restarted), before=ended)

    assert told.control is None
    assert counted(meters.services(found, 1_000.0)[0]) == {"/": 3}
    assert meters.known(found, restarted).control is None


def test_the_service_adds_a_replaced_worker_and_passes_the_control_on_to_it():
    stopped = Control("", is_recording=False, issued_at=BEGAN_AT + 50)
    ended = heard((1, worker("1-1", requests=20)), final=True)
    ended = meters.ordered(ended, "shop", stopped)
    replaced = worker("1-1", 2_000, 2_060, requests=3, run_started_at=BEGAN_AT)

    found = heard((1, replaced), before=ended, now_s=3_000.0)

    assert counted(meters.services(found, 3_000.0)[0]) == {"/": 23}
    assert meters.known(found, replaced).control == stopped


def test_the_service_tells_projects_of_the_same_name_apart():
    found = heard(
        *((1, worker(service="app", options=Options(place=place))) for place in ("/a", "/b"))
    )

    assert [it.service for it in meters.services(found, 1_000.0)] == ["app in /a", "app in /b"]

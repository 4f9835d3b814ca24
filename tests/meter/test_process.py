"""One process's meter: its recording, and what others want of it."""

import os

import pytest

from costmon.clock import SystemClock
from costmon.meter.options import Options
from costmon.meter.process import FIRST_RECORDING, Meters, ProcessMeter
from costmon.meter.recording_control import Control


@pytest.fixture
def meter(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    meter = ProcessMeter(SystemClock())
    meter.configure(Options(port=None, warmup_s=0, service="shop"))
    yield meter
    meter.stop()


def request(meter, route="/"):
    measure = meter.aggregate.begin("GET")
    measure.route, measure.status = route, 200
    measure.end()


def counted(meter):
    return sum(row.requests for row in meter.snapshot().routes)


def test_a_snapshot_says_whose_it_is_and_grows_by_number(meter):
    first, second = meter.snapshot(), meter.snapshot()

    assert (first.service, first.pid, first.processes) == ("shop", os.getpid(), 1)
    assert first.boot == second.boot
    assert first.seq < second.seq
    assert first.recording == FIRST_RECORDING
    assert first.is_recording


def test_other_options_of_the_same_service_keep_its_requests(meter):
    request(meter)
    meter.configure(Options(port=None, service="shop", target_users=5))

    assert counted(meter) == 1
    assert meter.snapshot().options.target_users == 5


def test_another_service_begins_without_the_requests_of_the_first(meter):
    request(meter)
    meter.configure(Options(port=None, service="other"))

    assert counted(meter) == 0


def test_each_service_of_a_process_has_a_meter(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    meters = Meters(SystemClock())
    shop = meters.of(Options(port=None, service="shop"))
    blog = meters.of(Options(port=None, service="blog", target_users=5))

    again = meters.of(Options(port=None, service="shop", target_users=7))
    every = meters.every()
    meters.stop()

    assert every == (shop, blog)
    assert again is shop
    assert (shop.options.target_users, blog.options.target_users) == (7, 5)


def test_an_application_is_named_by_its_title_unless_an_option_names_it(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    meters = Meters(SystemClock())
    untitled, named = Options(port=None), Options(port=None, service="shop")
    first = meters.of(untitled)

    assert meters.named(first, untitled, "Pay API") is first
    assert meters.named(first, untitled, "Pay API") is first
    other = meters.named(first, untitled, "Other API")
    shop = meters.named(meters.of(named), named, "Shop API")
    meters.stop()

    assert [it.options.service for it in (first, other, shop)] == ["Pay API", "Other API", "shop"]


def test_reset_forgets_all_requests(meter):
    request(meter)
    meter.reset()

    assert counted(meter) == 0


def test_a_new_recording_begins_anew_and_an_old_order_changes_nothing(meter):
    now = SystemClock().epoch_s()
    request(meter)
    meter.apply(Control("second", is_recording=True, issued_at=now + 1))
    assert (counted(meter), meter.snapshot().recording) == (0, "second")

    request(meter)
    meter.apply(Control("first", is_recording=False, issued_at=now))
    assert (counted(meter), meter.snapshot().recording) == (1, "second")


def test_who_began_after_an_order_has_begun_in_its_recording(meter):
    request(meter)
    meter.apply(Control("named", is_recording=True, issued_at=1.0))

    assert (counted(meter), meter.snapshot().recording) == (1, "named")


def test_a_stopped_recording_keeps_its_figures_and_counts_no_more(meter):
    now = SystemClock().epoch_s()
    request(meter)
    meter.apply(Control(FIRST_RECORDING, is_recording=False, issued_at=now))

    assert not meter.aggregate.is_recording
    assert counted(meter) == 1
    assert not meter.snapshot().is_recording


def test_a_failure_of_ours_is_counted_and_said_less_and_less_often(meter, caplog):
    for _ in range(100):
        meter.fail("a request was not counted", ValueError("why"))

    assert meter.snapshot().faults == 100
    assert [record.args[1] for record in caplog.records] == [1, 2, 4, 8, 16, 32, 64]


def test_a_forked_child_has_counted_nothing_and_is_another_process(meter):
    request(meter)
    before = meter.snapshot()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        meter.renew()
        snapshot = meter.snapshot()
        facts = [len(snapshot.routes), snapshot.boot != before.boot, meter.is_running]
        os.write(writing, repr(facts).encode())
        os._exit(0)
    os.waitpid(child, 0)
    told = os.read(reading, 100)
    os.close(reading)
    os.close(writing)

    assert told == b"[0, True, False]"

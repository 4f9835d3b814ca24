"""Under gevent each request is charged what its own greenlets burn, to a millisecond."""

import json
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip("gevent")

from costmon.meter.hooks.greenlets import GreenletClock
from costmon.meter.measuring.cpu import CPU

BURNED_MS = {"/burns": 5, "/sleeps": 0, "/spawns": 6, "/pools": 6, "/streams": 6}


def measured() -> dict[str, dict[str, float]]:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.meter.frameworks.greenlets_program"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert said["faults"] == 0
    routes: dict[str, dict[str, float]] = said["routes"]
    return routes


@pytest.mark.process
def test_greenlets_are_charged_what_they_burn_to_a_millisecond():
    off: dict[str, list[float]] = {route: [] for route in BURNED_MS}
    for _ in range(8):
        routes = measured()
        assert {route: row["requests"] for route, row in routes.items()} == dict.fromkeys(
            BURNED_MS, 5
        )
        assert routes["/sleeps"]["wall_ms"] >= 100
        for route, row in routes.items():
            off[route].append(abs(row["cpu_ms"] - BURNED_MS[route]))
        # On a busy machine a run may be disturbed: the best of eight decides for each route.
        if all(min(seen) <= 1.0 for seen in off.values()):
            break
    assert all(min(seen) <= 1.0 for seen in off.values()), off


def test_threads_keep_their_clock_where_gevent_does_not_run_the_requests():
    clock = GreenletClock()

    clock.install()

    assert not clock.is_installed
    assert CPU.now_ns is time.thread_time_ns


def test_an_installed_clock_is_taken_away_again(monkeypatch):
    greenlet = pytest.importorskip("greenlet")
    monkeypatch.setitem(sys.modules, "gevent.pywsgi", object())
    clock, heard = GreenletClock(), []

    def before(event, greenlets):
        heard.append(event)

    greenlet.settrace(before)
    try:
        clock.install()
        assert clock.is_installed
        assert clock.now_ns() <= clock.now_ns()
        greenlet.greenlet(clock.now_ns).switch()
        clock.remove()

        assert CPU.now_ns is time.thread_time_ns
        assert greenlet.gettrace() is before
        assert heard == ["switch", "switch"]
    finally:
        greenlet.settrace(None)


def test_a_greenlets_clock_stands_while_another_runs(monkeypatch):
    from greenlet import getcurrent, greenlet

    from tests.meter.frameworks.work import MS, burn

    monkeypatch.setitem(sys.modules, "gevent.pywsgi", object())
    clock = GreenletClock()
    clock.install()
    took = []

    def waits():
        began_ns = clock.now_ns()
        burn(2 * MS)
        getcurrent().parent.switch()
        took.append(clock.now_ns() - began_ns)

    try:
        waiting = greenlet(waits)
        waiting.switch()
        burn(20 * MS)
        waiting.switch()
    finally:
        clock.remove()

    assert 2 * MS <= took[0] < 5 * MS


def test_threads_without_greenlets_have_their_own_clock(monkeypatch):
    from tests.meter.frameworks.work import MS, burn

    monkeypatch.setitem(sys.modules, "gevent.pywsgi", object())
    clock = GreenletClock()
    clock.install()
    took = []

    def works():
        began_ns = clock.now_ns()
        burn(2 * MS)
        took.append(clock.now_ns() - began_ns)

    try:
        thread = threading.Thread(target=works)
        thread.start()
        thread.join()
    finally:
        clock.remove()

    assert 2 * MS <= took[0] < 5 * MS

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.meter.projection.measured import SERVER_NS, measured
from tests.meter.projection.parts import MS, US, S, phase, row


def test_statuses_and_tenants_of_a_route_are_one():
    found = measured(
        phase(
            row("/a", 10 * MS, times=90),
            row("/a", 30 * MS, times=10, status=500, tag="acme"),
        )
    )

    [route] = found.routes
    assert route.requests == 100
    assert route.statuses == ((200, 90), (500, 10))
    assert route.mean_ns == 12 * MS


def test_methods_of_a_route_are_apart():
    found = measured(phase(row("/a"), row("/a", method="POST")))

    assert [route.name for route in found.routes] == ["GET /a", "POST /a"]


def test_work_after_the_answer_is_in_the_mean_and_in_both_ends_of_its_interval():
    values = [9 * MS, 11 * MS] * 50
    plain, late = (
        measured(phase(row("/a", values=values, late_cpu_ns=late_ns))).routes[0]
        for late_ns in (0, 400 * MS)
    )

    assert plain.low_ns is not None
    assert plain.high_ns is not None
    assert late.mean_ns == plain.mean_ns + 4 * MS
    assert late.low_ns == plain.low_ns + 4 * MS
    assert late.high_ns == plain.high_ns + 4 * MS


def test_a_sample_is_scaled_to_all_requests():
    found = measured(phase(row("/a", 10 * MS, times=100, requests=1000)), sample=10)

    assert found.routes[0].cpu_ns == 10 * S
    assert found.routes[0].mean_ns == 10 * MS


def test_a_status_that_no_sample_fell_on_has_the_mean_of_its_route():
    missed = row("/a", 0, times=100, status=404, cpu_measured=0)

    found = measured(phase(row("/a", 10 * MS, times=10, requests=100), missed), sample=10)

    assert found.routes[0].mean_ns == 10 * MS
    assert not found.routes[0].is_guessed


def test_a_route_that_no_sample_fell_on_is_not_free():
    missed = row("/b", 0, times=3, cpu_measured=0)

    found = measured(phase(row("/a", 10 * MS, times=10, requests=100), missed), sample=10)

    assert found.routes[1].mean_ns == 10 * MS
    assert found.routes[1].is_guessed
    assert found.routes[1].low_ns is None


def test_without_sampling_nothing_measured_is_nothing_spent():
    found = measured(phase(row("/a", 10 * MS), row("/b", 0, times=9, cpu_measured=0)))

    assert found.routes[1].cpu_ns == 0
    assert not found.routes[1].is_guessed


def test_an_interval_does_not_begin_below_nothing():
    assert measured(phase(row(values=[0, 0, 100 * MS]))).routes[0].low_ns == 0


def test_a_recording_in_which_no_sample_fell_is_not_free():
    missed = [row(route, 0, times=2, cpu_measured=0) for route in ("/a", "/b")]

    found = measured(phase(*missed, process_cpu_ns=80 * MS), sample=1000)

    assert [route.mean_ns for route in found.routes] == [20 * MS, 20 * MS]
    assert found.request_residual_ns == 0


def test_a_socket_that_is_still_open_has_its_cpu_and_no_requests():
    live = row("/live", 0, times=0, method="WEBSOCKET", cpu_ns=2 * S)

    found = measured(phase(row("/a", 10 * MS, times=100), live))

    assert found.requests == 100
    assert found.routes[1].cpu_ns == 2 * S
    assert found.routes[1].low_ns is None


def test_what_a_busy_server_spends_is_its_requests():
    # gunicorn with threads, as it was measured: 188 us a request in no route.
    rows = row("/a", 5 * MS, times=10_000)
    found = measured(phase(rows, seconds=100.0, process_cpu_ns=50 * S + 10_000 * 188 * US))

    assert found.request_residual_ns == 10_000 * 188 * US
    assert found.background_ns == 0


def test_what_an_idle_process_spends_is_not_its_ten_requests():
    # 0.5 % of five minutes on timers and a dashboard, which would be 150 ms a request.
    found = measured(phase(row("/a", 1 * MS, times=10), seconds=300.0, process_cpu_ns=1500 * MS))

    assert found.request_residual_ns == 10 * SERVER_NS
    assert found.background_ns == 1490 * MS - 10 * SERVER_NS


def test_native_threads_under_load_are_their_requests():
    found = measured(phase(row("/a", 1 * MS, times=100), seconds=20.0, process_cpu_ns=16 * S))

    assert found.background_ns == 1 * S
    assert found.request_residual_ns == 16 * S - 100 * MS - 1 * S


@given(st.integers(0, 10**13), st.integers(1, 10**6), st.floats(0, 10**6), st.integers(0, 10**9))
def test_all_that_the_process_used_is_somewhere(process_cpu_ns, requests, seconds, cpu_ns):
    one = row("/a", 0, times=0, requests=requests, cpu_measured=requests, cpu_ns=cpu_ns)

    found = measured(phase(one, seconds=seconds, process_cpu_ns=process_cpu_ns))

    parts = found.attributed_ns + found.request_residual_ns + found.background_ns
    assert parts == max(process_cpu_ns, cpu_ns)
    assert found.background_ns * 20 <= found.process_ns


@pytest.mark.parametrize("sample", [1, 7])
def test_nothing_measured_is_nothing(sample):
    assert measured(phase(), sample=sample).routes == ()

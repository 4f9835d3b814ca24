import pytest

from costmon.meter.figures import Phase
from costmon.meter.options import Options
from costmon.meter.projection import project
from costmon.meter.projection.values import Unprojected
from tests.meter.projection.parts import PRICES, TODAY, S, phase, row, snapshot

NOTHING = Phase()


def waiting(**facts):
    found = project(snapshot(**facts), PRICES, today=TODAY)
    assert isinstance(found, Unprojected)
    return found


def test_no_request_yet_is_said():
    found = waiting(settled=NOTHING)

    assert found.state == "no_data"
    assert found.text == (
        "No request has completed yet: send some requests to the application. "
        "Requests in the first 30 s (warm-up) are left out of projections."
    )


@pytest.mark.parametrize(("requests", "word"), [(1, "1 request arrived"), (1200, "1,200 requests")])
def test_a_warm_up_says_how_long_it_takes_still(requests, word):
    whole = phase(row(times=requests))

    found = waiting(settled=NOTHING, whole=whole, started_at=1000.0, taken_at=1018.0)

    assert found.state == "warming_up"
    assert found.text.startswith(word)
    assert found.text.endswith("It ends in 12 s: keep sending requests.")


def test_a_warm_up_that_is_over_asks_for_more():
    found = waiting(settled=NOTHING, whole=phase(row()), taken_at=2000.0)

    assert found.state == "warming_up"
    assert found.text.endswith("It is over: send more requests.")


def test_a_recording_stopped_in_its_warm_up_says_how_to_go_on():
    found = waiting(
        settled=NOTHING, whole=phase(row()), is_recording=False, options=Options(warmup_s=7.5)
    )

    assert found.state == "warming_up"
    assert "the 7.5 s warm-up" in found.text
    assert "start it again" in found.text


def test_a_recording_that_is_off_and_empty_is_not_taken_for_no_traffic():
    found = waiting(settled=NOTHING, is_recording=False)

    assert found.state == "stopped"


def test_without_a_warm_up_none_is_spoken_of():
    found = waiting(settled=NOTHING, options=Options(warmup_s=0))

    assert found.text == "No request has completed yet: send some requests to the application."


def test_a_socket_that_has_not_ended_is_no_request_yet():
    live = row(times=0, method="WEBSOCKET")._replace(cpu_ns=S)

    assert waiting(settled=phase(live)).state == "no_data"


def test_a_recording_that_was_stopped_later_is_projected():
    found = project(snapshot(row(), is_recording=False), PRICES, today=TODAY)

    assert not isinstance(found, Unprojected)

"""The same under real servers, whose own work is in no route."""

import pytest

from tests.meter.burn.score import ATTRIBUTED, MEAN_ERROR, RUNS, WRONG_SHARE, score
from tests.meter.burn.serving import SERVERS, burned

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]


def judged(serving):
    found = burned(serving, 6)
    return score(found["ours"], found["truth"], found["process_cpu_ns"])


def is_good(found, serving):
    return (
        serving.attributed - (0.95 - ATTRIBUTED) <= found.attributed <= 1.01
        and found.mean_error <= MEAN_ERROR
        and found.wrong_share <= WRONG_SHARE
    )


@pytest.mark.parametrize("name", SERVERS)
def test_each_route_is_charged_what_it_burned(name):
    serving = SERVERS[name]
    missed = []
    for _ in range(RUNS):
        found = judged(serving)
        if is_good(found, serving):
            return
        missed.append(found)

    assert not missed

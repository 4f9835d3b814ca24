import itertools
import time
from decimal import Decimal

import pytest

from costmon.errors import InputError
from costmon.meter.calibration import REFERENCE, REFERENCE_NS, calibrate

ROUNDS = 500
PART_NS = 20_000_000


def paced(*ns_per_round):
    """Return a CPU clock on which rounds take so long, part after part."""
    paces = itertools.cycle(ns_per_round)
    now = began = -PART_NS
    pace = 0

    def read_ns():
        nonlocal now, began, pace
        if now - began >= PART_NS:
            began, pace = now, next(paces)
        else:
            now += pace * ROUNDS
        return now

    began -= PART_NS
    return read_ns


def test_a_machine_twice_as_fast_as_the_reference_has_a_factor_of_two():
    found = calibrate(read_ns=paced(20_000), reference_ns=Decimal(40_000))

    assert found.cpu_factor == 2
    assert found.ns_per_round == 20_000


def test_one_part_that_was_disturbed_does_not_matter():
    found = calibrate(read_ns=paced(*[20_000] * 9, 90_000), reference_ns=Decimal(20_000))

    assert found.cpu_factor == pytest.approx(Decimal(1), abs=Decimal("0.01"))


def test_it_says_how_it_was_found_and_how_far_it_may_be_off():
    found = calibrate(read_ns=paced(256))

    assert found.reference == REFERENCE
    assert found.cpu_factor == Decimal("0.5")
    assert found.low < found.cpu_factor < found.high
    assert found.text.startswith("One round of the test loop took 256.0 ns of CPU time here")
    assert f"takes {REFERENCE_NS:.1f} ns on {REFERENCE}" in found.text
    assert f"anywhere from {found.low} to {found.high}" in found.text


def test_an_own_reference_is_surer_than_ours():
    ours = calibrate(read_ns=paced(256))
    own = calibrate(read_ns=paced(256), reference_ns=Decimal(256))

    assert own.high / own.low < ours.high / ours.low


def test_a_machine_is_like_itself():
    before = time.thread_time_ns()

    here = calibrate()

    assert 0.2e9 <= time.thread_time_ns() - before < 2e9
    again = calibrate(reference_ns=here.ns_per_round)
    assert Decimal("0.5") < again.cpu_factor < 2


@pytest.mark.parametrize("reference", ["0", "-1", "NaN", "Infinity"])
def test_a_reference_that_takes_no_time_is_refused(reference):
    with pytest.raises(InputError, match="nanoseconds above 0"):
        calibrate(reference_ns=Decimal(reference))


def test_a_clock_that_stands_still_is_said_and_not_waited_for(monkeypatch):
    monkeypatch.setattr("costmon.meter.calibration._MOST_BATCHES", 3)

    with pytest.raises(InputError, match="does not advance"):
        calibrate(read_ns=lambda: 5)

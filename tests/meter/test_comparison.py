"""Two recordings side by side, and the statistics of their difference."""

import random
import statistics
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.meter.comparison import compared
from tests.meter.sample import phase_of, row


def only(old, new):
    (change,) = compared(phase_of(*old), phase_of(*new)).changes
    return change


def test_a_difference_that_chance_does_not_explain_is_named():
    change = only([row(cpu_ms=[5, 6, 7] * 30)], [row(cpu_ms=[8, 9, 10] * 30)])

    assert change.verdict == "slower"
    assert change.ratio == Decimal("0.5")
    assert change.low_ns is not None
    assert change.high_ns is not None
    assert change.low_ns < 3_000_000 < change.high_ns


def test_a_difference_within_chance_is_noise():
    assert only([row(cpu_ms=[5, 6, 7] * 5)], [row(cpu_ms=[5.1, 6.1, 7.1] * 5)]).verdict == "noise"


def test_one_request_is_too_few_to_say():
    change = only([row(cpu_ms=[5])], [row(cpu_ms=[50] * 100)])

    assert (change.verdict, change.low_ns, change.ratio) == ("few", None, Decimal(9))


def test_requests_without_any_scatter_differ_when_their_means_do():
    assert only([row(cpu_ms=[5] * 10)], [row(cpu_ms=[6] * 10)]).verdict == "slower"
    assert only([row(cpu_ms=[5] * 10)], [row(cpu_ms=[5] * 10)]).verdict == "noise"


def test_statuses_and_tenants_of_an_endpoint_are_taken_together():
    old = [row(cpu_ms=[5] * 3), row(cpu_ms=[7] * 3, status=404), row(cpu_ms=[6] * 2, tag="a")]

    change = only(old, [row(cpu_ms=[6] * 8)])

    assert change.old is not None
    assert (change.old.requests, change.old.mean_ns) == (8, 6_000_000)


def test_late_work_counts():
    assert only([row()], [row(late_cpu_ns=30_000_000)]).ratio > Decimal("1.7")


def test_an_endpoint_that_took_nothing_before_has_no_ratio():
    change = only([row(cpu_ms=[0] * 5)], [row(cpu_ms=[5] * 5)])

    assert (change.ratio, change.verdict) == (None, "slower")


def test_those_come_first_whose_cpu_grew_most_for_all_their_requests():
    old = phase_of(row("/often", cpu_ms=[5] * 100), row("/seldom", cpu_ms=[5] * 2), row("/gone"))
    new = phase_of(row("/often", cpu_ms=[6] * 100), row("/seldom", cpu_ms=[9] * 2), row("/new"))

    found = compared(old, new)

    assert [change.route for change in found.changes[:2]] == ["/often", "/seldom"]
    assert {change.verdict for change in found.changes[2:]} == {"new", "gone"}


def test_the_total_goes_by_the_new_mix_of_endpoints():
    old = phase_of(row("/a", cpu_ms=[10] * 10), row("/b", cpu_ms=[10] * 1000))
    new = phase_of(row("/a", cpu_ms=[20] * 10), row("/b", cpu_ms=[10] * 10))

    assert compared(old, new).ratio == Decimal("0.5")


def test_nothing_in_common_has_no_total():
    assert compared(phase_of(row("/a")), phase_of(row("/b"))).ratio is None
    assert compared(phase_of(), phase_of()).changes == ()


def test_only_what_is_above_the_limit_and_beyond_chance_is_above():
    old = phase_of(
        row("/much", cpu_ms=[5, 6] * 50),
        row("/little", cpu_ms=[500, 500.1] * 50),
        row("/noisy", cpu_ms=[1, 50, 3] * 2),
    )
    new = phase_of(
        row("/much", cpu_ms=[9, 10] * 50),
        row("/little", cpu_ms=[501, 501.1] * 50),
        row("/noisy", cpu_ms=[10, 99, 3] * 2),
    )

    found = compared(old, new)

    assert [change.route for change in found.above(Decimal("0.1"))] == ["/much"]
    assert {change.route for change in found.above(Decimal(0))} == {"/much", "/little"}


requests = st.lists(st.floats(0.01, 1000, allow_nan=False), min_size=2, max_size=50)


@given(requests, requests)
def test_swapping_the_recordings_turns_the_interval_around(one, two):
    there = only([row(cpu_ms=one)], [row(cpu_ms=two)])
    back = only([row(cpu_ms=two)], [row(cpu_ms=one)])

    assert (there.low_ns, there.high_ns) == (-back.high_ns, -back.low_ns)


@given(requests, requests)
def test_the_interval_is_welchs(one, two):
    change = only([row(cpu_ms=one)], [row(cpu_ms=two)])

    error_ms = (statistics.variance(one) / len(one) + statistics.variance(two) / len(two)) ** 0.5
    width_ms = (change.high_ns - change.low_ns) / 2e6
    assert error_ms * 1.95 - 0.01 <= width_ms <= error_ms * 12.71 * 1.01 + 0.02


@pytest.mark.parametrize("count", [30, 200])
def test_of_recordings_that_do_not_differ_about_1_in_20_is_called_different(count):
    chance = random.Random(7)

    def recorded():
        return row(cpu_ms=[chance.lognormvariate(1, 0.5) for _ in range(count)])

    verdicts = [only([recorded()], [recorded()]).verdict for _ in range(400)]

    assert 0.02 < 1 - verdicts.count("noise") / 400 < 0.09

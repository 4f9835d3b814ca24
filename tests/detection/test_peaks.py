"""Peaks that were seen before are told quietly; only what somebody said was fine is silent."""

import datetime as dt
from functools import partial
from operator import mul

import pytest

from costmon.detection import SpendWatch
from tests.detection.spend import at, changed, feed, opened, service


def weekly(weeks, *, factor=10.0, last_factor=None, hours=3.0):
    """A peak each Thursday at noon, from the third week on."""
    samples = service(7 * weeks)
    for week in range(2, weeks):
        begin, by = 7 * week + 3.5, factor
        if week == weeks - 1 and last_factor:
            by = last_factor
        samples = changed(samples, begin, begin + hours / 24, partial(mul, by))
    return samples


def test_a_month_end_is_told_once_and_then_quietly():
    samples = changed(service(62), 28, 30, lambda a: 3 * a)
    samples = changed(samples, 58, 60, lambda a: 3 * a)

    findings = opened(feed(SpendWatch(), samples))

    assert [f.quiet for f in findings] == [False, True]
    assert findings[1].why[-1] == "again, as on 29 June"


def test_a_weekly_runaway_never_becomes_silent():
    findings = opened(feed(SpendWatch(), weekly(9)))

    assert [f.at.isocalendar().week for f in findings] == list(range(25, 32))
    assert [f.quiet for f in findings] == [False] + 6 * [True]


def test_a_weekly_peak_that_was_acknowledged_is_silent():
    watch, samples = SpendWatch(), weekly(9)
    told = []
    for t, amount in samples:
        if found := watch.update(t, amount):
            told.append(found)
            watch.acknowledge(t)

    assert len(opened(told)) == 1
    assert len(told) == 1


def test_a_weekly_peak_of_a_hundred_times_is_silent_once_acknowledged():
    watch, samples = SpendWatch(), weekly(6, factor=100.0)
    feed(watch, [s for s in samples if s[0] <= at(20)])

    watch.acknowledge(at(20))

    assert feed(watch, [s for s in samples if s[0] > at(20)]) == []


def test_a_peak_may_be_acknowledged_after_it_is_over():
    watch, samples = SpendWatch(), weekly(6)
    begin = [s for s in samples if s[0] <= at(20)]
    assert len(opened(feed(watch, begin))) == 1

    watch.acknowledge(at(20))

    assert feed(watch, samples[len(begin) :]) == []


@pytest.mark.parametrize("acknowledged", [False, True])
def test_a_peak_that_lasts_longer_than_before_is_told_loudly(acknowledged):
    watch, samples = SpendWatch(), weekly(5)
    feed(watch, [s for s in samples if s[0] <= at(29)])
    if acknowledged:
        watch.acknowledge(at(29))
    rest = changed([s for s in samples if s[0] > at(29)], 31.625, 32.5, lambda a: 10 * a)

    loud = [f for f in feed(watch, rest) if f.state != "resolved" and not f.quiet]

    assert loud
    assert at(31.5) + dt.timedelta(hours=3) < loud[0].at < at(31.5) + dt.timedelta(hours=8)
    assert loud[0].state == ("opened" if acknowledged else "escalated")


def test_a_peak_much_higher_than_before_is_told_loudly():
    findings = feed(SpendWatch(), weekly(6, factor=3.0, last_factor=60.0))

    last = [f for f in findings if f.at > at(38) and f.state != "resolved"]
    assert not last[0].quiet


def test_a_runaway_at_another_hour_is_not_excused_by_a_weekly_peak():
    samples = changed(weekly(5), 25.2, 25.3, lambda a: 10 * a)

    found = [f for f in opened(feed(SpendWatch(), samples)) if at(25) < f.at < at(26)]

    assert [f.quiet for f in found] == [False]


def test_an_acknowledged_step_is_the_new_normal():
    watch, samples = SpendWatch(), changed(service(40), 20, 40, lambda a: 2 * a)
    told = []
    for t, amount in samples:
        if found := watch.update(t, amount):
            told.append(found)
            watch.acknowledge(t)

    assert len(told) == 1


def test_growth_is_told_once_and_then_silent_after_it_was_acknowledged():
    samples = [
        (t, a * 1.02 ** max(0.0, (t - at(15)).total_seconds() / 86_400)) for t, a in service(70)
    ]
    watch, told = SpendWatch(), []
    for t, amount in samples:
        if found := watch.update(t, amount):
            told.append(found)
            watch.acknowledge(t)

    assert [f.cause for f in told if f.cause in {"step", "leak"}] == ["leak"]


def test_acknowledging_nothing_does_nothing():
    watch = SpendWatch()

    watch.acknowledge(at(0))

    assert feed(watch, service(1)) == []

"""Amounts, the pace of a budget, and frozen numbers: from the first bucket on."""

import datetime as dt

import pytest

from costmon.detection import SpendWatch, WatchConfig
from tests.detection.spend import START, at, feed, opened, service


def flat(amounts, step_s=300):
    return [(START + dt.timedelta(seconds=step_s * (i + 1)), a) for i, a in enumerate(amounts)]


def test_the_hourly_amount_holds_from_the_first_bucket():
    (found,) = feed(SpendWatch(WatchConfig(hourly=10)), flat([10.01]))

    assert (found.state, found.cause) == ("opened", "hourly")
    assert found.observed == 10.01
    assert found.burned == pytest.approx(0.01)
    assert found.why == ("10.01 was spent within an hour; the limit is 10.00",)


def test_the_hourly_amount_counts_the_last_hour_only():
    findings = feed(SpendWatch(WatchConfig(hourly=10)), flat([0.8] * 12 + [1.5] * 3 + [0.8] * 24))

    assert [(f.state, f.at) for f in findings] == [
        ("opened", START + dt.timedelta(minutes=65)),
        ("resolved", START + dt.timedelta(minutes=135)),
    ]


def test_just_the_amount_is_allowed():
    assert feed(SpendWatch(WatchConfig(hourly=10, daily=240)), flat([10.0] * 24, 3600)) == []


def test_the_daily_amount_counts_a_calendar_day():
    watch = SpendWatch(WatchConfig(daily=100))

    findings = feed(watch, flat([5.0] * 24 + [3.0] * 24, 3600))

    assert [(f.state, f.cause, f.at) for f in findings] == [
        ("opened", "daily", START + dt.timedelta(hours=21)),
        ("resolved", "daily", START + dt.timedelta(hours=25)),
    ]


def test_it_escalates_at_twice_the_amount_and_then_at_ten_times_what_was_told():
    watch = SpendWatch(WatchConfig(hourly=10))

    findings = feed(watch, flat([11.0, 10.0, 10.0, 100.0, 200.0]))

    assert [f.state for f in findings] == ["opened", "escalated", "escalated"]
    assert [f.observed for f in findings] == [11, 21, 331]


def test_each_amount_has_its_own_finding():
    findings = feed(SpendWatch(WatchConfig(hourly=10, daily=10)), flat([11.0, 0.0]))

    assert [(f.cause, f.state) for f in findings] == [("hourly", "opened"), ("daily", "opened")]


def test_an_acknowledged_amount_is_silent_until_it_is_passed_anew():
    watch = SpendWatch(WatchConfig(hourly=10))
    samples = flat([11.0, 500.0] + [0.0] * 12 + [11.0])
    feed(watch, samples[:1])

    watch.acknowledge(samples[0][0])

    assert [f.at for f in feed(watch, samples[1:])] == [samples[-1][0]]


@pytest.mark.parametrize(
    ("amounts", "step_s", "text"),
    [
        ([70.0], 300, "within an hour"),
        ([30.0] * 8, 3600, "within 6 hours"),
        ([400.0], 86_400, "within 24 hours"),
    ],
)
def test_a_budget_spent_much_too_fast_is_told_at_once(amounts, step_s, text):
    found = feed(SpendWatch(WatchConfig(budget=3000, step_s=step_s)), flat(amounts, step_s))[0]

    assert (found.state, found.cause) == ("opened", "budget")
    assert text in found.why[0]


def test_a_budget_spent_at_its_pace_is_silent():
    assert feed(SpendWatch(WatchConfig(budget=3000)), flat([96.0] * 90, 86_400)) == []


def test_a_budget_that_is_used_up_is_told_until_the_next_month():
    findings = feed(SpendWatch(WatchConfig(budget=3000)), flat([120.0] * 31, 86_400))

    assert [(f.state, f.at.day) for f in findings] == [("opened", 27), ("resolved", 2)]
    assert findings[0].why == ("3,120.00 was spent this month; the budget is 3,000.00",)


def test_a_number_that_froze_is_found_and_resolved_when_it_moves():
    samples = service(14)
    stuck = [(t, 0.5 if at(12) < t <= at(13) else a) for t, a in samples]

    findings = feed(SpendWatch(), stuck)

    assert [(f.cause, f.state) for f in findings] == [("frozen", "opened"), ("frozen", "resolved")]
    assert findings[0].at == at(12) + dt.timedelta(hours=2)
    assert findings[1].at == at(13) + dt.timedelta(minutes=5)
    assert findings[0].burned == 0


def test_a_price_that_is_always_the_same_is_not_frozen():
    assert feed(SpendWatch(), flat([0.25] * 5000)) == []


def test_zeros_are_not_a_frozen_number():
    samples = [(t, a if at(12) > t or t > at(12.2) else 0.0) for t, a in service(14)]

    assert opened(feed(SpendWatch(), samples)) == []


def test_a_correction_counts_for_the_amounts_with_the_next_bucket():
    watch = SpendWatch(WatchConfig(hourly=10))
    samples = flat([1.0] * 4)
    feed(watch, samples[:3])

    assert watch.update(samples[1][0], 50.0) is None
    found = watch.update(*samples[3])

    assert found is not None
    assert found.observed == 53

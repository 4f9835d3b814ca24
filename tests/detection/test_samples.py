"""Samples that are late, repeated, corrected, wrong or out of order."""

import datetime as dt
from decimal import Decimal
from random import Random

import pytest

from costmon.detection import SpendWatch, WatchConfig
from tests.detection.spend import START, at, changed, feed, opened, service

MINUTES = dt.timedelta(minutes=5)


@pytest.mark.parametrize(
    "amount", [-1.0, float("nan"), float("inf"), -0.01, 1e15, 1e300, 10**400, Decimal("sNaN")]
)
def test_an_impossible_amount_is_ignored_and_counted(amount):
    watch, samples = SpendWatch(WatchConfig(hourly=1e9)), service(12)
    feed(watch, samples)
    before = watch.to_bytes()

    assert watch.update(at(12) + MINUTES, amount) is None

    assert watch.ignored == 1
    watch.ignored = 0
    assert watch.to_bytes() == before


@pytest.mark.parametrize("amount", ["5", None, True])
def test_what_is_no_number_raises(amount):
    with pytest.raises(TypeError, match="give an int, float or Decimal"):
        SpendWatch().update(START, amount)


def test_a_time_without_zone_raises():
    with pytest.raises(ValueError, match="has no time zone"):
        SpendWatch().update(dt.datetime(2026, 6, 1), 1.0)
    with pytest.raises(ValueError, match="has no time zone"):
        SpendWatch(expected=[(dt.datetime(2026, 6, 1), START)])


@pytest.mark.parametrize("year", [1, 1969, 9999])
def test_a_date_that_cannot_be_is_ignored(year):
    watch = SpendWatch()

    assert watch.update(dt.datetime(year, 12, 31, 23, 59, tzinfo=dt.UTC), 1.0) is None
    assert watch.ignored == 1


def test_integers_and_decimals_are_amounts():
    watch = SpendWatch(WatchConfig(hourly=10))

    assert watch.update(START, 4) is None
    (found,) = [watch.update(START + MINUTES, Decimal("6.5"))]
    assert found is not None
    assert found.observed == 10.5


def test_the_same_end_again_replaces_the_amount():
    watch = SpendWatch(WatchConfig(hourly=10))
    watch.update(START, 9.0)
    watch.update(START, 2.0)

    assert watch.update(START + MINUTES, 7.0) is None
    (found,) = feed(watch, [(START + 2 * MINUTES, 1.5)])
    assert found.observed == 10.5


def test_repeats_change_nothing():
    plain, repeated = SpendWatch(), SpendWatch()
    samples = changed(service(14), 13, 14, lambda a: 8 * a)

    once = feed(plain, samples)
    twice = feed(repeated, [s for s in samples for _ in range(3)])

    assert once == twice
    assert plain.to_bytes() == repeated.to_bytes()


def test_a_correction_of_the_past_never_tells():
    watch, samples = SpendWatch(WatchConfig(hourly=50, daily=500)), service(14)
    feed(watch, samples)

    assert feed(watch, [(t, 1e6) for t, _ in samples[-400:]]) == []


def test_a_runaway_seen_only_by_corrections_is_found_with_the_next_bucket():
    watch, samples = SpendWatch(), service(15)
    feed(watch, samples[:-1])
    for t, amount in samples[-13:-1]:
        assert watch.update(t, 20 * amount) is None

    found = watch.update(*samples[-1])

    assert found is not None
    assert found.burned > 20


def test_a_spike_that_is_taken_back_burned_nothing():
    watch, samples = SpendWatch(), service(14)
    feed(watch, samples[:-30])
    first = samples[-30]
    assert [f.state for f in feed(watch, [(first[0], 500.0)])] == ["opened"]

    watch.update(*first)
    resolved = feed(watch, samples[-29:])[-1]

    assert resolved.state == "resolved"
    assert resolved.burned < 5


def test_data_that_is_restated_upwards_is_no_spike():
    rng, watch, told = Random(3), SpendWatch(), []
    samples = service(40)
    for index, (t, amount) in enumerate(samples):
        told.append(watch.update(t, amount * rng.uniform(0.85, 1)))
        for back in (12, 288):
            if index >= back:
                assert watch.update(*samples[index - back]) is None

    assert [f for f in told if f] == []


def test_missing_buckets_are_allowed():
    rng = Random(4)
    samples = [s for s in service(40) if rng.random() < 0.8]

    assert opened(feed(SpendWatch(), samples)) == []


def test_an_outage_of_three_days_is_silent():
    samples = [s for s in service(40) if not at(30) < s[0] < at(33)]

    assert feed(SpendWatch(), samples) == []


def test_a_sample_from_the_future_does_not_make_the_rest_old():
    watch, samples = SpendWatch(), changed(service(14), 13.5, 14, lambda a: 50 * a)
    feed(watch, samples[: 13 * 288])

    assert watch.update(at(400), 0.5) is None
    found = feed(watch, samples[13 * 288 :])[0]

    assert found.at == at(13.5) + MINUTES


def test_two_samples_from_the_future_are_taken_back_by_three_of_the_present():
    watch, samples = SpendWatch(), changed(service(14), 13.5, 14, lambda a: 50 * a)
    feed(watch, samples[: 13 * 288])

    feed(watch, [(at(400), 0.5), (at(400) + MINUTES, 0.5)])
    found = opened(feed(watch, samples[13 * 288 :]))[0]

    assert at(13.5) < found.at <= at(13.5) + 3 * MINUTES


def test_samples_finer_than_the_bucket_are_added_up():
    watch = SpendWatch(WatchConfig(hourly=10, step_s=300))
    minute = dt.timedelta(minutes=1)

    findings = feed(watch, [(START + k * minute, 0.5) for k in range(25)])

    assert findings[0].observed > 10


def test_a_gap_at_the_start_does_not_hide_the_length_of_a_bucket():
    samples = changed(service(14), 13.5, 14, lambda a: 50 * a)
    del samples[1:7]

    assert feed(SpendWatch(), samples)[0].at == at(13.5) + MINUTES


def test_the_change_to_summer_time_is_silent_for_an_office_in_local_time():
    from zoneinfo import ZoneInfo

    rng, zone, samples = Random(5), ZoneInfo("Europe/Berlin"), []
    begin = dt.datetime(2026, 9, 7, tzinfo=dt.UTC)
    for index in range(63 * 24):
        local = (begin + dt.timedelta(hours=index + 1)).astimezone(zone)
        opened_at = local - dt.timedelta(hours=1)
        works = opened_at.weekday() < 5 and 9 <= opened_at.hour < 18
        samples.append((local, (12.0 if works else 2.0) * rng.lognormvariate(0, 0.1)))

    late = [f for f in opened(feed(SpendWatch(), samples)) if f.at > begin + dt.timedelta(days=35)]

    assert late == []

"""What is found in a series, how soon, and what it says."""

import datetime as dt
from random import Random

import pytest

from costmon.detection import SpendWatch, WatchConfig
from tests.detection.spend import START, at, changed, feed, opened, service


def first(samples, watch=None):
    return opened(feed(watch or SpendWatch(), samples))[0]


def test_a_plain_service_is_silent():
    assert feed(SpendWatch(), service(35)) == []


def test_a_loop_of_a_hundred_times_is_found_in_its_first_bucket():
    found = first(changed(service(13), 12.5, 13, lambda a: a + 50))

    assert found.cause == "burst"
    assert not found.quiet
    assert found.at == at(12.5) + dt.timedelta(minutes=5)
    assert found.since == at(12.5)


def test_a_finding_explains_itself():
    found = first(changed(service(13), 12.5, 13, lambda a: a + 50))

    assert found.observed > 50
    assert found.low < found.expected < found.high < 1
    assert found.burned == pytest.approx(found.observed - found.expected)
    assert found.per_hour == pytest.approx(12 * found.burned)
    hours_left = (found.projected_until - found.at).total_seconds() / 3600
    assert found.projected_until == dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
    assert found.projected == pytest.approx(found.burned + hours_left * found.per_hour)
    assert 0.9 < found.confidence <= 1
    assert found.why[0].startswith(f"{found.observed:.2f} was spent within 5 minutes; ")
    assert found.contributors == ()


def test_short_buckets_and_small_amounts_are_told_in_figures_that_are_not_0():
    watch = SpendWatch(WatchConfig(step_s=20, new_service=0.001))
    step = dt.timedelta(seconds=20)
    zeros = [(START + n * step, 0.0) for n in range(1, 4400)]

    found = first([*zeros, (START + 4400 * step, 0.0041)], watch)

    assert found.why[0] == "0.0041 was spent within 20 seconds"


def test_times_of_a_finding_are_utc_whatever_the_zone_of_the_samples():
    zone = dt.timezone(dt.timedelta(hours=5, minutes=45))
    samples = [(t.astimezone(zone), a) for t, a in service(13)]

    found = first(changed(samples, 12.5, 13, lambda a: a + 50))

    assert found.at.tzinfo is found.since.tzinfo is found.projected_until.tzinfo is dt.UTC


def test_it_is_resolved_once_spend_is_usual_again():
    findings = feed(SpendWatch(), changed(service(16), 12.5, 12.6, lambda a: 10 * a))

    assert [f.state for f in findings if f.state != "escalated"] == ["opened", "resolved"]
    assert findings[-1].at <= at(12.6) + dt.timedelta(hours=2)
    assert findings[-1].burned > 0
    assert findings[-1].per_hour == 0


def test_it_escalates_when_it_gets_much_worse():
    samples = changed(service(13), 12.5, 13, lambda a: 4 * a)
    findings = feed(SpendWatch(), changed(samples, 12.6, 13, lambda a: 50 * a))

    states = [f.state for f in findings if f.at <= at(12.6) + dt.timedelta(minutes=30)]
    assert states[:2] == ["opened", "escalated"]
    assert len(opened(findings)) == 1


def test_at_most_one_statistical_finding_is_open():
    samples = changed(service(14), 12.5, 14, lambda a: 4 * a)
    rng = Random(1)
    samples = [(t, a * rng.choice((1, 1, 8)) if t > at(13) else a) for t, a in samples]

    assert len(opened(feed(SpendWatch(), samples))) == 1


@pytest.mark.parametrize(("factor", "hours"), [(2.5, 0.5), (1.6, 8)], ids=["+150 %", "+60 %"])
def test_a_step_that_stays_is_found(factor, hours):
    found = first(changed(service(21), 20.3, 21, lambda a: factor * a))

    assert at(20.3) < found.at <= at(20.3) + dt.timedelta(hours=hours)


def test_a_price_that_rose_by_a_fifth_is_found_within_four_days():
    found = first(changed(service(34), 29.4, 34, lambda a: 1.2 * a))

    assert at(29.4) < found.at <= at(33.4)
    assert found.cause in {"step", "leak"}


def test_a_slow_leak_is_found_within_a_week():
    samples = [
        (t, a * 1.04 ** max(0.0, (t - at(28)).total_seconds() / 86_400)) for t, a in service(36)
    ]

    found = first(samples)

    assert at(28) < found.at <= at(35)


def test_one_more_copy_of_a_job_each_day_is_found_within_a_day():
    samples = [(t, a + (0.6 if t > at(21) and t.minute in {0, 30} else 0)) for t, a in service(23)]

    found = first(samples)

    assert at(21) < found.at <= at(22)


def test_a_retry_storm_is_found_before_it_is_at_its_height():
    begin = at(20.4)
    samples = [
        (t, a * (1 + min(9, 2 ** ((t - begin).total_seconds() / 600 - 3))) if t > begin else a)
        for t, a in service(21)
    ]

    found = first(samples)

    assert begin < found.at <= begin + dt.timedelta(minutes=45)


def test_what_never_cost_anything_and_now_does_is_found_at_once():
    samples = changed(service(20), 0, 15.25, lambda _: 0.0)

    found = first(changed(samples, 15.25, 20, lambda _: 3.0))

    assert found.cause == "new"
    assert found.at == at(15.25) + dt.timedelta(minutes=5)
    assert found.expected == 0
    assert found.burned == 3


def test_a_new_service_is_found_in_daily_amounts_too():
    samples = [(at(day), 0.0 if day <= 8 else 40.0) for day in range(1, 12)]

    assert [(f.cause, f.at) for f in opened(feed(SpendWatch(), samples))] == [("new", at(9))]


def test_a_new_service_that_costs_cents_is_not_told_before_it_costs_something():
    samples = changed(service(20), 0, 15, lambda _: 0.0)
    found = first(changed(samples, 15, 20, lambda _: 0.1))

    assert found.cause == "new"
    assert found.at == at(15) + dt.timedelta(minutes=55)


def test_a_vendor_that_is_silent_for_three_hours_and_makes_up_for_it_is_not_a_spike():
    samples = service(25)
    gap = [a for t, a in samples if at(20.5) < t <= at(20.625)]
    kept = [(t, a + (sum(gap) if t == at(20.625) else 0)) for t, a in samples]
    kept = [(t, a) for t, a in kept if not at(20.5) < t < at(20.625)]

    assert feed(SpendWatch(), kept) == []


def test_zeros_that_are_made_up_for_later_are_not_a_spike():
    samples = service(25)
    silent = sum(a for t, a in samples if at(20.5) < t <= at(20.625))
    samples = changed(samples, 20.5, 20.6249, lambda _: 0.0)
    samples = [(t, silent if t == at(20.625) else a) for t, a in samples]

    assert feed(SpendWatch(), samples) == []


def test_a_lump_larger_than_what_is_owed_is_found():
    samples = service(25)
    kept = [(t, a) for t, a in samples if not at(20.5) < t < at(20.625)]
    kept = [(t, 400.0 if t == at(20.625) else a) for t, a in kept]

    found = first(kept)

    assert found.at == at(20.625)


def test_a_runaway_during_silence_is_not_hidden_by_it():
    samples = service(25)
    late = [(t, a) for t, a in samples if not at(20.5) < t < at(20.625)]

    assert first(changed(late, 20.63, 21, lambda a: 30 * a)).at <= at(20.65)


def test_announced_windows_are_silent_and_teach_nothing():
    samples = changed(service(35), 20.3, 20.6, lambda a: 20 * a)
    watch = SpendWatch(WatchConfig(hourly=20, daily=900), expected=[(at(20.3), at(20.6))])

    assert feed(watch, samples) == []
    assert feed(watch, [(at(35) + dt.timedelta(minutes=5), 100.0)])


def test_a_dip_and_the_return_from_it_are_silent():
    assert feed(SpendWatch(), changed(service(40), 22, 28, lambda a: 0.4 * a)) == []


@pytest.mark.parametrize("step_s", [3600, 86_400], ids=["hourly", "daily"])
def test_longer_buckets_are_watched_too(step_s):
    days = 24 if step_s == 3600 else 90
    samples = service(days, step_s=step_s, rate=10)

    found = opened(feed(SpendWatch(), changed(samples, days - 2, days, lambda a: 10 * a)))[-1]

    assert at(days - 2) < found.at <= at(days - 2) + dt.timedelta(seconds=2 * step_s)


def test_one_tag_that_runs_away_is_found_while_the_total_is_flat():
    tag = changed(service(21, seed=1), 20.4, 21, lambda a: 5 * a)
    usual = service(21, seed=1)
    other = service(21, seed=2, rate=4)
    rest = [(t, a + b - c) for (t, a), (_, b), (_, c) in zip(other, usual, tag, strict=True)]
    total = [(t, a + b) for (t, a), (_, b) in zip(tag, rest, strict=True)]

    assert first(tag).at <= at(20.4) + dt.timedelta(minutes=30)
    assert [f for f in feed(SpendWatch(), total) if f.at > at(20)] == []


def job_series(days, sizes, *, jitter=1800.0, seed=1):
    """One job a day at about 04:00, in three buckets; nothing else."""
    rng = Random(seed)
    samples = []
    for day in range(days):
        job = 48 + round(rng.uniform(-jitter, jitter) / 300)
        for bucket in range(288):
            size = sizes(day) * rng.uniform(0.9, 1.1) if job <= bucket < job + 3 else 0.0
            end = START + dt.timedelta(days=day, seconds=300 * (bucket + 1))
            samples.append((end, size))
    return samples


def test_a_daily_job_is_silent():
    findings = feed(SpendWatch(), job_series(60, lambda _: 20.0))

    assert [f for f in opened(findings) if f.at > at(10)] == []


def test_a_job_that_became_dearer_is_found_at_the_next_job():
    findings = opened(feed(SpendWatch(), job_series(45, lambda day: 36.0 if day >= 40 else 20.0)))

    (found,) = [f for f in findings if f.at > at(10)]
    assert found.cause == "job"
    assert at(40) < found.at <= at(40.25)
    assert found.expected == pytest.approx(60, rel=0.1)


def test_a_small_job_at_another_hour_does_not_hide_that_two_jobs_were_dearer():
    def size(day):
        return 20.0 * (0.8, 1.25)[day % 2] * (1.8 if day >= 40 else 1)

    samples = changed(job_series(43, size), 40.66, 40.665, lambda _: 5.0)

    (found,) = [f for f in opened(feed(SpendWatch(), samples)) if f.at > at(10)]

    assert found.cause == "job"
    assert at(41) < found.at <= at(41.25)


def test_a_job_that_runs_again_and_again_is_found_the_same_day():
    samples = job_series(41, lambda _: 20.0)
    samples = [(t, 20.0 if t > at(40.3) and t.minute < 15 else a) for t, a in samples]

    found = next(f for f in opened(feed(SpendWatch(), samples)) if f.at > at(10))

    assert found.cause == "job"
    assert found.at < at(40.5)


def test_a_job_that_became_much_dearer_again_escalates():
    samples = job_series(43, lambda day: 20.0 * {40: 1.8, 41: 1.8, 42: 40}.get(day, 1))

    findings = [f for f in feed(SpendWatch(), samples) if f.at > at(10)]

    assert [f.state for f in findings[:2]] == ["opened", "escalated"]
    assert at(42) < findings[1].at < at(42.25)
    assert findings[1].burned > findings[0].burned


def test_after_five_dearer_jobs_the_price_is_the_usual_one():
    samples = job_series(60, lambda day: 36.0 if day >= 40 else 20.0)

    findings = [f for f in feed(SpendWatch(), samples) if f.at > at(10)]

    assert [f.state for f in findings] == ["opened", "resolved"]
    assert at(44) < findings[1].at < at(45)

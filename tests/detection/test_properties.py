"""Whatever arrives, in whatever order: no crash, no storm, and corrections end in the same sums."""

import datetime as dt
import math
from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from costmon.detection import SpendWatch, WatchConfig
from tests.detection.spend import START, at, feed, service

AMOUNTS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(0, 100),
    st.sampled_from([0.0, 5e-324, 1e-300, 0.1, 1.0, 9.9e14, -0.0]),
    st.integers(-(10**20), 10**20),
)
TIMES = st.one_of(
    st.integers(0, 40_000).map(lambda n: START + dt.timedelta(minutes=n)),
    st.datetimes(timezones=st.just(dt.UTC)),
)
STEPS = st.sampled_from([300, 3600, 86_400])


@settings(deadline=None, max_examples=60)
@given(samples=st.lists(st.tuples(TIMES, AMOUNTS), max_size=60), step=st.none() | STEPS)
def test_any_samples_in_any_order_never_crash(samples, step):
    watch = SpendWatch(WatchConfig(hourly=10, daily=50, budget=100, step_s=step))

    for t, amount in samples:
        found = watch.update(t, amount)
        assert found is None or all(
            map(math.isfinite, (found.observed, found.expected, found.burned, found.per_hour))
        )
        watch.acknowledge(t) if found and found.quiet else None

    SpendWatch.from_bytes(watch.to_bytes())


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 10**6), step_s=st.sampled_from([3600, 86_400]))
def test_hostile_samples_between_good_ones_change_nothing(seed, step_s):
    rng, watch, told = Random(seed), SpendWatch(), []
    samples = service(40, step_s=step_s, rate=6, seed=seed)
    for t, amount in samples:
        told += [f for f in [watch.update(t, amount)] if f]
        for _ in range(rng.randrange(3)):
            bad = rng.choice((-1.0, math.nan, math.inf, -math.inf, 1e15, 1e308))
            moved = t + dt.timedelta(seconds=rng.choice((-step_s, 0, step_s, 10**7)))
            assert watch.update(moved, bad) is None

    assert told == feed(SpendWatch(), samples)


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 10**6))
def test_gaps_repeats_and_late_samples_are_no_storm(seed):
    rng, watch = Random(seed), SpendWatch()
    samples = [s for s in service(45, step_s=3600, rate=6) if rng.random() < 0.9]
    arrived = []
    for index, sample in enumerate(samples):
        arrived.append(sample)
        arrived += [
            samples[rng.randrange(max(0, index - 30), index + 1)] for _ in range(rng.randrange(3))
        ]

    assert len(feed(watch, arrived)) <= 2


@settings(deadline=None, max_examples=30)
@given(st.permutations(range(12)))
def test_the_order_of_corrections_does_not_matter(order):
    samples = service(1)[:100]
    watch, straight = SpendWatch(WatchConfig(hourly=1000)), SpendWatch(WatchConfig(hourly=1000))
    feed(straight, [(t, 2 * a) for t, a in samples])
    feed(watch, samples[:-12] + [(t, 0.0) for t, _ in samples[-12:]])
    for index in order:
        assert watch.update(samples[index - 12][0], 2 * samples[index - 12][1]) is None

    end = (at(0) + dt.timedelta(minutes=505), 1500.0)
    first, second = watch.update(*end), straight.update(*end)
    assert first is not None
    assert second is not None
    assert math.isclose(first.observed, second.observed)


@settings(deadline=None, max_examples=15)
@given(scale=st.floats(1e-3, 1e6), seed=st.integers(0, 1000))
@example(scale=1.0, seed=106)  # a finding is resolved in the bucket before
def test_a_loop_is_found_in_any_currency(scale, seed):
    samples = [(t, scale * a) for t, a in service(12, step_s=3600, seed=seed, rate=6)]
    watch = SpendWatch()
    feed(watch, samples)

    found = watch.update(at(12) + dt.timedelta(hours=1), 600 * scale)

    assert found is not None
    assert found.state in {"opened", "escalated"}


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    before=st.integers(1, 60),
    change=st.sampled_from([0.3, 1.0, 3.0, 10.0]),
    what=st.sampled_from(["nothing", "acknowledged", "announced", "new"]),
)
@example(seed=2, before=17, change=3.0, what="acknowledged")  # the peak is open
@example(seed=0, before=36, change=1.0, what="announced")  # the window ends in the bucket before
@example(seed=0, before=40, change=1.0, what="new")  # the new service is still followed
def test_a_loop_is_told_in_its_first_bucket_whatever_came_before(seed, before, change, what):
    samples = service(20, step_s=3600, seed=seed, rate=6)
    *usual, last = samples
    recent = {t for t, _ in samples[-before:]}
    announced = [(samples[-before - 1][0], usual[-1][0])] if what == "announced" else []
    watch = SpendWatch(expected=announced)
    for t, amount in usual:
        factor = change if t in recent else 0.0 if what == "new" else 1.0
        if watch.update(t, factor * amount) and what == "acknowledged":
            watch.acknowledge(t)

    found = watch.update(last[0], 1000 * max(change, 1.0))

    assert found is not None
    assert found.state in {"opened", "escalated"}
    assert not found.quiet


@settings(deadline=None, max_examples=25)
@given(values=st.lists(st.floats() | st.integers(-(10**12), 10**12), max_size=300))
def test_scores_of_any_values_are_between_0_and_1(values):
    watch = SpendWatch()

    for index, value in enumerate(values):
        assert 0 <= watch.score(START + dt.timedelta(minutes=5 * index), value) <= 1

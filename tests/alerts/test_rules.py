"""Rules over amounts per bucket: limits, spikes, late and restated amounts, the breaker's line."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmon.alerts.rules import BUCKET, DAY, HOUR, RuleWatch
from costmon.domain.rule import Breaker, Rule
from costmon.errors import InputError

START = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
SCOPE = "provider:openai"
OPENS = Breaker(enabled=True, threshold_multiplier=Decimal(5))
RULE = Rule(SCOPE, Decimal(10), Decimal(100), breaker=OPENS)


def fed(watch, amounts, *, width=BUCKET, start=START, scope=SCOPE):
    """Feed amounts one after the other; return the outcomes of each."""
    return [
        watch.update(scope, start + width * (place + 1), amount, width=width)
        for place, amount in enumerate(amounts)
    ]


def kinds(outcomes):
    return {one.kind: one.holds for one in outcomes}


def test_more_than_an_hours_limit_is_told_with_the_bucket_that_passes_it():
    told = fed(RuleWatch([RULE]), [4, 6, 1])

    assert [kinds(one) for one in told] == [{}, {}, {"hourly": True}]
    (outcome,) = told[2]
    assert (outcome.observed, outcome.limit) == (11, 10)
    assert outcome.since == outcome.at == START + 3 * BUCKET
    assert outcome.name == "rule:provider:openai:hourly"
    assert outcome.text == ("provider:openai: 11.00 USD in the last hour; the limit is 10.00 USD.")


def test_since_stays_while_it_lasts_and_its_end_is_told_once():
    told = fed(RuleWatch([RULE]), [11, *([0] * 13)])

    assert {one[0].since for one in told[:12]} == {START + BUCKET}
    assert [kinds(one) for one in told[11:]] == [{"hourly": True}, {"hourly": False}, {}]


def test_a_day_is_the_last_24_hours_over_midnight():
    evening = START + dt.timedelta(hours=18)

    told = fed(RuleWatch([RULE]), [9] * 12, width=HOUR, start=evening)

    assert [place for place, one in enumerate(told) if kinds(one)] == [11]
    assert told[11][0].kind == "daily"
    assert told[11][0].observed == 108


def test_an_hour_of_a_day_long_bucket_is_its_mean():
    assert kinds(fed(RuleWatch([RULE]), [240], width=DAY)[0]) == {"daily": True}
    assert kinds(fed(RuleWatch([RULE]), [241], width=DAY)[0]) == {"hourly": True, "daily": True}


def test_a_rule_without_amounts_uses_the_defaults_of_the_provider():
    watch = RuleWatch([Rule("provider:*")])

    assert kinds(fed(watch, [26], scope="provider:supabase")[0]) == {"hourly": True, "daily": True}
    assert kinds(fed(watch, [26], scope="provider:acme")[0]) == {}


def test_a_scope_without_a_rule_is_not_looked_at():
    watch = RuleWatch([RULE])

    assert fed(watch, [10**6], scope="account:work") == [()]
    assert watch.standings() == ()


def test_the_same_end_again_replaces_the_amount():
    watch = RuleWatch([RULE])
    fed(watch, [8])

    assert watch.update(SCOPE, START + BUCKET, 9) == ()
    assert kinds(watch.update(SCOPE, START + BUCKET, 11)) == {"hourly": True}
    assert kinds(watch.update(SCOPE, START + BUCKET, 1)) == {"hourly": False}


def test_a_late_bucket_counts_in_the_windows_that_it_is_in():
    watch = RuleWatch([RULE])
    fed(watch, [6, 0, 0])

    assert kinds(watch.update(SCOPE, START + 2 * BUCKET, 5)) == {"hourly": True}
    assert watch.update(SCOPE, START - 2 * HOUR, 80)[0].kind == "hourly"
    assert watch.standings()[0].hourly == 11
    assert watch.standings()[0].daily == 91


def test_an_hour_replaces_the_buckets_within_it():
    watch = RuleWatch([RULE])
    fed(watch, [3] * 12)

    (ended,) = watch.update(SCOPE, START + HOUR, 7, width=HOUR)

    assert not ended.holds
    assert watch.standings()[0].daily == 7


def test_a_bucket_within_a_longer_one_changes_nothing():
    watch = RuleWatch([RULE])
    fed(watch, [7], width=HOUR)

    watch.update(SCOPE, START + 2 * BUCKET, 50)

    assert watch.standings()[0].daily == 7


def test_buckets_that_overlap_a_little_lose_no_money():
    watch = RuleWatch([RULE])
    jitter = dt.timedelta(milliseconds=250)
    watch.update(SCOPE, START + BUCKET + jitter, 1)
    watch.update(SCOPE, START + 3 * BUCKET, 4)

    watch.update(SCOPE, START + 2 * BUCKET + jitter, 2)

    assert watch.standings()[0].hourly == 7


def test_a_spike_needs_a_day_of_the_past_and_then_compares_with_the_usual_hour():
    watch = RuleWatch([RULE])
    told = fed(watch, [Decimal("0.6")] * 24, width=HOUR)
    assert all(one == () for one in told)
    (unknown,) = fed(watch, [2], width=HOUR, start=START + 24 * HOUR)
    assert kinds(unknown) == {"spike": True}

    (spike,) = unknown

    assert spike.usual == Decimal("0.6")
    assert spike.limit == Decimal("1.8")
    assert spike.text == "provider:openai: 2.00 USD in an hour; usual is 0.60 USD."
    assert not spike.passes_breaker


def test_there_is_no_spike_while_the_usual_is_not_known():
    assert all(one == () for one in fed(RuleWatch([RULE]), [0] * 23 + [5], width=HOUR))


def test_little_money_is_no_spike_even_where_nothing_is_usual():
    watch = RuleWatch([RULE])
    fed(watch, [0] * 24, width=HOUR)

    small, large = fed(watch, [1, 3], width=HOUR, start=START + 24 * HOUR)

    assert kinds(small) == {}
    assert kinds(large) == {"spike": True}


def test_a_long_silence_is_not_taken_for_nothing_spent():
    watch = RuleWatch([RULE])
    fed(watch, [2] * 24, width=HOUR)

    (told,) = fed(watch, [5], width=HOUR, start=START + 72 * HOUR)

    assert kinds(told) == {}


def test_the_breaker_is_passed_above_the_limit_times_its_multiplier():
    told = fed(RuleWatch([RULE]), [45, 5, 1])

    assert [one[0].passes_breaker for one in told] == [False, False, True]


def test_a_rule_that_opens_nothing_never_passes_its_breaker():
    told = fed(RuleWatch([RULE._replace(breaker=Breaker())]), [10_000])

    assert [one.passes_breaker for one in told[0]] == [False, False]


def test_on_trial_only_the_bucket_itself_passes_the_breaker_at_its_rate():
    watch = RuleWatch([RULE])
    fed(watch, [60])
    at = START + 2 * BUCKET

    calm = watch.update(SCOPE, at, 4, on_trial=True)
    again = watch.update(SCOPE, at + BUCKET, 5, on_trial=True)
    late = watch.update(SCOPE, START - HOUR, 60, on_trial=True)

    assert {one.kind: one.passes_breaker for one in calm} == {"hourly": False}
    assert {one.kind: one.passes_breaker for one in again} == {"hourly": True}
    assert not any(one.passes_breaker for one in late)


@pytest.mark.parametrize(
    ("at", "amount", "width"),
    [
        (START.replace(tzinfo=None), 1, BUCKET),
        (START, -1, BUCKET),
        (START, float("nan"), BUCKET),
        (START, float("inf"), BUCKET),
        (START, 10**10, BUCKET),
        (START, "much", BUCKET),
        (START, 1, dt.timedelta(0)),
        (START, 1, 2 * DAY),
    ],
)
def test_what_is_not_valid_is_refused_and_not_noted(at, amount, width):
    watch = RuleWatch([RULE])

    with pytest.raises(InputError):
        watch.update(SCOPE, at, amount, width=width)

    assert watch.standings() == ()


def test_a_state_is_dropped_for_a_scope_whose_rule_is_gone_or_in_another_currency():
    watch = RuleWatch([RULE])
    watch.update(SCOPE, START, Decimal(5))

    assert RuleWatch.from_bytes([RULE], watch.to_bytes()).known == {(SCOPE, "guards")}
    assert not RuleWatch.from_bytes([], watch.to_bytes()).known
    other = RULE._replace(currency="CHF")
    assert not RuleWatch.from_bytes([other], watch.to_bytes()).known


@pytest.mark.parametrize("state", [b"", b"no", b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_a_state_that_cannot_be_read_is_an_error(state):
    with pytest.raises(ValueError, match="state of rules"):
        RuleWatch.from_bytes([RULE], state)


AMOUNTS = st.decimals(0, 200, places=2, allow_nan=False)
SAMPLES = st.lists(
    st.tuples(st.integers(0, 9 * 288), AMOUNTS), min_size=1, max_size=60, unique_by=lambda it: it[0]
)


@settings(deadline=None)
@given(SAMPLES, st.randoms())
def test_the_order_in_which_buckets_come_makes_no_difference(samples, rng):
    shuffled = list(samples)
    rng.shuffle(shuffled)
    ordered, other = RuleWatch([RULE]), RuleWatch([RULE])

    for watch, listed in ((ordered, sorted(samples)), (other, shuffled)):
        for place, amount in listed:
            watch.update(SCOPE, START + BUCKET * (place + 1), amount)

    before, after = ordered.standings()[0], other.standings()[0]
    assert (before.hourly, before.daily, before.at) == (after.hourly, after.daily, after.at)
    assert set(before.exceeded) == set(after.exceeded)


@settings(deadline=None)
@given(SAMPLES)
def test_the_windows_are_exact_sums(samples):
    watch = RuleWatch([RULE])
    for place, amount in samples:
        watch.update(SCOPE, START + BUCKET * (place + 1), amount)

    newest = max(place for place, _ in samples)
    standing = watch.standings()[0]

    assert standing.hourly == sum(a for place, a in samples if place > newest - 12)
    assert standing.daily == sum(a for place, a in samples if place > newest - 288)


@settings(deadline=None)
@given(SAMPLES, st.integers(0, 60))
def test_a_restart_from_the_state_changes_nothing(samples, cut):
    whole, first = RuleWatch([RULE]), RuleWatch([RULE])
    for place, amount in samples[:cut]:
        whole.update(SCOPE, START + BUCKET * (place + 1), amount)
        first.update(SCOPE, START + BUCKET * (place + 1), amount)

    second = RuleWatch.from_bytes([RULE], first.to_bytes())

    assert second.to_bytes() == first.to_bytes()
    for place, amount in samples[cut:]:
        at = START + BUCKET * (place + 1)
        assert second.update(SCOPE, at, amount) == whole.update(SCOPE, at, amount)
    assert second.standings() == whole.standings()


WIDTHS = st.integers(1, 24 * 60).map(lambda minutes: dt.timedelta(minutes=minutes))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-3_000, 3_000), WIDTHS, AMOUNTS), min_size=1, max_size=40))
def test_buckets_of_any_width_never_count_more_than_was_told(samples):
    watch = RuleWatch([RULE])
    told = Decimal(0)

    for minute, width, amount in samples:
        told += amount
        outcomes = watch.update(SCOPE, START + dt.timedelta(minutes=minute), amount, width=width)
        assert all(
            one.holds == (one.limit is not None and one.observed > one.limit) for one in outcomes
        )
        standing = watch.standings()[0]
        assert 0 <= (standing.hourly or 0) <= standing.daily <= told

"""The state of a watch as bytes: exact, bounded, and refused when it is damaged."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmon.detection import SpendWatch, WatchConfig
from tests.detection.spend import at, changed, feed, service

SAMPLES = changed(service(40, step_s=3600, rate=6), 30, 31, lambda a: 10 * a)
CONFIG = WatchConfig(hourly=90, daily=900, budget=9000, holidays=frozenset({at(9).date()}))


def watch():
    return SpendWatch(CONFIG, expected=[(at(20), at(20.5))])


def again(old):
    return SpendWatch.from_bytes(old.to_bytes())


@settings(deadline=None, max_examples=6)
@given(cuts=st.lists(st.integers(0, len(SAMPLES)), min_size=1, max_size=6).map(sorted))
def test_a_restart_anywhere_changes_nothing(cuts):
    straight, restarted = watch(), watch()
    findings = feed(straight, SAMPLES)

    told, begin = [], 0
    for cut in [*cuts, len(SAMPLES)]:
        told += feed(restarted, SAMPLES[begin:cut])
        restarted, begin = again(restarted), cut

    assert told == findings
    assert restarted.to_bytes() == straight.to_bytes()


def test_a_restart_while_a_finding_is_open_remembers_which():
    straight, samples = watch(), SAMPLES[: 24 * 31 - 4]
    feed(straight, samples)
    restarted = again(straight)
    for each in (straight, restarted):
        each.acknowledge(at(31))

    assert feed(restarted, SAMPLES[len(samples) :]) == feed(straight, SAMPLES[len(samples) :])


def test_scores_go_on_exactly_after_a_restart():
    straight = SpendWatch()
    values = [(t, a) for t, a in service(9)]
    for t, value in values[:2000]:
        straight.score(t, value)
    restarted = again(straight)

    assert [restarted.score(*v) for v in values[2000:]] == [
        straight.score(*v) for v in values[2000:]
    ]
    assert restarted.to_bytes() == straight.to_bytes()


def test_the_state_is_bounded():
    old = SpendWatch()
    feed(old, service(40))
    size = len(old.to_bytes())
    feed(old, [(t + (at(40) - at(0)), a) for t, a in service(40, seed=2)])

    assert size < 60_000
    assert len(old.to_bytes()) < 1.2 * size


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b"",
        lambda b: b[:-1],
        lambda b: b + b"x",
        lambda b: b[:100] + bytes([b[100] ^ 1]) + b[101:],
        lambda b: b"{}" + b,
    ],
)
def test_damaged_bytes_are_refused(damage):
    with pytest.raises(ValueError, match="not the state of a SpendWatch, or are damaged"):
        SpendWatch.from_bytes(damage(watch().to_bytes()))


def test_a_state_of_another_version_is_refused(monkeypatch):
    old = watch().to_bytes()
    monkeypatch.setattr("costmon.detection.encoding.VERSION", 2)

    with pytest.raises(ValueError, match="of version 1"):
        SpendWatch.from_bytes(old)

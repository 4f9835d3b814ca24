"""The score of any series: strictly causal, and high where something new happens."""

import datetime as dt
import math
from random import Random

from costmon.detection import SpendWatch
from tests.detection.spend import START


def wave(rows, seed=1):
    rng = Random(seed)
    return [
        (START + dt.timedelta(minutes=5 * i), math.sin(i * math.pi / 144) + rng.gauss(0, 0.1))
        for i in range(rows)
    ]


def scores(values):
    watch = SpendWatch()
    return [watch.score(t, v) for t, v in values]


def test_a_new_high_is_the_highest_score():
    values = wave(3000)
    values[2500] = (values[2500][0], 6.0)

    rated = scores(values)

    assert rated[2500] == max(rated) > 0.2


def test_a_change_of_rhythm_is_scored():
    values = wave(4000)
    quick = [(t, math.sin(i)) for i, (t, _) in enumerate(values[3000:])]

    rated = scores(values[:3000] + quick)

    assert max(rated[3000:3100]) > max(rated[1000:3000])


def test_a_score_depends_on_the_past_only():
    values = wave(2500)
    changed = values[:2000] + [(t, 100 - v) for t, v in values[2000:]]

    assert scores(values)[:2000] == scores(changed)[:2000]


def test_a_constant_series_scores_nothing():
    assert set(scores([(t, 5.0) for t, _ in wave(1500)])) == {0.0}


def test_after_an_alarm_the_score_rests_unless_something_stronger_comes():
    values = wave(3000)
    for row, value in ((2500, 4.0), (2510, 4.5), (2520, 1e6)):
        values[row] = (values[row][0], value)

    rated = scores(values)

    assert rated[2500] > 0
    assert rated[2510] == 0
    assert rated[2520] > rated[2500]


def test_update_knows_nothing_of_score():
    watch, alone = SpendWatch(), SpendWatch()
    for t, value in wave(500):
        watch.score(t, value)
        assert watch.update(t, abs(value)) == alone.update(t, abs(value))

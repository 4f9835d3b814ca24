"""The scoring rule of the Numenta Anomaly Benchmark, on files made up here."""

import datetime as dt
import json

import pytest

from benchmarks.detection import choice, nab
from costmon.detection import SpendWatch
from tests.detection.spend import START
from tests.detection.test_novelty import wave


def made_up(rows=100, window=(50, 59)):
    times = [START + dt.timedelta(minutes=5 * i) for i in range(rows)]
    return nab.File("made/up.csv", times, [0.0] * rows, [window])


def score(alarms, file=None):
    file = file or made_up()
    rated = [1.0 if row in alarms else 0.0 for row in range(len(file.values))]
    return nab.Scored([file], [rated]).at(1.0).score


def test_an_alarm_in_the_first_row_of_the_window_is_perfect():
    assert score({50}) == pytest.approx(100)


def test_a_later_alarm_is_worth_less_and_only_the_earliest_counts():
    assert score({59}) == pytest.approx(62.4, abs=0.1)
    assert score({53, 59}) == score({53}) > score({59})


def test_an_alarm_outside_costs_and_less_just_after_the_window():
    assert score({50, 30}) == pytest.approx(100 - 5.5)
    assert 100 - 5.5 < score({50, 61}) < 100


def test_an_alarm_in_the_probation_does_not_count():
    assert score({3, 50}) == pytest.approx(100)


def test_never_to_alarm_is_zero():
    rated = [0.0] * 100
    assert nab.Scored([made_up()], [rated]).best().score == 0


def test_the_best_threshold_is_found():
    rated = [0.0] * 100
    rated[30], rated[50] = 0.4, 0.6

    best = nab.Scored([made_up()], [rated]).best()

    assert (best.threshold, best.found, best.false_alarms) == (0.6, 1, 0)


def test_a_folder_is_read_with_its_labels(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "data" / "made").mkdir(parents=True)
    labels = {
        "made/up.csv": [["2014-04-01 00:05:00.000000", "2014-04-01 00:10:00.000000"]],
        "made/missing.csv": [],
    }
    (tmp_path / "labels" / "combined_windows.json").write_text(json.dumps(labels))
    lines = "".join(f"2014-04-01 00:{5 * i:02}:00,{i}.5\n" for i in range(5))
    (tmp_path / "data" / "made" / "up.csv").write_text("timestamp,value\n" + lines)

    (file,) = nab.read(tmp_path)

    assert file.windows == [(1, 2)]
    assert file.values == [0.5, 1.5, 2.5, 3.5, 4.5]


def test_the_procedure_of_choice_scores_as_the_product_does():
    values = wave(2500)
    for row in (1500, 1510, 2200):
        values[row] = (values[row][0], 9.0 + row / 100)
    watch = SpendWatch()
    expected = [watch.score(t, v) for t, v in values]

    recorded = choice.record(
        nab.File("made/up.csv", [t for t, _ in values], [v for _, v in values], [])
    )

    assert choice.rate(recorded, frozenset(range(len(choice.NAMES)))) == expected

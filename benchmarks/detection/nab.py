"""Score detection on a folder of the Numenta Anomaly Benchmark, strictly causal.

Standard profile and official rule: of each labelled window the earliest alarm counts, the earlier
the more; an alarm outside costs 0.11, less just after a window; a window without alarm costs 1;
the first 15 % of a file (at most 750 rows) do not count. One threshold for all files is chosen by
the score. 100 is perfect, 0 is what a detector gets that never alarms.
"""

import csv
import datetime as dt
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

FALSE_ALARM = 0.11
PROBATION, MOST_PROBATION = 0.15, 750


@dataclass(slots=True)
class File:
    """One file of the benchmark.

    Attributes:
        name: Its path within the folder.
        times: When each row was measured.
        values: What was measured.
        windows: First and last row of each labelled window.
    """

    name: str
    times: list[dt.datetime]
    values: list[float]
    windows: list[tuple[int, int]]

    @property
    def probation(self) -> int:
        """Rows at the beginning that do not count."""
        return int(min(PROBATION * len(self.values), MOST_PROBATION))


def read(folder: Path) -> list[File]:
    """Read all files that have labels, in the order of their names.

    Raises:
        FileNotFoundError: When the folder has no `labels/combined_windows.json`.
    """
    labels = json.loads((folder / "labels" / "combined_windows.json").read_text(encoding="utf-8"))
    files = []
    for name in sorted(labels):
        path = folder / "data" / name
        if not path.exists():
            continue
        with path.open(encoding="utf-8", newline="") as lines:
            rows = [(row["timestamp"], float(row["value"])) for row in csv.DictReader(lines)]
        places: dict[str, int] = {}
        for index, (time, _) in enumerate(rows):
            places.setdefault(time, index)
        windows = [(places[first[:19]], places[last[:19]]) for first, last in labels[name]]
        times = [dt.datetime.fromisoformat(time) for time, _ in rows]
        files.append(File(name, times, [value for _, value in rows], windows))
    return files


def _sigmoid(position: float) -> float:
    return -1.0 if position > 3 else 2 / (1 + math.exp(5 * position)) - 1


def _weights(file: File) -> list[tuple[int, float]]:
    """Return for each row the number of its window (-1 outside) and the worth of an alarm there."""
    weights: list[tuple[int, float]] = []
    best = _sigmoid(-1.0)
    windows = iter(enumerate(file.windows))
    current = next(windows, None)
    past: tuple[int, int] | None = None
    for row in range(len(file.values)):
        if current and row >= current[1][0]:
            number, (first, last) = current
            width = last - first + 1
            weights.append((number, _sigmoid(-(last - row + 1) / width) / best))
            if row == last:
                past, current = (last, width), next(windows, None)
        elif past is None:
            weights.append((-1, -FALSE_ALARM))
        else:
            position = (row - past[0]) / max(past[1] - 1, 1)
            weights.append((-1, FALSE_ALARM * _sigmoid(position)))
    return weights


@dataclass(slots=True)
class Result:
    """Score of a set of files at one threshold.

    Attributes:
        threshold: Scores at or above it are alarms.
        score: Normalised.
        found: Windows with an alarm.
        windows: All of them.
        false_alarms: Rows outside windows that are alarms.
    """

    threshold: float
    score: float
    found: int
    windows: int
    false_alarms: int


class Scored:
    """Files with the scores of a detector, prepared for any threshold.

    Args:
        files: The files.
        scores: Of each row of each of them.
    """

    def __init__(self, files: Sequence[File], scores: Sequence[Sequence[float]]) -> None:
        self.windows = sum(len(file.windows) for file in files)
        points = []
        for place, (file, rated) in enumerate(zip(files, scores, strict=True)):
            for row, (window, weight) in enumerate(_weights(file)):
                if row >= file.probation and rated[row] > 0.0:
                    points.append((rated[row], (place, window), weight))
        self.points = sorted(points, key=lambda point: -point[0])

    def _walk(self) -> Iterable[Result]:
        raw, false_alarms = -float(self.windows), 0
        best: dict[tuple[int, int], float] = {}
        yield Result(math.inf, 0.0, 0, self.windows, 0)
        for index, (score, window, weight) in enumerate(self.points):
            if window[1] < 0:
                raw += weight
                false_alarms += 1
            elif window not in best:
                raw += 1 + weight
                best[window] = weight
            elif weight > best[window]:
                raw += weight - best[window]
                best[window] = weight
            if index + 1 == len(self.points) or self.points[index + 1][0] < score:
                normal = 100 * (raw + self.windows) / (2 * max(1, self.windows))
                yield Result(score, normal, len(best), self.windows, false_alarms)

    def best(self) -> Result:
        """Return the result at the threshold that gives the highest score."""
        return max(self._walk(), key=lambda result: result.score)

    def at(self, threshold: float) -> Result:
        """Return the result at a threshold that was chosen elsewhere."""
        last = None
        for result in self._walk():
            if result.threshold < threshold:
                break
            last = result
        assert last is not None
        return last

"""Choose the statistics of `score` on one half of the files and score the other half.

This is the procedure whose figure may be expected of files that nobody has looked at. It begins
with all statistics of `costmon.detection.novelty` and leaves out one after another while the score
of the half that it may see rises by at least half a point; the threshold is chosen there, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.detection.nab import File, Result, Scored
from costmon.detection.novelty import Alarm, Novelty, strength

NAMES = (
    "jump",
    "spread",
    "mean",
    "season",
    "surprise",
    "record",
    "log record",
    "spread record",
    "vote",
)
LEAST_GAIN = 0.5
NO_VOTE = 1 << 30


@dataclass(slots=True)
class Recorded:
    """Statistics of the rows of a file in which any is over its line.

    Attributes:
        file: The file.
        rows: Number of the row, its statistics, and rows since the last vote.
    """

    file: File
    rows: list[tuple[int, tuple[float, ...], int]]


def record(file: File) -> Recorded:
    """Run the statistics over a file once."""
    novelty, rows = Novelty(), []
    for row, (time, value) in enumerate(zip(file.times, file.values, strict=True)):
        over = tuple(novelty.statistics(time, value))
        since = novelty.rows - novelty.voted
        if any(over) or since == 0:
            rows.append((row, over, since))
    return Recorded(file, rows)


def rate(recorded: Recorded, chosen: frozenset[int]) -> list[float]:
    """Return the scores that the chosen statistics give."""
    scores, alarm, done = [0.0] * len(recorded.file.values), Alarm(), 0
    for row, over, since in recorded.rows:
        alarm.rest = max(0, alarm.rest - (row - done))
        kept = [x for index, x in enumerate(over) if index in chosen]
        scores[row] = alarm.score(strength(kept, since if len(NAMES) - 1 in chosen else NO_VOTE))
        done = row + 1
    return scores


def scored(records: Sequence[Recorded], chosen: frozenset[int]) -> Scored:
    """Return the files, scored by the chosen statistics."""
    return Scored([r.file for r in records], [rate(r, chosen) for r in records])


def choose(records: Sequence[Recorded]) -> tuple[frozenset[int], Result]:
    """Return the statistics that the procedure keeps, and the result on the files it saw."""
    chosen = frozenset(range(len(NAMES)))
    best = scored(records, chosen).best()
    while len(chosen) > 1:
        tried = [(scored(records, chosen - {index}).best(), index) for index in sorted(chosen)]
        result, index = max(tried, key=lambda item: item[0].score)
        if result.score < best.score + LEAST_GAIN:
            break
        chosen, best = chosen - {index}, result
    return chosen, best


def two_fold(records: Sequence[Recorded]) -> list[tuple[str, Result, Result]]:
    """Choose on each half (every second file by name); score the other half with that choice.

    Returns:
        For each half: what was left out, the result on the half that chose, and on the other.
    """
    halves = (records[::2], records[1::2])
    outcome = []
    for seen, unseen in (halves, halves[::-1]):
        chosen, result = choose(seen)
        left_out = [name for index, name in enumerate(NAMES) if index not in chosen]
        other = scored(unseen, chosen).at(result.threshold)
        outcome.append((", ".join(left_out) or "nothing", result, other))
    return outcome

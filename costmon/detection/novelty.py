"""How novel a value of any series is, from 0 to 1, knowing only what came before it.

Eight statistics are judged by their own past. Five are compared with the 99.5 % point of their last
4,000 values: the jump from the value before, the spread of 12 values, the distance of the mean of
48 from the median, the distance from the same half hour of other days, and the surprise of the
symbol after the symbols before it. Three are records: a new high or low in units of the usual
spread, the same on a logarithmic scale, and a new high of the spread of 48. One more votes: the
relative entropy of 52 values against the patterns seen (`costmon.detection.patterns`).

All have the same weight; none was fitted. After an alarm the score rests for 100 rows unless
something three times as strong comes.
"""

import datetime as dt
import math
from array import array
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Sequence

from costmon.detection.patterns import Patterns

VALUES, TAIL, SPREADS, RECORDS = 1500, 4000, 3000, 4000  # rows remembered
TAIL_SHARE, LEAST_TAIL, LEAST_ROWS = 0.995, 60, 40
WEIGHT, VOTE, VOTE_ROWS = 0.5, 0.5, 10
LEAST, REST_ROWS, AGAIN, SCALE = 1.0, 100, 3.0, 12.0
SHORT, LONG = 12, 48
SEASON_DAYS = 21
UNIT_ROWS = 150
SYMBOLS, CONTEXTS, MOST_CONTEXTS = 8, (0, 1, 2, 4), 20_000
SMOOTHING, PSEUDO = 6, 2.0
TINY, HUGE = 1e-12, 1e150


class Window:
    """The last values, in the order of time and in the order of size."""

    __slots__ = ("most", "ordered", "values")

    def __init__(self, most: int) -> None:
        self.most = most
        self.values: deque[float] = deque()
        self.ordered = array("d")

    def add(self, value: float) -> None:
        """Add a value and forget the oldest."""
        ordered, values = self.ordered, self.values
        values.append(value)
        insort(ordered, value)
        if len(values) > self.most:
            del ordered[bisect_left(ordered, values.popleft())]

    def at(self, share: float) -> float:
        """Return the value that this share of the values does not exceed."""
        return self.ordered[min(len(self.ordered) - 1, int(len(self.ordered) * share))]

    def spread(self) -> float:
        """Return a robust standard deviation."""
        ordered = self.ordered
        count = len(ordered)
        return (ordered[count * 9 // 10] - ordered[count // 10]) / 2.563

    def exceeds(self, value: float) -> float:
        """Return how far a value is over the tail of the past, in units of it; then add it."""
        over = 0.0
        if len(self.ordered) >= LEAST_TAIL:
            line = self.at(TAIL_SHARE)
            if value > line:
                unit = max(line - self.ordered[len(self.ordered) // 2], 0.05 * line, 0.25)
                over = (value - line) / unit
        self.add(value)
        return over

    def record(self, value: float, scale: Callable[[float], float] | None = None) -> float:
        """Return how far a value is outside all values, in robust spreads; 0 inside."""
        ordered = self.ordered
        count = len(ordered)
        if count < LEAST_ROWS or ordered[0] <= value <= ordered[-1]:
            return 0.0
        places = (0, count // 10, count // 2, count * 9 // 10, count - 1)
        marks = [ordered[place] for place in places]
        if scale:
            value, marks = scale(value), list(map(scale, marks))
        lowest, tenth, median, ninetieth, highest = marks
        unit = max((ninetieth - tenth) / 2.563, 0.01 * (highest - lowest), 1e-9 * abs(median), TINY)
        return (value - highest if value > highest else lowest - value) / unit


class Rolling:
    """Mean and spread of the last 12 and 48 values, by sums."""

    __slots__ = ("first", "rows", "squares", "sums", "values")

    def __init__(self) -> None:
        self.values: deque[float] = deque()
        self.first, self.rows = 0.0, 0
        self.sums, self.squares = [0.0, 0.0], [0.0, 0.0]

    def add(self, value: float) -> tuple[float, float, float, float]:
        """Add a value; return mean and spread of 12, mean and spread of 48."""
        if not self.rows:
            self.first = value  # sums of squares stay exact around the first value
        self.rows += 1
        value -= self.first
        values, sums, squares = self.values, self.sums, self.squares
        values.append(value)
        sums[0] += value
        sums[1] += value
        square = value * value
        squares[0] += square
        squares[1] += square
        if len(values) > SHORT:
            old = values[-SHORT - 1]
            sums[0] -= old
            squares[0] -= old * old
        if len(values) > LONG:
            old = values.popleft()
            sums[1] -= old
            squares[1] -= old * old
        if self.rows % 500 == 0:  # rounding does not pile up
            for index, part in enumerate((list(values)[-SHORT:], values)):
                sums[index] = sum(part)
                squares[index] = sum(x * x for x in part)
        few, many = min(SHORT, len(values)), len(values)
        short, long = sums[0] / few, sums[1] / many
        return (
            short + self.first,
            math.sqrt(max(0.0, squares[0] / few - short * short)),
            long + self.first,
            math.sqrt(max(0.0, squares[1] / many - long * long)),
        )


class Surprise:
    """Minus the logarithm of the probability of a symbol after the symbols before it, smoothed.

    A symbol is one of eight equal bins of the values of the past, or outside of them.
    """

    __slots__ = ("bounds", "contexts", "rows", "smoothed", "symbols")

    def __init__(self) -> None:
        self.bounds = (0.0, 0.0)
        self.contexts: dict[
            int, list[int]
        ] = {}  # symbols before -> counts of ten symbols, and their sum
        self.rows, self.symbols = 0, 0
        self.smoothed = 0.0

    def add(self, value: float, past: Window) -> float:
        """Add a value; return its surprise."""
        if self.rows % 50 == 0:
            self._widen(past)
        self.rows += 1
        low, high = self.bounds
        symbol = (
            0
            if value < low
            else SYMBOLS + 1
            if value > high
            else 1 + int(SYMBOLS * (value - low) / (high - low))
        )
        symbol = min(symbol, SYMBOLS + 1)
        chance, contexts = 0.1, self.contexts
        if len(contexts) > MOST_CONTEXTS:
            contexts.clear()
        for order in CONTEXTS:
            key = order << 20 | self.symbols & ((1 << 4 * order) - 1)
            counts = contexts.get(key)
            if counts is None:
                counts = contexts[key] = [0] * (SYMBOLS + 3)
            else:
                chance = (counts[symbol] + PSEUDO * chance) / (counts[-1] + PSEUDO)
            counts[symbol] += 1
            counts[-1] += 1
        self.symbols = (self.symbols << 4 | symbol) & 0xFFFF
        self.smoothed += (-math.log(chance) - self.smoothed) / SMOOTHING
        return self.smoothed

    def _widen(self, past: Window) -> None:
        low, high = past.at(0.005), past.at(0.995)
        if high <= low:
            high = low + max(abs(low) * 1e-3, 1e-9)
        if not self.rows or low < self.bounds[0] or high > self.bounds[1]:
            margin = 0.1 * (high - low)
            self.bounds = (low - margin, high + margin)


class Season:
    """Mean of 12 values at the end of each half hour of the last days."""

    __slots__ = ("dates", "days", "newest")

    def __init__(self) -> None:
        self.days: list[list[float]] = [[] for _ in range(48)]
        self.newest = [0.0] * 48
        self.dates = [0] * 48

    def distance(self, at: dt.datetime, mean: float) -> float:
        """Return the distance to the nearest of the same half hour of other days; then add it."""
        slot, date = at.hour * 2 + at.minute // 30, at.toordinal()
        days = self.days[slot]
        if self.dates[slot] != date:
            if self.dates[slot]:
                days.append(self.newest[slot])
                del days[:-SEASON_DAYS]
            self.dates[slot] = date
        self.newest[slot] = mean
        return min(abs(mean - day) for day in days) if len(days) > 1 else 0.0


def strength(over: Sequence[float], since_vote: int) -> float:
    """Return one number for all statistics.

    Args:
        over: How far each is over its line.
        since_vote: Rows since the patterns voted.
    """
    logs = [math.log1p(x) for x in over if x > 0.0]
    value = max(logs) + WEIGHT * sum(logs) if logs else 0.0
    if since_vote == 0 or (logs and since_vote <= VOTE_ROWS):
        value += VOTE
    return value if value > LEAST else 0.0


class Alarm:
    """Turns strength into a score; after an alarm only what is much stronger counts for a while."""

    __slots__ = ("height", "rest")

    def __init__(self) -> None:
        self.height, self.rest = 0.0, 0

    def score(self, value: float) -> float:
        """Return the score of the next row."""
        if self.rest:
            self.rest -= 1
            if value <= AGAIN * self.height:
                return 0.0
            self.height = value
        elif value:
            self.rest, self.height = REST_ROWS, value
        return 1.0 - math.exp(-value / SCALE) if value else 0.0


class Novelty:
    """One series of any numbers; about 1.7 MB when it has seen 4,000 rows."""

    __slots__ = (
        "alarm",
        "first",
        "jumps",
        "patterns",
        "previous",
        "records",
        "rolling",
        "rows",
        "season",
        "spreads",
        "surprise",
        "tails",
        "unit",
        "values",
        "voted",
    )

    def __init__(self) -> None:
        self.values, self.jumps = Window(VALUES), Window(VALUES)
        self.records, self.spreads = Window(RECORDS), Window(SPREADS)
        self.tails = [Window(TAIL) for _ in range(5)]
        self.rolling, self.surprise, self.season = Rolling(), Surprise(), Season()
        self.patterns = Patterns()
        self.first: list[float] = []
        self.alarm = Alarm()
        self.unit = self.previous = 0.0
        self.rows = 0
        self.voted = -VOTE_ROWS - 1

    def score(self, at: dt.datetime, value: float) -> float:
        """Return how novel a value is; not finite and huge ones score 0 and are not learned."""
        if not abs(value) < HUGE:
            return 0.0
        over = self.statistics(at, value)
        return self.alarm.score(strength(over, self.rows - self.voted))

    def statistics(self, at: dt.datetime, value: float) -> Sequence[float]:
        """Add a value; return how far each of the eight statistics is over its line, 0 below."""
        self.rows += 1
        short, short_spread, long, long_spread = self.rolling.add(value)
        values, tails = self.values, self.tails
        away = self.season.distance(at, short)
        over: Sequence[float] = ()
        if len(values.ordered) >= LEAST_ROWS:
            ordered = values.ordered
            median = ordered[len(ordered) // 2]
            floor = max(0.01 * (ordered[-1] - ordered[0]), TINY)
            spread = max(values.spread(), floor, 1e-9 * abs(median))
            jump = max(self.jumps.spread(), floor)
            over = (
                tails[0].exceeds(abs(value - self.previous) / jump),
                tails[1].exceeds(short_spread / spread),
                tails[2].exceeds(abs(long - median) / spread),
                tails[3].exceeds(away / spread),
                tails[4].exceeds(self.surprise.add(value, values)),
                self.records.record(value),
                self.records.record(value, self._logarithm) if self.unit else 0.0,
                self.spreads.record(long_spread),
            )
        else:
            for tail in tails:
                tail.add(0.0)
        if self.patterns.add(value):
            self.voted = self.rows
        self._remember(value, long_spread)
        return over

    def _remember(self, value: float, long_spread: float) -> None:
        if not self.unit:
            self.first.append(value)
            if len(self.first) == UNIT_ROWS:
                self.first.sort()
                self.unit = max(self.first[135] - self.first[15], 1e-9)
                self.first = []
        if self.rows > 1:
            self.jumps.add(value - self.previous)
        self.values.add(value)
        self.records.add(value)
        self.spreads.add(long_spread)
        self.previous = value

    def _logarithm(self, value: float) -> float:
        return math.copysign(math.log1p(abs(value) / self.unit), value)

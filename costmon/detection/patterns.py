"""Relative entropy: does the histogram of the last 52 values look like one that was seen before?

After Wang et al., "Statistical techniques for online anomaly detection in data centers" (2011),
with bins from the past only. Histograms that were compared before are remembered, which makes it
cheap.
"""

import math
from collections import deque

ROWS, CRITICAL = 52, 13.2767  # 1 % point of chi squared with 4 degrees of freedom
BINS = 5  # and one below, one above
MEMORY, RECENT, FIRST = 2000, 1000, 200
SHIFT_ROWS, SHIFT_SHARE = 120, 0.8
MOST_PATTERNS, MOST_REMEMBERED = 400, 4000


class Patterns:
    """Patterns of one series; learned anew when most values leave the bins."""

    __slots__ = (
        "counts",
        "history",
        "low",
        "matched",
        "outside",
        "patterns",
        "remembered",
        "width",
        "window",
    )

    def __init__(self) -> None:
        self.history: deque[float] = deque(maxlen=MEMORY)
        self.outside: deque[int] = deque(maxlen=SHIFT_ROWS)
        self.low, self.width = 0.0, 0.0
        self._clear()

    def add(self, value: float) -> bool:
        """Add a value; return whether the pattern is new."""
        self.history.append(value)
        if not self.width:
            if len(self.history) >= FIRST:
                self._learn()
            return False
        bin_ = self._bin(value)
        self.outside.append(bin_ in {0, BINS + 1})
        is_new = self._push(bin_)
        if len(self.outside) == SHIFT_ROWS and sum(self.outside) > SHIFT_SHARE * SHIFT_ROWS:
            self._learn()
        return is_new

    def _clear(self) -> None:
        self.window: deque[int] = deque()
        self.counts = [0] * (BINS + 2)
        self.patterns: list[list[float]] = []
        self.matched: list[int] = []
        self.remembered: dict[tuple[int, ...], tuple[int, float, int]] = {}

    def _learn(self) -> None:
        ordered = sorted(self.history)
        low = ordered[int(len(ordered) * 0.005)]
        high = ordered[min(len(ordered) - 1, int(len(ordered) * 0.995))]
        if high <= low:
            high = low + max(abs(low) * 1e-3, 1e-9)
        margin = 0.1 * (high - low)
        self.low, self.width = low - margin, (high - low + 2 * margin) / BINS
        self._clear()
        self.outside.clear()
        for value in list(self.history)[-RECENT:]:
            self._push(self._bin(value))

    def _bin(self, value: float) -> int:
        place = (value - self.low) / self.width
        return 0 if place < 0 else BINS + 1 if place >= BINS else int(place) + 1

    def _push(self, bin_: int) -> bool:
        self.window.append(bin_)
        self.counts[bin_] += 1
        if len(self.window) > ROWS:
            self.counts[self.window.popleft()] -= 1
        if len(self.window) < ROWS:
            return False
        index = self._nearest(tuple(self.counts))
        if index >= 0:
            self.matched[index] += 1
            return self.matched[index] <= 1
        if len(self.patterns) < MOST_PATTERNS:
            self.patterns.append([count / ROWS for count in self.counts])
            self.matched.append(1)
        return len(self.patterns) > 1

    def _nearest(self, counts: tuple[int, ...]) -> int:
        """Return the index of the pattern that these counts fit best, -1 when they fit none."""
        index, best, start = self.remembered.get(counts, (-1, math.inf, 0))
        if start == len(self.patterns):
            return index
        shares = [(bin_, count / ROWS) for bin_, count in enumerate(counts) if count]
        for number in range(start, len(self.patterns)):
            pattern, entropy = self.patterns[number], 0.0
            for bin_, share in shares:
                if not pattern[bin_]:
                    break
                entropy += share * math.log(share / pattern[bin_])
            else:
                entropy *= 2 * ROWS
                if entropy < min(CRITICAL, best):
                    index, best = number, entropy
        if len(self.remembered) > MOST_REMEMBERED:
            self.remembered.clear()
        self.remembered[counts] = (index, best, len(self.patterns))
        return index

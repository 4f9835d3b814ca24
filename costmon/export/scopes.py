"""Choose the scopes with series of their own: the most expensive, to bound the number of series.

All others are one series, `other`. A counter must not fall when a scope changes places, so `other`
counts what is added while a scope is not among the most expensive, and keeps that.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from heapq import nlargest

MOST_SCOPES = 100
OTHER = "other"
MOST_OTHERS = 200
"""Series of others; beyond it their labels are "(other)", too: reporters choose the labels."""

Series = tuple[str, ...]
"""Labels, the scope last."""


class Bounded:
    """A counter by scope of which only some scopes are told apart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: Mapping[Series, Decimal] = {}
        self._others: dict[Series, Decimal] = {}

    def series(
        self, values: Mapping[Series, Decimal], shown: frozenset[str]
    ) -> Iterator[tuple[Series, Decimal]]:
        """Return the samples to show: those of scopes in `shown`, then the others' by label."""
        with self._lock:
            for labels, value in values.items():
                added = value - self._seen.get(labels, Decimal())
                if labels[-1] not in shown and added > 0:
                    other = (*labels[:-1], OTHER)
                    if other not in self._others and len(self._others) >= MOST_OTHERS:
                        other = (*("(other)" for _ in labels[:-1]), OTHER)
                    self._others[other] = self._others.get(other, Decimal()) + added
            self._seen = dict(values)
            others = dict(self._others)
        yield from ((labels, value) for labels, value in values.items() if labels[-1] in shown)
        yield from others.items()


def most_expensive(spent: Iterable[tuple[str, Decimal]]) -> frozenset[str]:
    """Return the scopes that are told apart."""
    found = nlargest(MOST_SCOPES, spent, key=lambda pair: (pair[1], pair[0]))
    return frozenset(scope for scope, _ in found)

"""Export to Prometheus how many findings of detection are open."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import get_args

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from costmon.domain.finding import FindingSeverity, SpendFinding


class FindingCollector(Collector):
    """Read the open findings at every scrape.

    Args:
        opened: Returns the open ones; `None` until they have been read.
    """

    def __init__(self, *, opened: Callable[[], Iterable[SpendFinding] | None]) -> None:
        self._opened = opened

    def collect(self) -> Iterator[Metric]:
        """Yield the family; each severity from the start, none before findings are known."""
        found = self._opened()
        if found is None:
            return
        counts = Counter(one.severity for one in found if one.part_of is None)
        opened = GaugeMetricFamily(
            "costmon_findings_open",
            "Findings about unusual spend that are open; those of the same money count once.",
            labels=("severity",),
        )
        for severity in get_args(FindingSeverity):
            opened.add_metric((severity,), counts[severity])
        yield opened

"""Export to Prometheus how many alerts the channels have taken, and how often sending failed."""

from collections.abc import Callable, Iterable, Iterator
from typing import get_args

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from costmon.alerts.alert import ChannelCounts, Severity

_LABELS = ("channel", "severity")


class DeliveryCollector(Collector):
    """Read the channels' counts at every scrape."""

    def __init__(self, *, counts: Callable[[], Iterable[ChannelCounts]]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Yield both families; each channel has every severity from the start."""
        sent = CounterMetricFamily(
            "costmon_alerts_sent",
            "Alerts that the channel has accepted since the service started.",
            labels=_LABELS,
        )
        failures = CounterMetricFamily(
            "costmon_alert_delivery_failures",
            "Failed attempts to send an alert, retries included.",
            labels=_LABELS,
        )
        for one in self._counts():
            for severity in get_args(Severity):
                labels = (one.channel, severity)
                sent.add_metric(labels, one.sent.get(severity, 0))
                failures.add_metric(labels, one.failures.get(severity, 0))
        yield from (family for family in (sent, failures) if family.samples)

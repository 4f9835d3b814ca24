"""What Prometheus is told of alerts that were sent."""

from costmon.alerts.alert import ChannelCounts
from costmon.export.deliveries import DeliveryCollector


def everything():
    return DeliveryCollector(
        counts=lambda: [
            ChannelCounts("log", {"warning": 3}, {}),
            ChannelCounts("telegram", {"critical": 1}, {"critical": 7}),
        ]
    )


def samples(collector):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in collector.collect()
        for sample in family.samples
    }


def test_alerts_and_failures_are_counted_by_channel_and_severity():
    found = samples(everything())

    assert found["costmon_alerts_sent_total", "log", "warning"] == 3
    assert found["costmon_alerts_sent_total", "telegram", "critical"] == 1
    assert found["costmon_alert_delivery_failures_total", "telegram", "critical"] == 7


def test_every_channel_has_every_severity_from_the_start():
    found = samples(everything())

    assert len(found) == 2 * 2 * 3
    assert found["costmon_alerts_sent_total", "telegram", "info"] == 0

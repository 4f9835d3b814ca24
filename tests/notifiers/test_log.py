"""The log channel."""

from structlog.testing import capture_logs

from costmon.notifiers.log import LogChannel
from costmon.testing.alerts import alert


def test_an_alert_is_one_log_line_with_its_own_event_level_and_facts():
    with capture_logs() as lines:
        LogChannel().send(alert(facts={"over_usd": 5.0}))

    assert [(line["event"], line["log_level"], line["over_usd"]) for line in lines] == [
        ("alerter.threshold_exceeded", "warning", 5.0)
    ]

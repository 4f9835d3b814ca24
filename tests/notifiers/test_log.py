"""The log channel."""

import datetime as dt

from structlog.testing import capture_logs

from costmon.alerts.alert import Alert
from costmon.notifiers.log import LogChannel


def test_an_alert_is_one_log_line_with_its_own_event_level_and_facts():
    alert = Alert(
        id="threshold:monthly/c1",
        event="alerter.threshold_exceeded",
        severity="warning",
        condition="threshold:monthly",
        text="Too much.",
        facts={"over_usd": 5.0},
        raised_at=dt.datetime(2026, 11, 21, tzinfo=dt.UTC),
    )

    with capture_logs() as lines:
        LogChannel().send(alert)

    assert [(line["event"], line["log_level"], line["over_usd"]) for line in lines] == [
        ("alerter.threshold_exceeded", "warning", 5.0)
    ]

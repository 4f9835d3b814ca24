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


def test_a_fact_that_is_named_as_a_field_of_the_log_is_renamed():
    facts = {"event": 1, "level": 2, "since": 3, "text": 4, "timestamp": 5}

    with capture_logs() as lines:
        LogChannel().send(alert(facts=facts))

    assert {name: line[f"fact_{name}"] for line in lines for name in facts} == facts
    assert [line["event"] for line in lines] == ["alerter.threshold_exceeded"]

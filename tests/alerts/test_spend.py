import dataclasses
import datetime as dt

from costmon.alerts.alert import Alert
from costmon.alerts.memory import NOTHING_SAID
from costmon.alerts.policy import judge
from costmon.alerts.spend import spend_found
from tests.alerts.findings import AT, spend_finding


def test_a_finding_is_told_in_money_with_what_has_risen_and_what_to_do():
    text = spend_found(spend_finding()).text

    assert text == (
        "The spend of all vendors together is unusually high: 50.00 USD, usual is 0.50 (0.40 to"
        " 0.60). Since 2026-03-10 08:20 UTC 49.50 USD more than usual was spent, now 594.00 an hour"
        " more: 307,000.00 by 2026-04-01 if it goes on. What has risen most: tag:a (+48.75). Why"
        " now: 100 times the usual. `costmon circuits open global` stops guarded calls."
    )


def test_each_state_of_a_finding_is_told_once_and_its_end_only_when_it_was_told():
    later = AT + dt.timedelta(hours=1)
    opened = spend_found(spend_finding())
    escalated = spend_found(spend_finding(state="escalated", at=later))
    resolved = spend_found(spend_finding(state="resolved", at=later))
    told, memory = [], NOTHING_SAID
    for one in (resolved, opened, opened, escalated, escalated, resolved, resolved):
        verdict = judge(one, memory, now=later, cooldown_s=0.0)
        memory = verdict.memory
        told.append(verdict.alert.state if verdict.alert else None)

    assert told == [None, "opened", None, "escalated", None, "resolved", None]


def test_the_facts_can_be_logged_beside_the_fields_of_the_alert():
    fields = {field.name for field in dataclasses.fields(Alert)}

    assert not set(spend_found(spend_finding()).facts) & (fields | {"message", "level", "logger"})

"""What the alerts say."""

import datetime as dt
from decimal import Decimal

import pytest

from costmon.alerts import condition as conditions
from costmon.alerts.memory import NOTHING_SAID
from costmon.alerts.policy import began
from costmon.testing import samples

NOW = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)


def threshold(monthly: str, limit: str, top=()):
    return conditions.threshold(
        totals=samples.totals(monthly),
        limit=Decimal(limit),
        top=top,
        changes=("web-1 is new",),
        cause="c1",
    )


def opening(condition, now=NOW):
    return began(condition, NOTHING_SAID, now).alert


@pytest.mark.parametrize(
    ("monthly", "holds"), [("100.00", False), ("100.000000001", True), ("99.99", False)]
)
def test_the_threshold_is_passed_only_strictly_above_it(monthly, holds):
    assert threshold(monthly, "100.00").holds is holds


def test_an_exceeded_threshold_says_how_much_what_and_what_to_do():
    top = (
        samples.resource(name="db-1", monthly="96"),
        samples.resource(name="mystery", monthly=None),
    )

    alert = opening(threshold("150.004", "100", top))

    assert alert.event == "alerter.threshold_exceeded"
    assert alert.severity == "warning"
    assert alert.facts["monthly_total_usd"] == 150.0
    assert alert.facts["threshold_usd"] == 100.0
    assert alert.facts["over_usd"] == 50.0
    assert alert.facts["changes"] == ("web-1 is new",)
    assert [row["name"] for row in alert.facts["top"]] == ["db-1", "mystery"]
    assert alert.facts["top"][1]["monthly_cost_usd"] is None
    assert "db-1 ($96.00)" in alert.text
    assert "DO_COST_THRESHOLD" in alert.text


def test_the_same_cause_gives_the_same_alert_id():
    first = opening(threshold("150", "100"))
    again = opening(threshold("150", "100"), NOW + dt.timedelta(seconds=5))

    assert first.id == again.id


def test_an_account_is_blind_only_once_its_breaker_has_opened():
    failure = samples.failure()

    assert not conditions.account_blind(samples.report(breaker="closed"), failure).holds
    assert conditions.account_blind(samples.report(breaker="open"), failure).holds
    assert not conditions.account_blind(samples.report(breaker="closed"), None).holds


def test_a_child_set_aside_says_how_to_bring_it_back():
    alert = opening(conditions.child_set_aside("poller.x", holds=True, error="Boom()", cause="1"))

    assert alert.severity == "critical"
    assert 'send(supervisor, "restart_child", name="poller.x")' in alert.text


def test_each_reading_of_an_account_is_watched_by_itself():
    failure = samples.failure()
    names = {
        reading: conditions.account_blind(
            samples.report(breaker="open", reading=reading), failure
        ).name
        for reading in ("inventory", "charges", "usage")
    }

    assert names == {
        "inventory": "account_blind:digitalocean",
        "charges": "account_blind:digitalocean:charges",
        "usage": "account_blind:digitalocean:usage",
    }
    charges = samples.report(breaker="open", reading="charges")
    assert conditions.account_blind(charges, failure).text.startswith("The charges of account")

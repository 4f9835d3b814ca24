"""The outbox: an alert waits for each channel until it is taken, in whatever order things go."""

import datetime as dt

import pytest

from costmon.alerts.alert import Outgoing
from costmon.errors import StoreFencedError
from costmon.testing.alerts import alert as some_alert

RAISED = dt.datetime(2026, 11, 21, 10, 0, 0, 123456, tzinfo=dt.UTC)


def alert(alert_id="a", **facts):
    return some_alert(
        alert_id,
        event="alerter.budget_exceeded",
        severity="critical",
        condition="budget:charges:global month:100",
        text="Too much \N{BLACK SUN WITH RAYS}.",
        facts={"spent": 21.5, "account": None, "changes": ("one", "two"), **facts},
        raised_at=RAISED,
    )


def keep(store, *alerts, channels=("telegram", "ops")):
    outgoing = [Outgoing(one, channels) for one in alerts]
    store.remember_alert("c", "state", store.claim("alerter"), outgoing)


def waiting(store):
    return [(one.channel, one.alert.id) for one in store.undelivered()]


def test_an_alert_comes_back_as_it_was(store):
    keep(store, alert(), channels=("telegram",))

    (found,) = store.undelivered()

    assert found == ("telegram", alert())


def test_each_channel_ends_its_own_delivery(store):
    keep(store, alert())

    store.end_delivery("a", "telegram", store.claim("messenger"))

    assert waiting(store) == [("ops", "a")]


def test_keeping_an_alert_again_changes_nothing(store):
    keep(store, alert())
    store.end_delivery("a", "telegram", store.claim("messenger"))
    keep(store, alert())

    assert waiting(store) == [("ops", "a")]


def test_a_channel_that_is_quicker_than_the_alerter_is_not_told_again(store):
    store.end_delivery("a", "telegram", store.claim("messenger"))
    keep(store, alert())

    assert waiting(store) == [("ops", "a")]


def test_a_refusal_for_good_is_not_delivered_again(store):
    keep(store, alert(), channels=("ops",))

    store.end_delivery("a", "ops", store.claim("messenger"), "the receiver answered 410")

    assert waiting(store) == []


def test_a_replaced_messenger_ends_nothing(store):
    keep(store, alert())
    old = store.claim("messenger")
    store.claim("messenger")

    with pytest.raises(StoreFencedError):
        store.end_delivery("a", "ops", old)

    assert len(waiting(store)) == 2


def test_long_ids_are_kept_apart(store):
    first, second = "x" * 500 + "1", "x" * 500 + "2"
    keep(store, alert(first), alert(second), channels=("ops",))

    store.end_delivery(first, "ops", store.claim("messenger"))

    assert waiting(store) == [("ops", second)]


def test_a_group_takes_the_place_of_several_alerts_for_one_channel(store):
    keep(store, alert("a"), alert("b"))

    token = store.claim("messenger")
    store.group_deliveries(["a", "b"], "ops", alert("group"), token)
    store.group_deliveries(["a", "b"], "ops", alert("group"), token)

    assert sorted(waiting(store)) == [("ops", "group"), ("telegram", "a"), ("telegram", "b")]

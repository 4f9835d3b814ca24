"""The messenger: every alert to every channel, each at its own pace."""

import datetime as dt

from costmon.actors.child import ChildSpec
from costmon.actors.roles.messenger import Messenger, Outbox
from costmon.alerts.alert import Alert
from costmon.errors import NotifyError
from costmon.messages import DeliverAlert
from tests.roles.tree import SOON, Ear, running


class Channel:
    def __init__(self, name, refusals=0, crashes=0):
        self.name = name
        self.refusals = refusals
        self.crashes = crashes
        self.ear = Ear()

    def send(self, alert):
        if self.crashes:
            self.crashes -= 1
            raise RuntimeError("a bug in a channel")
        if self.refusals:
            self.refusals -= 1
            raise NotifyError(self.name, "500")
        self.ear.hear(alert.id)


def alert(alert_id):
    return DeliverAlert(
        alert=Alert(
            id=alert_id,
            event="alerter.threshold_exceeded",
            severity="warning",
            condition="threshold:monthly",
            text="Too much.",
            facts={},
            raised_at=dt.datetime(2026, 11, 21, tzinfo=dt.UTC),
        )
    )


def messenger(*channels):
    # Retries that wait seconds would make the test wait: the first is due at once.
    outboxes = tuple(Outbox(channel=channel, retry_s=0.001) for channel in channels)
    return ChildSpec(
        name="messenger",
        build=lambda incarnation: Messenger(incarnation, outboxes),
        core=True,
        policy=SOON,
    )


def test_each_channel_hears_each_alert_in_order():
    first, second = Channel("first"), Channel("second")

    with running([messenger(first, second)]) as system:
        for name in ("a", "b"):
            system.addresses["messenger"].tell(alert(name))
        first.ear.wait_for(2)
        second.ear.wait_for(2)

    assert first.ear.heard == second.ear.heard == ["a", "b"]


def test_a_channel_that_refuses_is_tried_again_and_the_other_does_not_wait():
    broken, good = Channel("broken", refusals=3), Channel("good")

    with running([messenger(broken, good)]) as system:
        system.addresses["messenger"].tell(alert("a"))
        good.ear.wait_for(1)
        broken.ear.wait_for(1)

    assert broken.ear.heard == ["a"]


def test_the_same_alert_is_told_once():
    channel = Channel("log")

    with running([messenger(channel)]) as system:
        for name in ("a", "a", "b", "a"):
            system.addresses["messenger"].tell(alert(name))
        channel.ear.wait_for(2)

    assert channel.ear.heard == ["a", "b"]


def test_a_crash_in_a_channel_loses_no_alert():
    channel = Channel("log", crashes=2)

    with running([messenger(channel)]) as system:
        for name in ("a", "b", "c"):
            system.addresses["messenger"].tell(alert(name))
        channel.ear.wait_for(3)

    assert channel.ear.heard == ["a", "b", "c"]

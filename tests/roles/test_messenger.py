"""The messenger: every alert to every channel, each at its own pace."""

import threading
from types import SimpleNamespace

import pytest

from costmon.actors.child import ChildSpec
from costmon.actors.roles.messenger import Messenger, Outbox
from costmon.alerts import storm
from costmon.errors import NotifyError, StoreUnavailableError
from costmon.messages import DeliverAlert
from costmon.testing.alerts import alert as some_alert
from costmon.testing.clock import FakeClock
from tests.roles.tree import SOON, Ear, running


class Deliveries:
    """What the database knows; it may be away."""

    def __init__(self, *waiting):
        self.waiting = list(waiting)
        self.ended = Ear()
        self.grouped = Ear()
        self.failures = 0

    def load(self):
        if self.failures:
            self.failures -= 1
            raise StoreUnavailableError("the database is away")
        return tuple(self.waiting)

    def end(self, alert_id, channel, error):
        if self.failures:
            self.failures -= 1
            raise StoreUnavailableError("the database is away")
        self.ended.hear((alert_id, channel, error))

    def group(self, alert_ids, channel, alert):
        if self.failures:
            self.failures -= 1
            raise StoreUnavailableError("the database is away")
        self.grouped.hear((tuple(alert_ids), channel, alert.id))


class Channel:
    def __init__(self, name, refusals=0, crashes=0, final=False):
        self.name = name
        self.final = final
        self.refusals = refusals
        self.crashes = crashes
        self.ear = Ear()
        self.alerts = []

    def send(self, alert):
        if self.crashes:
            self.crashes -= 1
            raise RuntimeError("a bug in a channel")
        if self.refusals:
            self.refusals -= 1
            raise NotifyError(self.name, "500", is_final=self.final)
        self.alerts.append(alert)
        self.ear.hear(alert.id)


def alert(alert_id):
    return DeliverAlert(alert=some_alert(alert_id))


def messenger(*channels, deliveries=None, kept=(), groups=False, open_alerts=tuple):
    # Retries that wait seconds would make the test wait: the first is due at once.
    outboxes = tuple(Outbox(channel=it, retry_s=0.001, groups=groups) for it in channels)
    store = deliveries or Deliveries()
    return ChildSpec(
        name="messenger",
        build=lambda incarnation: Messenger(
            incarnation,
            outboxes,
            open_store=lambda: store,
            kept=kept,
            open_alerts=open_alerts,
        ),
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


def test_what_a_channel_took_and_what_failed_is_counted_by_severity():
    broken, wrong = Channel("broken", refusals=3), Channel("wrong", refusals=1, final=True)
    outboxes = [Outbox(channel=channel, retry_s=0.001) for channel in (broken, wrong)]
    spec = ChildSpec(
        name="messenger",
        build=lambda incarnation: Messenger(incarnation, outboxes, open_store=Deliveries),
        core=True,
        policy=SOON,
    )

    with running([spec]) as system:
        for name in ("a", "b"):
            system.addresses["messenger"].tell(alert(name))
        broken.ear.wait_for(2)
        wrong.ear.wait_for(1)

    assert [outbox.counts for outbox in outboxes] == [
        ("broken", {"warning": 2}, {"warning": 3}),
        ("wrong", {"warning": 1}, {"warning": 1}),
    ]


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


def waiting(channel, alert_id):
    return SimpleNamespace(channel=channel, alert=alert(alert_id).alert)


def test_what_an_earlier_process_could_not_deliver_is_delivered_first():
    phone = Channel("phone")
    deliveries = Deliveries(waiting("phone", "old"), waiting("gone", "x"))

    with running([messenger(phone, deliveries=deliveries, kept=["phone"])]) as system:
        system.addresses["messenger"].tell(alert("new"))
        deliveries.ended.wait_for(2)

    assert phone.ear.heard == ["old", "new"]
    assert deliveries.ended.heard == [("old", "phone", None), ("new", "phone", None)]


def test_a_refusal_for_good_is_noted_and_the_next_alert_is_delivered():
    phone = Channel("phone", refusals=1, final=True)
    deliveries = Deliveries()

    with running([messenger(phone, deliveries=deliveries, kept=["phone"])]) as system:
        for name in ("a", "b"):
            system.addresses["messenger"].tell(alert(name))
        deliveries.ended.wait_for(2)

    assert phone.ear.heard == ["b"]
    assert deliveries.ended.heard == [("a", "phone", "channel phone: 500"), ("b", "phone", None)]


def test_a_database_that_is_away_does_not_delay_an_alert():
    phone = Channel("phone")
    deliveries = Deliveries()
    deliveries.failures = 1_000

    with running([messenger(phone, deliveries=deliveries, kept=["phone"])]) as system:
        system.addresses["messenger"].tell(alert("a"))
        phone.ear.wait_for(1)

    assert deliveries.ended.heard == []


def test_deliveries_to_the_log_are_not_kept():
    log, deliveries = Channel("log"), Deliveries()

    with running([messenger(log, deliveries=deliveries)]) as system:
        system.addresses["messenger"].tell(alert("a"))
        log.ear.wait_for(1)

    assert deliveries.ended.heard == []


def test_more_alerts_than_have_room_wait_in_the_database():
    phone = Channel("phone")
    many = [f"a{number}" for number in range(1_200)]

    class Table(Deliveries):
        def end(self, alert_id, channel, error):
            super().end(alert_id, channel, error)
            self.waiting = [one for one in self.waiting if one.alert.id != alert_id]

    deliveries = Table(*(waiting("phone", name) for name in many))

    with running([messenger(phone, deliveries=deliveries, kept=["phone"])]):
        phone.ear.wait_for(len(many))

    assert phone.ear.heard == many


GATHERED = 40 - storm.FREE - 1


def wake(system):
    """Let the mailbox look at the clock: what it is told here is a repeat and is not told."""
    system.addresses["messenger"].tell(alert("a0"))


def storm_of(system, channel, count):
    """Tell so many alerts, and wait until the channel has those that are free."""
    for number in range(count):
        system.addresses["messenger"].tell(alert(f"a{number}"))
    channel.ear.wait_for(storm.FREE)


def test_a_storm_is_some_messages_and_then_one_for_all_others():
    phone, deliveries, clock = Channel("phone"), Deliveries(), FakeClock()
    spec = messenger(phone, deliveries=deliveries, kept=["phone"], groups=True)

    with running([spec], clock=clock) as system:
        storm_of(system, phone, 40)
        drained(system)
        clock.advance(storm.WINDOW_S)
        wake(system)
        deliveries.ended.wait_for(storm.FREE + 2)

    told = [it.id for it in phone.alerts]
    group = phone.alerts[storm.FREE + 1]
    # The first of those that waited may have been taken before a crash: it keeps its id.
    assert told[: storm.FREE + 1] == [f"a{number}" for number in range(storm.FREE + 1)]
    assert (group.event, group.facts["count"]) == ("alerter.alerts_grouped", GATHERED)
    ((members, channel, group_id),) = deliveries.grouped.heard
    assert (channel, group_id) == ("phone", group.id)
    assert members == tuple(f"a{number}" for number in range(storm.FREE + 1, 40))


def drained(system):
    """Wait until the messenger has worked on all that it was told."""
    for _ in range(1_000):
        if not system.addresses["messenger"].waiting:
            return
        threading.Event().wait(0.005)
    pytest.fail("the mailbox does not empty")


def test_a_few_alerts_are_told_one_by_one():
    phone = Channel("phone")

    with running([messenger(phone, groups=True)]) as system:
        storm_of(system, phone, storm.FREE)

    assert all(it.event != storm.EVENT for it in phone.alerts)


def test_what_has_waited_for_a_channel_that_was_away_is_one_message_after_the_first():
    phone = Channel("phone", refusals=20)

    with running([messenger(phone, groups=True)], clock=FakeClock()) as system:
        for number in range(20):
            system.addresses["messenger"].tell(alert(f"a{number}"))
        system.addresses["messenger"].tell(alert("a20"))
        phone.ear.wait_for(2)

    first, *others = phone.alerts
    assert first.id == "a0"
    assert others[0].event == storm.EVENT
    assert sum(it.facts.get("count", 1) for it in others) == 20
    assert len(others) < storm.FREE


def test_a_storm_while_the_database_is_away_is_told_too():
    phone, deliveries, clock = Channel("phone"), Deliveries(), FakeClock()
    deliveries.failures = 1_000

    with running(
        [messenger(phone, deliveries=deliveries, kept=["phone"], groups=True)], clock=clock
    ) as system:
        storm_of(system, phone, 40)
        drained(system)
        clock.advance(storm.WINDOW_S)
        wake(system)
        phone.ear.wait_for(storm.FREE + 2)

    assert phone.alerts[storm.FREE + 1].facts["count"] == GATHERED


class Pager(Channel):
    def __init__(self, name):
        super().__init__(name)
        self.repeated = Ear()

    def repeat(self, alerts):
        self.repeated.hear([it.id for it in alerts])
        if len(self.repeated.heard) == 1:
            raise NotifyError(self.name, "500")


def test_what_is_open_is_repeated_to_a_channel_that_forgets():
    pager, clock = Pager("am"), FakeClock()

    with running(
        [messenger(pager, open_alerts=lambda: [some_alert("open")])], clock=clock
    ) as system:
        for count in (1, 2):
            system.addresses["messenger"].tell(alert(f"started {count}"))
            pager.ear.wait_for(2 * count - 1)
            clock.advance(60)
            system.addresses["messenger"].tell(alert(f"wakes it {count}"))
            pager.repeated.wait_for(count)

    assert pager.repeated.heard[:2] == [["open"], ["open"]]

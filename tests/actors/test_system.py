"""The whole, with threads and the machine's clock."""

import random
import sqlite3
import threading
from typing import Any

import pykka
import pytest
import structlog

from costmon.actors.backlog import MailboxRules
from costmon.actors.base import Incarnation, SupervisedActor
from costmon.actors.restarts import RestartPolicy
from costmon.actors.system import System
from costmon.clock import SystemClock
from costmon.errors import FencedError
from costmon.messages import ChildSetAside, GetChildren, RestartChild, Tick
from tests.actors.parts import TIMEOUT_S, GuardState, Heard, ManualClock, Mute, spec


class Recorder(SupervisedActor[Any]):
    """Notes what it handles, and by which incarnation."""

    def __init__(self, incarnation: Incarnation, heard: Heard) -> None:
        super().__init__(incarnation)
        self.heard = heard

    def handle(self, message: Any) -> object:
        self.heard.add((self.generation, message))
        return message


def recorder(name: str, heard: Heard, **fields: Any):
    return spec(name, lambda incarnation: Recorder(incarnation, heard), **fields)


def messages(heard: Heard) -> list[Any]:
    return [message for _, message in heard.items]


# --- telling ---------------------------------------------------------------------------------


def test_what_was_told_before_the_start_is_delivered_after_it(statuses):
    heard = Heard()
    system = System(
        [recorder("c", heard)], clock=SystemClock(), rng=random.Random(1), statuses=statuses
    )
    system.addresses["c"].tell("early")

    system.start()

    assert heard.wait_for(1) == [(1, "early")]
    assert system.stop(TIMEOUT_S).exit_code == 0


def test_telling_after_the_stop_neither_raises_nor_blocks(start_system):
    heard = Heard()
    system = start_system([recorder("c", heard)])
    report = system.stop(TIMEOUT_S)

    system.addresses["c"].tell("late")
    system.supervisor.tell(RestartChild(name="c"))

    assert system.stop(TIMEOUT_S) == report
    assert heard.wait_for(0) == []


def test_an_actor_reaches_others_through_its_incarnation(start_system):
    heard = Heard()

    class Forwarder(SupervisedActor[object]):
        def __init__(self, incarnation: Incarnation) -> None:
            super().__init__(incarnation)
            self.to = incarnation.addresses["c"]

        def handle(self, message: object) -> None:
            self.tell(self.to, message)

    system = start_system([recorder("c", heard), spec("forwarder", Forwarder)])
    system.addresses["forwarder"].tell("message")

    assert heard.wait_for(1) == [(1, "message")]


def test_ticks_come_by_themselves_without_a_thread_of_their_own(start_system, statuses):
    heard = Heard()

    class Ticking(Recorder):
        def started(self) -> None:
            self.timer.every("poll", 0.001)

    before = threading.active_count()
    start_system([spec("c", lambda incarnation: Ticking(incarnation, heard))])
    heard.wait_for(20)

    assert threading.active_count() == before + 2  # the supervisor and the child
    assert set(messages(heard)) == {Tick(key="poll")}


def test_each_incarnation_has_its_own_chance():
    rolls = Heard()

    class Gambler(Mute):
        def started(self) -> None:
            rolls.add(self.rng.random())

    system = System(
        [spec("a", Gambler), spec("b", Gambler)],
        clock=SystemClock(),
        rng=random.Random(1),
        statuses=GuardState(),
    )
    system.start()
    first, second = rolls.wait_for(2)
    system.stop(TIMEOUT_S)

    assert first != second


# --- crashing and hanging --------------------------------------------------------------------


def test_every_message_is_handled_once_and_in_order_however_often_the_actor_crashes(start_system):
    heard, crashed = Heard(), set()

    class Fragile(Recorder):
        def handle(self, message: int) -> object:
            if message % 7 == 0 and message not in crashed:
                crashed.add(message)
                raise ValueError(message)
            return super().handle(message)

    system = start_system([spec("c", lambda incarnation: Fragile(incarnation, heard))])
    senders = [
        threading.Thread(
            target=lambda k=k: [system.addresses["c"].tell(i) for i in range(k, 1000, 4)]
        )
        for k in range(4)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(TIMEOUT_S)

    heard.wait_for(1000)
    got = messages(heard)
    assert sorted(got) == list(range(1000))
    for k in range(4):
        assert [message for message in got if message % 4 == k] == list(range(k, 1000, 4))
    assert len(crashed) == 143


def test_a_poison_message_is_given_up_and_the_next_is_handled(start_system, statuses):
    heard = Heard()

    class Fragile(Recorder):
        def handle(self, message: object) -> object:
            self.heard.add((self.generation, message))
            if message == "poison":
                raise ValueError(message)
            return None

    system = start_system([spec("c", lambda incarnation: Fragile(incarnation, heard))])
    for message in ("a", "poison", "b"):
        system.addresses["c"].tell(message)

    heard.wait_for(5)
    assert heard.items == [(1, "a"), (1, "poison"), (2, "poison"), (3, "poison"), (4, "b")]
    statuses.wait_for("c", lambda row: row.dead_letters == 1)


def test_a_hung_child_is_replaced_and_its_late_send_and_commit_are_refused(
    start_system, statuses, logged, tmp_path
):
    """The zombie wakes after its successor has done its work: nothing is doubled or reordered."""
    path = tmp_path / "costs.db"
    with sqlite3.connect(path) as database:
        database.executescript(
            "create table fence(generation integer); insert into fence values (0);"
            "create table cost(id integer primary key, generation integer)"
        )
    database.close()
    sink, refused, wake = Heard(), Heard(), threading.Event()

    class Writer(SupervisedActor[int]):
        def __init__(self, incarnation: Incarnation) -> None:
            super().__init__(incarnation)
            self.sink = incarnation.addresses["sink"]

        def started(self) -> None:
            self.database = sqlite3.connect(path, isolation_level=None)
            self.database.execute("update fence set generation = ?", (self.generation,))

        def release(self) -> None:
            self.database.close()

        def handle(self, message: int) -> None:
            if message == 13 and self.generation == 1:
                wake.wait(TIMEOUT_S)
            self.write(message)
            try:
                self.tell(self.sink, message)
            except FencedError:
                refused.add("send")
                raise

        def write(self, message: int) -> None:
            self.database.execute("begin immediate")
            (valid,) = self.database.execute("select max(generation) from fence").fetchone()
            if valid != self.generation:
                refused.add("commit")
            else:
                self.database.execute(
                    "insert into cost values (?, ?) on conflict do nothing",
                    (message, self.generation),
                )
            self.database.execute("commit")

    system = start_system([recorder("sink", sink), spec("writer", Writer, hang_after_s=0.5)])
    for message in range(30):
        system.addresses["writer"].tell(message)

    sink.wait_for(30)
    wake.set()
    assert refused.wait_for(2) == ["commit", "send"]
    report = system.stop(TIMEOUT_S)

    assert messages(sink) == list(range(30))
    with sqlite3.connect(path) as database:
        rows = database.execute("select id, generation from cost order by id").fetchall()
    database.close()
    assert [row[0] for row in rows] == list(range(30))
    assert dict(rows)[13] == 2
    row = statuses.row("writer")
    assert row.generation == 2, "the zombie's FencedError was taken for a crash of its successor"
    assert row.last_error is not None
    assert row.last_error.startswith("hung")
    assert (report.exit_code, report.unstopped) == (0, ())
    (end,) = logged.of("actor.replaced_incarnation_ended")
    assert (end["level"], end["generation"]) == ("info", 1)
    assert logged.of("actor.crashed") == []


def test_a_thread_that_hangs_cannot_keep_the_process_from_ending(start_system):
    heard = Heard()

    class Revealing(Mute):
        def started(self) -> None:
            heard.add(threading.current_thread().daemon)

    start_system([spec("c", Revealing)])

    assert heard.wait_for(1) == [True]


def test_a_hung_child_is_taken_off_pykkas_register(start_system, statuses):
    wake = threading.Event()

    class Hanging(SupervisedActor[object]):
        def handle(self, message: object) -> None:
            if self.generation == 1:
                wake.wait(TIMEOUT_S)

    system = start_system([spec("c", Hanging, hang_after_s=0.05)])
    system.addresses["c"].tell("message")
    statuses.wait_for("c", lambda row: row.generation == 2 and row.mailbox == 0)

    registered = [ref for ref in pykka.ActorRegistry.get_all() if ref.actor_class is Hanging]
    wake.set()
    assert len(registered) == 1


def test_a_snapshot_published_under_the_fence_never_goes_back(start_system, statuses):
    published, wake = Heard(), threading.Event()

    class Publisher(SupervisedActor[int]):
        def handle(self, message: int) -> None:
            if message == 3 and self.generation == 1:
                wake.wait(TIMEOUT_S)
            self.fenced(lambda: published.add(message))

    system = start_system([spec("c", Publisher, hang_after_s=0.05)])
    for message in range(6):
        system.addresses["c"].tell(message)
    published.wait_for(6)
    wake.set()
    system.stop(TIMEOUT_S)

    assert published.items == [0, 1, 2, 3, 4, 5]


def test_an_actor_that_cannot_even_be_fenced_ends_the_supervisor_visibly(
    start_system, statuses, monkeypatch
):
    monkeypatch.setattr("costmon.actors.mailbox._FENCE_PATIENCE_S", 0.05)
    wake = threading.Event()

    class Stuck(SupervisedActor[object]):
        def handle(self, message: object) -> None:
            self.fenced(lambda: wake.wait(TIMEOUT_S))

    system = start_system([spec("c", Stuck, hang_after_s=0.05)])
    system.addresses["c"].tell("message")

    assert system.wait(TIMEOUT_S)
    wake.set()
    assert system.stop(TIMEOUT_S).exit_code == 70


def test_a_pause_inside_a_handler_is_not_taken_for_a_hang(start_system, statuses):
    heard = Heard()

    class Pausing(SupervisedActor[object]):
        def handle(self, message: object) -> None:
            heard.add((self.generation, self.wait(0.3)))

    system = start_system([spec("c", Pausing, hang_after_s=0.1)])
    system.addresses["c"].tell("message")

    assert heard.wait_for(1) == [(1, True)]


def test_a_stop_cuts_a_pause_short(start_system):
    heard, pausing = Heard(), threading.Event()

    class Pausing(SupervisedActor[object]):
        def handle(self, message: object) -> None:
            pausing.set()
            heard.add(self.wait(3600.0))

    system = start_system([spec("c", Pausing)])
    system.addresses["c"].tell("message")
    assert pausing.wait(TIMEOUT_S)

    report = system.stop(TIMEOUT_S)

    assert heard.items == [False]
    assert report.exit_code == 0


def test_a_child_set_aside_is_told_to_whoever_takes_notices(start_system, statuses):
    heard = Heard()

    class Broken(Mute):
        def started(self) -> None:
            raise ValueError("token revoked")

    start_system(
        [
            recorder("alerter", heard),
            spec("poller.a", Broken, core=False, policy=RestartPolicy(max_restarts=0)),
        ],
        notices="alerter",
    )

    ((_, notice),) = heard.wait_for(1)
    assert isinstance(notice, ChildSetAside)
    assert notice.name == "poller.a"
    assert notice.error == "ValueError('token revoked')"
    assert statuses.wait_for("poller.a", lambda row: row.state == "set_aside").started_at is None


# --- restarting on demand --------------------------------------------------------------------


def test_restart_child_loses_and_doubles_nothing(start_system, statuses):
    heard = Heard()
    system = start_system([recorder("c", heard)])

    for message in range(200):
        system.addresses["c"].tell(message)
        if message % 50 == 25:
            answer = system.supervisor.ask(RestartChild(name="c"), TIMEOUT_S)
            assert answer.restarted == ("c",)
    heard.wait_for(200)
    row = statuses.wait_for("c", lambda row: row.restarts == 4 or row.state == "running")

    assert messages(heard) == list(range(200))
    assert row.last_error is None
    assert system.stop(TIMEOUT_S).exit_code == 0


def test_a_child_that_does_not_leave_is_fenced_and_replaced(start_system, statuses):
    heard, hanging, wake = Heard(), threading.Event(), threading.Event()

    class Stubborn(Recorder):
        def handle(self, message: object) -> object:
            if self.generation == 1:
                hanging.set()
                wake.wait(TIMEOUT_S)
                self.beat()
            return super().handle(message)

    system = start_system(
        [spec("c", lambda incarnation: Stubborn(incarnation, heard), stop_timeout_s=0.05)]
    )
    system.addresses["c"].tell("message")
    assert hanging.wait(TIMEOUT_S)
    system.supervisor.tell(RestartChild(name="c"))

    assert heard.wait_for(1) == [(2, "message")]
    wake.set()
    assert system.stop(TIMEOUT_S).unstopped == ()
    assert heard.items == [(2, "message")]


def test_children_are_shown_to_whoever_asks(start_system):
    system = start_system([recorder("persister", Heard()), recorder("poller.a", Heard())])

    rows = system.supervisor.ask(GetChildren(), TIMEOUT_S)

    assert [(row.name, row.role) for row in rows] == [
        ("persister", "persister"),
        ("poller.a", "poller"),
    ]


def test_nonsense_told_to_the_supervisor_harms_nobody(start_system):
    system = start_system([recorder("c", Heard())])

    for nonsense in (None, "restart", object(), {}, RestartChild(name="nobody")):
        system.supervisor.tell(nonsense)

    assert system.supervisor.ask("?", TIMEOUT_S) is None
    assert not system.wait(0)


# --- stopping --------------------------------------------------------------------------------


def chain(order: Heard, stored: Heard) -> list[Any]:
    """persister <- calculator <- poller, each noting when it ends."""

    class Link(SupervisedActor[object]):
        def __init__(self, incarnation: Incarnation) -> None:
            super().__init__(incarnation)
            below = {"poller": "calculator", "calculator": "persister"}.get(self.name)
            self.below = None if below is None else incarnation.addresses[below]

        def handle(self, message: object) -> None:
            if self.below is None:
                stored.add(message)
            else:
                self.tell(self.below, message)

        def release(self) -> None:
            order.add(self.name)

    return [spec(name, Link) for name in ("persister", "calculator", "poller")]


def test_a_stop_drains_in_reverse_order_and_leaves_nothing(start_system):
    order, stored = Heard(), Heard()
    system = start_system(chain(order, stored))
    for message in range(500):
        system.addresses["poller"].tell(message)

    report = system.stop(TIMEOUT_S)

    assert order.items == ["poller", "calculator", "persister"]
    assert stored.items == list(range(500))
    assert (report.exit_code, dict(report.undelivered), report.unstopped) == (0, {}, ())


def test_the_report_names_who_did_not_stop_and_what_was_left(start_system):
    hanging, wake = threading.Event(), threading.Event()

    class Hanging(SupervisedActor[object]):
        def handle(self, message: object) -> None:
            hanging.set()
            wake.wait(TIMEOUT_S)

    system = start_system([recorder("good", Heard()), spec("bad", Hanging, stop_timeout_s=0.05)])
    for message in range(3):
        system.addresses["bad"].tell(message)
    assert hanging.wait(TIMEOUT_S)

    report = system.stop(TIMEOUT_S)

    wake.set()
    assert report.exit_code == 1
    assert report.undelivered == {"bad": 3}
    assert report.unstopped == ("bad",)


def test_a_poller_that_waits_for_its_vendor_leaves_nothing_but_is_named(start_system):
    polling, answer = threading.Event(), threading.Event()

    class Polling(Mute):
        def started(self) -> None:
            self.timer.after("poll", 0.0)

        def handle(self, message: object) -> None:
            polling.set()
            answer.wait(TIMEOUT_S)

    system = start_system([spec("poller", Polling, core=False, stop_timeout_s=0.05)])
    assert polling.wait(TIMEOUT_S)

    report = system.stop(TIMEOUT_S)

    answer.set()
    assert (report.exit_code, report.undelivered, report.unstopped) == (0, {}, ("poller",))


def test_the_overall_deadline_beats_the_childrens_own(start_system, logged):
    hanging, wake = threading.Event(), threading.Event()

    class Hanging(SupervisedActor[object]):
        def handle(self, message: object) -> None:
            hanging.set()
            wake.wait(TIMEOUT_S)

    system = start_system([spec("bad", Hanging, stop_timeout_s=3600.0)])
    system.addresses["bad"].tell("message")
    assert hanging.wait(TIMEOUT_S)

    report = system.stop(0.05)

    wake.set()
    assert (report.exit_code, report.undelivered, report.unstopped) == (1, {"bad": 1}, ("bad",))
    (event,) = logged.of("system.stopped")
    assert (event["level"], event["in_time"]) == ("error", False)


def test_what_is_told_to_a_child_that_has_stopped_already_is_reported(start_system):
    class LastWords(Mute):
        def __init__(self, incarnation: Incarnation) -> None:
            super().__init__(incarnation)
            self.poller = incarnation.addresses["poller"]

        def release(self) -> None:
            self.tell(self.poller, "too late")

    system = start_system([spec("persister", LastWords), recorder("poller", Heard())])

    report = system.stop(TIMEOUT_S)

    assert (report.exit_code, report.undelivered, report.unstopped) == (1, {"poller": 1}, ())


def test_a_replaced_incarnation_that_still_hangs_is_reported(start_system, statuses):
    wake = threading.Event()

    class Hanging(SupervisedActor[object]):
        def handle(self, message: object) -> None:
            if self.generation == 1:
                wake.wait(TIMEOUT_S)

    system = start_system([spec("c", Hanging, hang_after_s=0.05)])
    system.addresses["c"].tell("message")
    statuses.wait_for("c", lambda row: row.generation == 2 and row.mailbox == 0)

    report = system.stop(TIMEOUT_S)

    wake.set()
    assert (report.exit_code, report.undelivered, report.unstopped) == (1, {}, ("c",))


def test_a_missed_deadline_is_not_a_clean_exit_even_if_all_end_right_after_it(start_system):
    polling, never = threading.Event(), threading.Event()

    class Polling(SupervisedActor[object]):
        def started(self) -> None:
            self.timer.after("poll", 0.0)

        def handle(self, message: object) -> None:
            polling.set()
            while not never.wait(0.005):
                self.beat()

    system = start_system([spec("c", Polling, stop_timeout_s=3600.0)])
    assert polling.wait(TIMEOUT_S)

    report = system.stop(0.05)

    assert (report.exit_code, report.undelivered, report.unstopped) == (1, {}, ())


def test_a_supervisor_that_ends_right_after_the_deadline_has_ended_when_stop_returns(start_system):
    scanning, go_on = threading.Event(), threading.Event()

    class Leaving(SupervisedActor[object]):
        def handle(self, message: object) -> None:
            """Nothing is sent to it."""

        def release(self) -> None:
            go_on.set()

    def slow_scan() -> None:
        scanning.set()
        go_on.wait(TIMEOUT_S)
        threading.Event().wait(0.05)

    system = start_system([spec("c", Leaving)], on_scan=slow_scan)
    assert scanning.wait(TIMEOUT_S)

    report = system.stop(0.01)

    assert report.exit_code == 1
    assert not [thread for thread in threading.enumerate() if thread.name == "supervisor#1"]


def test_an_actor_that_still_logs_its_crash_has_ended_all_the_same(start_system, statuses):
    """Writing a traceback to a terminal takes longer than everything else about a restart."""
    logging, go_on = threading.Event(), threading.Event()

    def slow(_logger: object, _method: str, event: Any) -> Any:
        if event["event"] == "actor.crashed":
            logging.set()
            go_on.wait(TIMEOUT_S)
        raise structlog.DropEvent

    structlog.configure(processors=[slow])

    class Fragile(SupervisedActor[object]):
        def handle(self, message: object) -> None:
            if self.generation == 1:
                raise ValueError(message)

    system = start_system([spec("c", Fragile)])
    system.addresses["c"].tell("message")
    assert logging.wait(TIMEOUT_S)
    statuses.wait_for("c", lambda row: row.generation == 2)

    report = system.stop(TIMEOUT_S)

    go_on.set()
    assert (report.exit_code, report.unstopped) == (0, ())


def test_stopping_twice_gives_the_same_report(start_system):
    system = start_system([recorder("c", Heard())])

    assert system.stop(TIMEOUT_S) is system.stop(TIMEOUT_S)


def test_a_system_that_was_never_started_stops_at_once(statuses):
    system = System(
        [recorder("c", Heard())], clock=SystemClock(), rng=random.Random(1), statuses=statuses
    )

    assert system.stop(3600.0).exit_code == 0


def test_a_crash_in_every_drain_still_ends_with_everything_stored(start_system):
    order, stored = Heard(), Heard()
    specs = chain(order, stored)
    crashed: set[object] = set()

    class Fragile(SupervisedActor[object]):
        def handle(self, message: object) -> None:
            if message not in crashed:
                crashed.add(message)
                raise ValueError(message)
            stored.add(message)

    system = start_system([spec("persister", Fragile), *specs[1:]])
    for message in range(50):
        system.addresses["poller"].tell(message)

    report = system.stop(TIMEOUT_S)

    assert report.exit_code == 0
    assert stored.items == list(range(50))


def test_a_core_child_that_gives_up_ends_the_system_with_exit_1(start_system, statuses):
    class Broken(Mute):
        def started(self) -> None:
            raise ValueError("broken")

    good = Heard()
    system = start_system(
        [recorder("good", good), spec("bad", Broken, policy=RestartPolicy(max_restarts=0))]
    )

    assert system.wait(TIMEOUT_S)
    report = system.stop(TIMEOUT_S)
    assert (report.exit_code, report.unstopped) == (1, ())
    assert statuses.row("good").state == "stopped"


# --- the supervisor's own death --------------------------------------------------------------


def test_the_death_of_the_supervisor_is_seen_at_once_and_its_orphans_finish(start_system):
    heard, go_on, busy = Heard(), threading.Event(), threading.Event()

    class Slow(Recorder):
        def handle(self, message: object) -> object:
            busy.set()
            go_on.wait(TIMEOUT_S)
            return super().handle(message)

    system = start_system(
        [spec("c", lambda incarnation: Slow(incarnation, heard))], scan_interval_s=60.0
    )
    for message in range(3):
        system.addresses["c"].tell(message)
    assert busy.wait(TIMEOUT_S)
    alive = system.wait(0)

    pykka.ActorRegistry.get_by_class_name("Supervisor")[0].stop(block=False)

    assert not alive
    assert system.wait(1.0)
    go_on.set()
    report = system.stop(TIMEOUT_S)
    assert report.exit_code == 70
    assert messages(heard) == [0, 1, 2]
    assert (report.undelivered, report.unstopped) == ({}, ())


def test_an_orphan_that_hangs_does_not_hold_up_the_end(start_system):
    hanging, wake = threading.Event(), threading.Event()

    class Hanging(SupervisedActor[object]):
        def handle(self, message: object) -> None:
            hanging.set()
            wake.wait(TIMEOUT_S)

    system = start_system([spec("c", Hanging, stop_timeout_s=0.05)])
    system.addresses["c"].tell("message")
    assert hanging.wait(TIMEOUT_S)
    pykka.ActorRegistry.get_by_class_name("Supervisor")[0].stop(block=False)
    assert system.wait(TIMEOUT_S)

    report = system.stop(TIMEOUT_S)

    wake.set()
    assert (report.exit_code, report.undelivered, report.unstopped) == (70, {"c": 1}, ("c",))


# --- wiring ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "notices", "fault"),
    [
        (["a", "b", "a"], None, "name of its own: a"),
        (["supervisor"], None, "name of its own: supervisor"),
        (["a"], "alerter", "notices='alerter' is not one of: a"),
    ],
)
def test_a_tree_that_cannot_be_wired_is_refused(statuses, names, notices, fault):
    with pytest.raises(ValueError, match=fault):
        System(
            [recorder(name, Heard()) for name in names],
            clock=ManualClock(),
            rng=random.Random(1),
            statuses=statuses,
            notices=notices,
        )


def test_a_full_mailbox_spills_while_the_sender_goes_on(start_system):
    entered, go_on, journal, heard = threading.Event(), threading.Event(), Heard(), Heard()

    class Slow(Recorder):
        def handle(self, message: object) -> object:
            entered.set()
            go_on.wait(TIMEOUT_S)
            return super().handle(message)

    def keep(message: object) -> bool:
        journal.add(message)
        return True

    rules = MailboxRules(capacity=2, overflow=keep)
    system = start_system([spec("c", lambda incarnation: Slow(incarnation, heard), mailbox=rules)])
    system.addresses["c"].tell(0)
    assert entered.wait(TIMEOUT_S)
    for message in range(1, 6):
        system.addresses["c"].tell(message)
    go_on.set()

    heard.wait_for(3)
    assert (messages(heard), journal.items) == ([0, 1, 2], [3, 4, 5])

"""The supervisor as a state machine: stepped by hand, without threads and without real time."""

from typing import Any

import pytest
from pykka.messages import ProxyCall

from costmon.actors.backlog import MailboxRules
from costmon.actors.base import Incarnation, SupervisedActor
from costmon.actors.child import ChildSpec
from costmon.actors.mailbox import NOBODY
from costmon.actors.restarts import RestartPolicy
from costmon.messages import (
    ChildExited,
    ChildRecovered,
    ChildSetAside,
    ChildStarted,
    GetChildren,
    RestartAnswer,
    RestartChild,
    Shutdown,
    Tick,
)
from tests.actors.parts import waiting
from tests.actors.stage import Stage

POLICY = RestartPolicy(jitter=0.0)
EVERYBODY = ["persister", "alerter", "calculator", "poller.a", "poller.b"]


class Puppet(SupervisedActor[object]):
    """Does nothing of its own accord."""

    def handle(self, message: object) -> object:
        return message


def child(name: str, **fields: Any) -> ChildSpec:
    core = not name.startswith("poller")
    return ChildSpec(name=name, core=core, **{"build": Puppet, "policy": POLICY, **fields})


def stage(*specs: ChildSpec, **settings) -> Stage:
    """All children of the service, the given ones in place of their namesakes, all running."""
    given = {spec.name: spec for spec in specs}
    return Stage([given.get(name) or child(name) for name in EVERYBODY], **settings)


def running(*specs: ChildSpec, **settings) -> Stage:
    scene = stage(*specs, **settings)
    for name in EVERYBODY:
        scene.open(name)
    return scene


def crash_too_often(scene: Stage, name: str) -> None:
    for _ in range(POLICY.max_restarts + 1):
        assert scene.state(name) in {"starting", "running"}
        scene.crash(name)
        while scene.state(name) == "waiting":
            scene.advance(0.5, step_s=0.5)


# --- starting --------------------------------------------------------------------------------


def test_children_start_in_the_order_of_their_specs():
    assert stage().starts == EVERYBODY


def test_a_child_is_starting_until_it_has_opened_what_it_needs():
    scene = stage()

    before = scene.state("persister")
    scene.open("persister")

    assert (before, scene.state("persister")) == ("starting", "running")


def test_the_board_shows_a_child_in_full():
    scene = running()
    scene.addresses["poller.a"].tell("message")
    scene.tell(GetChildren())

    row = scene.statuses.row("poller.a")

    assert (row.name, row.role, row.state) == ("poller.a", "poller", "running")
    assert (row.generation, row.restarts, row.mailbox) == (1, 0, 1)
    assert (row.dead_letters, row.dropped, row.last_error) == (0, 0, None)
    assert row.started_at == scene.clock.now()


# --- crashing --------------------------------------------------------------------------------


def test_a_crashed_child_starts_again_at_once():
    scene = running()

    scene.crash("calculator", "ValueError('x')")

    row = scene.statuses.row("calculator")
    assert (row.state, row.generation, row.restarts) == ("starting", 2, 1)
    assert row.last_error == "ValueError('x')"


def test_the_others_are_left_alone():
    scene = running()

    scene.crash("calculator")

    assert scene.starts == [*EVERYBODY, "calculator"]


def test_the_second_crash_of_a_streak_waits_out_its_back_off():
    scene = running()
    scene.crash("calculator")
    scene.crash("calculator")

    scene.advance(0.4, step_s=0.1)
    early = scene.state("calculator")
    scene.advance(0.2, step_s=0.1)

    assert (early, scene.state("calculator")) == ("waiting", "starting")


def test_a_child_that_waits_for_its_restart_is_neither_busy_nor_started():
    scene = running()
    hang(scene, "calculator")
    scene.crash("calculator")
    scene.crash("calculator")

    row = scene.statuses.row("calculator")

    assert (row.state, row.busy_s, row.started_at) == ("waiting", None, None)


def test_what_waits_is_kept_over_a_crash():
    scene = running()
    scene.addresses["calculator"].tell(1)
    scene.addresses["calculator"].tell(2)
    scene.present("calculator").actor_inbox.get()

    scene.crash("calculator")

    assert waiting(scene.mailboxes["calculator"]) == [1, 2]


def test_a_constructor_that_raises_is_a_crash_of_its_child():
    built: list[int] = []

    def build(incarnation: Incarnation) -> Puppet:
        built.append(incarnation.lease.generation)
        if incarnation.lease.generation < 3:
            raise SystemExit(3)
        return Puppet(incarnation)

    scene = stage(child("calculator", build=build))
    scene.advance(1.0)

    assert built == [1, 2, 3]
    assert scene.statuses.row("calculator").last_error == "SystemExit(3)"


def test_the_late_notice_of_a_replaced_incarnation_changes_nothing(logged):
    scene = running()
    scene.crash("calculator")
    before = scene.statuses.read()

    for generation in (1, 0, -1, 99):
        scene.tell(ChildExited(name="calculator", generation=generation, error="FencedError()"))
        scene.tell(ChildStarted(name="calculator", generation=generation))

    assert scene.statuses.read() == before
    assert len(logged.of("supervisor.replaced_child_ended")) == 4


def test_a_notice_that_arrives_while_the_child_waits_for_its_restart_changes_nothing():
    scene = running()
    scene.crash("calculator")
    scene.crash("calculator")
    before = scene.statuses.read()

    scene.crash("calculator")

    assert scene.statuses.read() == before


# --- giving up -------------------------------------------------------------------------------


def test_a_core_child_that_crashes_too_often_ends_the_service_in_order_with_exit_1(logged):
    scene = running()

    crash_too_often(scene, "calculator")

    assert scene.state("calculator") == "failed"
    assert scene.supervisor.exit_code == 1
    (event,) = logged.of("supervisor.child_failed")
    assert (event["level"], event["child"], event["crashes"]) == ("critical", "calculator", 6)
    for name in ("poller.b", "poller.a"):
        assert scene.state(name) == "draining"
        scene.end(name)
    assert scene.state("calculator") == "failed"
    for name in ("alerter", "persister"):
        assert scene.state(name) == "draining"
        scene.end(name)
    assert scene.lease.get().message is not None
    assert scene.lease.is_dismissed


def test_a_poller_that_crashes_too_often_is_set_aside_and_the_others_live_on(logged):
    scene = running(notices="alerter")

    crash_too_often(scene, "poller.a")

    assert scene.state("poller.a") == "set_aside"
    assert {scene.state(name) for name in EVERYBODY if name != "poller.a"} == {"running"}
    (event,) = logged.of("supervisor.child_set_aside")
    assert (event["level"], event["child"]) == ("critical", "poller.a")
    (notice,) = waiting(scene.mailboxes["alerter"])
    assert isinstance(notice, ChildSetAside)
    assert (notice.name, notice.error) == ("poller.a", "ValueError('x')")
    rest = notice.until - scene.clock.now()
    assert rest.total_seconds() == pytest.approx(POLICY.cool_off_s, abs=1.0)


def test_a_child_set_aside_is_tried_again_after_its_cool_off():
    scene = running()
    crash_too_often(scene, "poller.a")

    scene.advance(POLICY.cool_off_s - 2.0, step_s=10.0)
    early = scene.state("poller.a")
    scene.advance(3.0)

    assert (early, scene.state("poller.a")) == ("set_aside", "starting")


def test_a_child_that_was_set_aside_has_recovered_when_it_has_been_stable():
    scene = running(notices="alerter")
    crash_too_often(scene, "poller.a")
    scene.tell(RestartChild(name="poller.a"))
    scene.open("poller.a")

    scene.advance(POLICY.stable_after_s - 1.0)
    early = waiting(scene.mailboxes["alerter"])
    scene.advance(20.0)

    assert [type(notice) for notice in early] == [ChildSetAside]
    assert waiting(scene.mailboxes["alerter"])[1:] == [ChildRecovered(name="poller.a")]


def test_a_child_set_aside_again_before_it_was_stable_has_not_recovered():
    scene = running(notices="alerter")
    crash_too_often(scene, "poller.a")
    scene.tell(RestartChild(name="poller.a"))

    crash_too_often(scene, "poller.a")

    notices = waiting(scene.mailboxes["alerter"])
    assert [type(notice) for notice in notices] == [ChildSetAside, ChildSetAside]


def test_without_anybody_to_notice_a_child_is_set_aside_and_recovers_all_the_same():
    scene = running(notices=None)
    crash_too_often(scene, "poller.a")

    scene.tell(RestartChild(name="poller.a"))
    scene.open("poller.a")
    scene.advance(20.0)

    assert scene.state("poller.a") == "running"


# --- hanging ---------------------------------------------------------------------------------


def hang(scene: Stage, name: str, message: object = "endless") -> SupervisedActor[object]:
    scene.addresses[name].tell(message)
    actor = scene.present(name)
    actor.actor_inbox.get()
    return actor


def test_a_child_that_hangs_is_replaced_and_its_message_delivered_again(logged):
    scene = running()
    zombie = hang(scene, "calculator")

    scene.advance(30.0)
    before = scene.state("calculator")
    scene.advance(1.0)

    assert (before, scene.state("calculator")) == ("running", "starting")
    assert scene.present("calculator") is not zombie
    assert waiting(scene.mailboxes["calculator"]) == ["endless"]
    assert scene.statuses.row("calculator").last_error == "hung: 31.0 s on one message"
    (event,) = logged.of("supervisor.child_replaced")
    assert event["child"] == "calculator"


def test_a_child_that_hangs_in_its_start_is_replaced():
    scene = stage()

    scene.advance(31.0)

    assert scene.statuses.row("calculator").generation == 2


def test_a_child_that_beats_does_not_hang():
    scene = running()
    actor = hang(scene, "calculator")

    for _ in range(5):
        scene.advance(20.0)
        actor.beat()

    assert scene.present("calculator") is actor


def test_an_idle_child_does_not_hang():
    scene = running()
    actor = hang(scene, "calculator")
    scene.mailboxes["calculator"].ask_to_leave()
    actor.actor_inbox.get()

    scene.advance(29.0)

    assert scene.statuses.row("calculator").busy_s is None
    assert scene.present("calculator") is actor


def test_hanging_counts_towards_giving_up():
    policy = RestartPolicy(max_restarts=2, period_s=600.0, jitter=0.0)
    scene = running(child("poller.a", policy=policy, hang_after_s=5.0))
    for _ in range(3):
        hang(scene, "poller.a")
        scene.advance(8.0)

    assert scene.state("poller.a") == "set_aside"
    assert scene.statuses.row("poller.a").dead_letters == 1


# --- restarting on demand --------------------------------------------------------------------


def test_restart_child_lets_the_message_in_hand_finish_and_keeps_the_queue():
    scene = running()
    for message in (1, 2):
        scene.addresses["poller.a"].tell(message)
    actor = scene.present("poller.a")
    actor.actor_inbox.get()

    answer = scene.tell(RestartChild(name="poller.a"))
    state = scene.state("poller.a")
    actor.actor_inbox.get()
    scene.end("poller.a")

    assert isinstance(answer, RestartAnswer)
    assert answer.restarted == ("poller.a",)
    assert state == "restarting"
    row = scene.statuses.row("poller.a")
    assert (row.state, row.generation, row.restarts) == ("starting", 2, 1)
    assert row.last_error is None
    assert waiting(scene.mailboxes["poller.a"]) == [2]


def test_a_role_restarts_all_its_children():
    scene = running()

    answer = scene.tell(RestartChild(name="poller"))

    assert answer.restarted == ("poller.a", "poller.b")
    assert scene.state("poller.a") == scene.state("poller.b") == "restarting"
    assert scene.state("calculator") == "running"


@pytest.mark.parametrize(("former", "name"), [("steward", "policy"), ("surveyor", "meters")])
def test_a_child_still_restarts_by_the_name_that_it_had_before(former, name):
    scene = Stage([child("persister"), child("policy"), child("meters")])
    scene.open(name)

    answer = scene.tell(RestartChild(name=former))

    assert answer.restarted == (name,)
    assert scene.state(name) == "restarting"
    assert former not in answer.known


@pytest.mark.parametrize(
    "wanted", ["steward", "polr", "", "poller.", "POLLER", None, 5, ["poller"], {}]
)
def test_an_unknown_name_is_answered_with_the_known_ones(logged, wanted):
    scene = running()

    answer = scene.tell(RestartChild(name=wanted))

    assert answer.restarted == ()
    assert set(answer.known) == {*EVERYBODY, "poller"}
    assert logged.of("supervisor.child_unknown")
    assert scene.starts == EVERYBODY


def test_a_child_that_does_not_leave_in_time_is_replaced():
    scene = running()
    zombie = hang(scene, "poller.a")
    scene.tell(RestartChild(name="poller.a"))

    scene.advance(4.0)
    before = scene.state("poller.a")
    scene.advance(1.0)

    assert (before, scene.state("poller.a")) == ("restarting", "starting")
    assert scene.present("poller.a") is not zombie
    assert not zombie._lease.is_valid
    assert scene.statuses.row("poller.a").last_error == "did not stop within 5 s"
    assert waiting(scene.mailboxes["poller.a"]) == ["endless"]


def test_a_deadline_for_leaving_does_not_outlive_the_incarnation_that_left():
    scene = running()
    scene.tell(RestartChild(name="poller.a"))
    scene.end("poller.a")
    successor = scene.present("poller.a")
    scene.open("poller.a")

    scene.advance(60.0)

    assert scene.present("poller.a") is successor


def test_restart_child_again_while_it_restarts_changes_nothing():
    scene = running()
    scene.tell(RestartChild(name="poller.a"))

    scene.tell(RestartChild(name="poller.a"))
    scene.end("poller.a")
    scene.advance(20.0)

    assert scene.statuses.row("poller.a").generation == 2


def test_restart_child_ends_a_back_off_at_once():
    scene = running()
    scene.crash("poller.a")
    scene.crash("poller.a")
    assert scene.state("poller.a") == "waiting"

    scene.tell(RestartChild(name="poller.a"))
    at_once = scene.state("poller.a")
    scene.open("poller.a")
    scene.advance(60.0)

    assert at_once == "starting"
    assert scene.statuses.row("poller.a").generation == 3


def test_restart_child_ends_a_cool_off_at_once():
    scene = running()
    crash_too_often(scene, "poller.a")

    answer = scene.tell(RestartChild(name="poller.a"))

    assert answer.restarted == ("poller.a",)
    assert scene.state("poller.a") == "starting"


def test_restarts_asked_for_do_not_count_towards_giving_up():
    scene = running()

    for _ in range(50):
        scene.tell(RestartChild(name="calculator"))
        scene.end("calculator")

    assert scene.statuses.row("calculator").restarts == 50
    assert scene.state("calculator") == "starting"


def test_a_child_that_crashes_while_it_leaves_has_crashed():
    scene = running()
    hang(scene, "poller.a")
    scene.tell(RestartChild(name="poller.a"))

    scene.crash("poller.a", "ValueError('last words')")

    row = scene.statuses.row("poller.a")
    assert (row.state, row.generation, row.last_error) == (
        "starting", 2, "ValueError('last words')",
    )  # fmt: skip
    assert waiting(scene.mailboxes["poller.a"]) == ["endless"]


# --- nonsense --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [None, 0, "restart_child", object(), [], {"name": "poller"}, Exception("x"),
     ProxyCall(attr_path=("_stop",), args=(), kwargs={}), RestartChild, ChildSetAside],
)  # fmt: skip
def test_a_message_that_is_none_of_its_own_is_refused_and_logged(logged, message):
    scene = running()

    assert scene.supervisor._handle_receive(message) is None

    (event,) = logged.of("supervisor.message_refused")
    assert event["level"] == "warning"
    assert {scene.state(name) for name in EVERYBODY} == {"running"}


@pytest.mark.parametrize(
    "message",
    [Tick(key="start:nobody"), Tick(key=""), Tick(key="start:poller.a"),
     ChildExited(name="nobody", generation=1, error="x"), ChildStarted(name="", generation=1),
     ChildExited(name=["poller.a"], generation=None, error=5)],  # type: ignore[arg-type]  # garbage on purpose
)  # fmt: skip
def test_a_forged_message_of_its_own_changes_nothing(message):
    scene = running()
    before = scene.statuses.read()

    scene.tell(message)

    assert scene.statuses.read() == before


# --- scanning and sweeping -------------------------------------------------------------------


def test_each_scan_feeds_the_watchdog_and_publishes():
    fed: list[int] = []
    scene = running(on_scan=lambda: fed.append(1))
    scene.addresses["calculator"].tell("message")

    scene.advance(3.0)

    assert len(fed) == 3
    assert scene.statuses.row("calculator").mailbox == 1


def test_a_watchdog_that_raises_is_logged_and_harms_nobody(logged):
    def broken() -> None:
        raise OSError("no socket")

    scene = running(on_scan=broken)
    hang(scene, "calculator")

    scene.advance(31.0)

    assert len(logged.of("supervisor.on_scan_failed")) == 31
    assert scene.statuses.row("calculator").generation == 2


def test_the_sweep_logs_states_and_restart_counts(logged):
    scene = running()
    scene.crash("calculator")
    scene.open("calculator")

    scene.advance(60.0)

    first, second = logged.of("supervisor.health_checked")
    assert first["level"] == "info"
    assert first["states"] == dict.fromkeys(EVERYBODY, "running")
    assert first["restarts"] == {**dict.fromkeys(EVERYBODY, 0), "calculator": 1}
    assert second["restarts"] == first["restarts"]
    assert logged.of("supervisor.children_missing") == []


def test_the_sweep_warns_of_missing_children_in_the_words_operators_know(logged):
    scene = running()
    crash_too_often(scene, "poller.a")

    scene.advance(30.0)

    (warning,) = logged.of("supervisor.children_missing")
    assert warning["level"] == "warning"
    assert warning["message"] == "missing children detected"
    assert warning["missing"] == ["poller.a"]
    assert warning["restarts"] == {"poller.a": 5}
    assert warning["states"] == {"poller.a": "set_aside"}


def test_the_sweep_finds_a_thread_that_ended_without_a_notice():
    class Gone(Puppet):
        @property
        def has_vanished(self) -> bool:
            return self.generation == 1

    scene = running(child("calculator", build=Gone))

    scene.advance(30.0)

    row = scene.statuses.row("calculator")
    assert (row.generation, row.last_error) == (2, "its thread ended without notice")


# --- stopping --------------------------------------------------------------------------------


def test_children_stop_in_reverse_order_each_drained_before_the_next_is_told():
    scene = running()
    scene.tell(Shutdown())

    order = []
    while draining := [name for name in EVERYBODY if scene.state(name) == "draining"]:
        order.append(draining)
        for name in draining:
            scene.end(name)

    assert order == [["poller.a", "poller.b"], ["calculator"], ["alerter"], ["persister"]]
    assert {scene.state(name) for name in EVERYBODY} == {"stopped"}
    assert {row.started_at for row in scene.statuses.read()} == {None}
    assert {mailbox.holder for mailbox in scene.mailboxes.values()} == {NOBODY}
    assert scene.supervisor.exit_code == 0
    scene.lease.get()
    assert scene.lease.is_dismissed


def test_a_child_not_told_yet_still_takes_messages_while_others_drain():
    scene = running()
    scene.tell(Shutdown())

    scene.addresses["calculator"].tell("from a draining poller")

    assert scene.present("calculator").actor_inbox.get().message == "from a draining poller"
    assert scene.state("calculator") == "running"


def test_a_child_that_crashes_while_it_drains_starts_again_and_goes_on_draining():
    scene = running()
    scene.addresses["poller.b"].tell("message")
    scene.present("poller.b").actor_inbox.get()
    scene.tell(Shutdown())

    scene.crash("poller.b")

    assert scene.state("poller.b") == "draining"
    assert scene.present("poller.b").actor_inbox.get().message == "message"
    scene.end("poller.b")
    assert scene.state("poller.b") == "stopped"
    assert scene.supervisor.exit_code == 0


def test_a_child_not_told_yet_that_crashes_while_others_drain_starts_again():
    scene = running()
    scene.tell(Shutdown())

    scene.crash("persister")

    assert scene.state("persister") == "starting"


def test_a_child_that_crashes_for_ever_while_it_drains_is_given_up():
    scene = running(
        child("poller.a", stop_timeout_s=3600.0), child("poller.b", stop_timeout_s=3600.0)
    )
    scene.addresses["poller.b"].tell("message")
    scene.tell(Shutdown())

    for _ in range(POLICY.max_restarts + 1):
        assert scene.state("poller.b") == "draining"
        scene.crash("poller.b")
        while scene.state("poller.b") == "waiting":
            scene.advance(0.5, step_s=0.5)

    assert scene.state("poller.b") == "failed"
    assert scene.state("poller.a") == "draining"
    assert scene.supervisor.exit_code == 1


def test_a_child_that_does_not_drain_in_time_is_abandoned_and_the_next_is_told(logged):
    scene = running()
    zombie = hang(scene, "poller.b")
    scene.addresses["poller.b"].tell("message")
    scene.tell(Shutdown())

    scene.advance(9.0)

    assert (scene.state("poller.b"), scene.state("calculator")) == ("failed", "draining")
    assert not zombie._lease.is_valid
    assert scene.supervisor.exit_code == 1
    found = {it["child"]: it["undelivered"] for it in logged.of("supervisor.child_abandoned")}
    assert found == {"poller.a": 0, "poller.b": 2}


def test_children_of_one_role_that_hang_take_no_longer_than_one_of_them(logged):
    scene = running()
    hang(scene, "poller.a")
    hang(scene, "poller.b")
    scene.tell(Shutdown())

    scene.advance(9.0)

    abandoned = {event["child"] for event in logged.of("supervisor.child_abandoned")}
    assert abandoned == {"poller.a", "poller.b"}
    assert scene.state("calculator") == "draining"


def test_a_child_in_a_back_off_is_started_once_more_if_anything_waits_for_it():
    scene = running()
    scene.crash("poller.b")
    scene.crash("poller.b")
    scene.addresses["poller.b"].tell("message")
    assert scene.state("poller.b") == "waiting"

    scene.tell(Shutdown())

    assert scene.state("poller.b") == "draining"
    assert scene.present("poller.b").actor_inbox.get().message == "message"


@pytest.mark.parametrize("message", ["waiting", "set_aside"])
def test_a_child_that_is_down_is_stopped_at_once_if_nothing_waits_for_it(message):
    scene = running()
    if message == "waiting":
        scene.crash("poller.b")
        scene.crash("poller.b")
    else:
        crash_too_often(scene, "poller.b")
    assert scene.state("poller.b") == message

    scene.tell(Shutdown())

    assert scene.state("poller.b") == "stopped"
    assert scene.state("poller.a") == "draining"


def test_a_child_that_is_restarting_drains_instead():
    scene = running()
    scene.addresses["poller.b"].tell(1)
    actor = scene.present("poller.b")
    scene.tell(RestartChild(name="poller.b"))

    scene.tell(Shutdown())

    assert scene.state("poller.b") == "draining"
    assert actor.actor_inbox.get().message == 1


def test_a_child_that_left_just_before_it_was_told_to_drain_is_started_for_what_waits():
    scene = running()
    scene.addresses["poller.b"].tell(1)
    scene.tell(RestartChild(name="poller.b"))
    scene.present("poller.b").actor_inbox.get()  # it has its stop, and the queue still a message

    scene.tell(Shutdown())
    scene.end("poller.b")

    assert scene.state("poller.b") == "draining"
    assert scene.present("poller.b").actor_inbox.get().message == 1


def test_nothing_is_restarted_on_demand_while_the_service_stops(logged):
    scene = running()
    scene.tell(Shutdown())

    answer = scene.tell(RestartChild(name="calculator"))

    assert answer.restarted == ()
    assert "calculator" in answer.known
    assert logged.of("supervisor.restart_refused")


def test_a_second_shutdown_changes_nothing_but_keeps_the_worse_exit_code(logged):
    scene = running()
    scene.tell(Shutdown(exit_code=3))

    scene.tell(Shutdown())

    assert len(logged.of("supervisor.stop_started")) == 1
    assert scene.supervisor.exit_code == 3


def test_the_sweep_does_not_miss_children_that_were_told_to_stop(logged):
    scene = running(child("poller.a", stop_timeout_s=600.0))
    scene.tell(Shutdown())
    scene.end("poller.b")

    scene.advance(30.0)

    assert logged.of("supervisor.children_missing") == []


def test_a_tree_without_children_stops_at_once():
    scene = Stage([])

    scene.tell(Shutdown())
    scene.lease.get()

    assert scene.lease.is_dismissed


# --- escalation (OTP's supervisor_SUITE: _escalation, hanging_restart_loop) --------------------


def test_a_child_that_can_never_be_built_ends_the_service_and_is_not_tried_for_ever():
    def build(_incarnation: Incarnation) -> Puppet:
        raise ValueError("never")

    scene = stage(child("calculator", build=build))
    scene.advance(60.0)

    assert scene.state("calculator") == "failed"
    assert scene.mailboxes["calculator"].generation == POLICY.max_restarts + 1
    assert scene.supervisor.exit_code == 1


def test_a_restart_that_hangs_again_and_again_ends_the_service():
    policy = RestartPolicy(max_restarts=3, period_s=3600.0, jitter=0.0)
    scene = stage(child("persister", policy=policy))

    scene.advance(300.0)

    assert scene.state("persister") == "failed"
    assert scene.supervisor.exit_code == 1


def test_another_child_failing_during_a_restart_is_restarted_too():
    scene = running()
    scene.tell(RestartChild(name="calculator"))

    scene.crash("persister")
    scene.end("calculator")

    assert scene.state("persister") == scene.state("calculator") == "starting"


def test_two_core_children_that_give_up_stop_the_service_once():
    scene = running(child("poller.b", stop_timeout_s=3600.0))
    crash_too_often(scene, "calculator")
    persister = scene.present("persister")
    for _ in range(POLICY.max_restarts + 1):
        scene.crash("persister")
        scene.advance(9.0)

    assert scene.state("persister") == "failed"
    assert not persister._lease.is_valid
    assert scene.supervisor.exit_code == 1


def test_a_dead_letter_shows_on_the_board():
    scene = running(child("calculator", mailbox=MailboxRules(max_deliveries=1)))
    hang(scene, "calculator", "poison")

    scene.crash("calculator")

    assert scene.statuses.row("calculator").dead_letters == 1

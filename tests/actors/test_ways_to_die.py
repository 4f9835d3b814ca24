"""Six ways for a pykka actor to die (and more), each seen at once and answered with a restart."""

import threading

import pykka
import pytest
from pykka._envelope import Envelope

from costmon.actors.base import Incarnation, SupervisedActor
from costmon.messages import GetChildren
from tests.actors.parts import Heard, spec

SOON_S = 1.0


def mortal(way: str, heard: Heard) -> type[SupervisedActor[object]]:
    """An actor whose first incarnation dies in the given way; all others work."""
    how, _, where = way.partition(" in ")
    deaths = {
        "raise": ValueError(way),
        "exit": SystemExit(3),
        "interrupt": KeyboardInterrupt(),
        "generator exit": GeneratorExit(),
    }

    class Mortal(SupervisedActor[object]):
        def __init__(self, incarnation: Incarnation) -> None:
            super().__init__(incarnation)
            self.pass_through("__init__")

        def started(self) -> None:
            self.pass_through("started")

        def handle(self, message: object) -> object:
            self.pass_through("handler")
            heard.add(message)
            return None

        def release(self) -> None:
            self.pass_through("release")

        def pass_through(self, place: str) -> None:
            if self.generation == 1 and place == where:
                raise deaths[how]

    return Mortal


class Bystander(SupervisedActor[object]):
    """Answers, as long as nobody stopped it."""

    def handle(self, message: object) -> object:
        return message


@pytest.mark.parametrize(
    "way",
    [
        "raise in __init__",
        "exit in __init__",
        "raise in started",
        "exit in started",
        "raise in handler",
        "exit in handler",
        "interrupt in handler",
        "generator exit in handler",
    ],
)
def test_a_death_is_seen_within_a_second_and_nothing_is_lost(start_system, statuses, way):
    heard = Heard()
    system = start_system(
        [spec("mortal", mortal(way, heard)), spec("bystander", Bystander)],
        scan_interval_s=60.0,  # deaths are not found by looking
    )

    system.addresses["mortal"].tell("message")

    assert heard.wait_for(1, SOON_S) == ["message"]
    row = statuses.wait_for("mortal", lambda row: row.state == "running", SOON_S)
    assert (row.generation, row.restarts) == (2, 1)
    assert row.last_error is not None
    assert system.addresses["bystander"].ask("alive?", SOON_S) == "alive?"
    assert system.stop(SOON_S).exit_code == 0


def test_a_stop_by_a_stranger_is_a_death_too(start_system, statuses):
    heard = Heard()
    system = start_system([spec("mortal", mortal("", heard))], scan_interval_s=60.0)
    statuses.wait_for("mortal", lambda row: row.state == "running")
    (ref,) = [ref for ref in pykka.ActorRegistry.get_all() if ref.actor_class.__name__ == "Mortal"]

    ref.stop(block=True, timeout=SOON_S)
    system.addresses["mortal"].tell("message")

    assert heard.wait_for(1, SOON_S) == ["message"]
    row = statuses.wait_for("mortal", lambda row: row.generation == 2, SOON_S)
    assert row.last_error == "stopped by something other than the supervisor"


def test_an_actor_that_stops_itself_is_restarted_once(start_system, statuses):
    heard = Heard()

    class Quitter(SupervisedActor[object]):
        def handle(self, message: object) -> object:
            if self.generation == 1:
                self.stop()
            heard.add((self.generation, message))
            return None

    system = start_system([spec("quitter", Quitter)], scan_interval_s=60.0)
    system.addresses["quitter"].tell("first")
    statuses.wait_for("quitter", lambda row: row.generation == 2, SOON_S)
    system.addresses["quitter"].tell("second")

    assert heard.wait_for(2, SOON_S) == [(1, "first"), (2, "second")]
    row = statuses.row("quitter")
    assert (row.generation, row.mailbox, row.dead_letters) == (2, 0, 0)


def test_an_answer_given_by_somebody_else_is_a_death_too(start_system, statuses):
    heard, entered, go_on = Heard(), threading.Event(), threading.Event()

    class Slow(SupervisedActor[object]):
        def handle(self, message: object) -> object:
            if message == "?":
                entered.set()
                assert go_on.wait(SOON_S)
            heard.add(message)
            return None

    system = start_system([spec("mortal", Slow)], scan_interval_s=60.0)
    reply: pykka.ThreadingFuture[object] = pykka.ThreadingFuture()
    system.addresses["mortal"]._mailbox.put(Envelope("?", reply_to=reply))
    assert entered.wait(SOON_S)
    reply.set("too early")
    go_on.set()
    system.addresses["mortal"].tell("message")

    assert heard.wait_for(2, SOON_S) == ["?", "message"]
    row = statuses.wait_for("mortal", lambda row: row.generation == 2, SOON_S)
    assert row.last_error == "Full()"


@pytest.mark.parametrize("way", ["raise in release", "exit in release"])
def test_a_release_that_fails_is_logged_and_hides_no_death(start_system, statuses, logged, way):
    heard = Heard()
    dying = mortal(way, heard)

    class Dying(dying):  # type: ignore[misc, valid-type]  # made by a function
        def handle(self, message: object) -> object:
            if self.generation == 1:
                raise ValueError("first")
            return super().handle(message)

    system = start_system([spec("mortal", Dying)], scan_interval_s=60.0)
    system.addresses["mortal"].tell("message")

    assert heard.wait_for(1, SOON_S) == ["message"]
    assert statuses.row("mortal").last_error == "ValueError('first')"
    assert len(logged.of("actor.release_failed")) == 1


@pytest.mark.parametrize(
    "way", ["raise in started", "exit in started", "exit in handler", "raise in handler"]
)
def test_what_is_open_is_released_before_the_successor_starts(start_system, way):
    heard, done = Heard(), Heard()
    base = mortal(way, done)

    class Opening(base):  # type: ignore[misc, valid-type]  # made by a function
        def started(self) -> None:
            heard.add(f"open {self.generation}")
            super().started()

        def release(self) -> None:
            heard.add(f"close {self.generation}")

    system = start_system([spec("mortal", Opening)])
    system.addresses["mortal"].tell("message")
    done.wait_for(1, SOON_S)
    system.stop(SOON_S)

    assert heard.items == ["open 1", "close 1", "open 2", "close 2"]


def test_an_error_that_cannot_even_be_shown_is_survived(start_system, statuses):
    heard = Heard()

    class UnshowableError(Exception):
        def __repr__(self) -> str:
            raise RuntimeError

    class Mortal(SupervisedActor[object]):
        def handle(self, message: object) -> object:
            if self.generation == 1:
                raise UnshowableError
            heard.add(message)
            return None

    system = start_system([spec("mortal", Mortal)])
    system.addresses["mortal"].tell("message")

    heard.wait_for(1, SOON_S)
    assert statuses.row("mortal").last_error == "UnshowableError"


def test_a_long_error_is_cut_for_the_board(start_system, statuses):
    heard = Heard()

    class Mortal(SupervisedActor[object]):
        def handle(self, message: object) -> object:
            if self.generation == 1:
                raise ValueError("x" * 10_000)
            heard.add(message)
            return None

    system = start_system([spec("mortal", Mortal)])
    system.addresses["mortal"].tell("message")

    heard.wait_for(1, SOON_S)
    assert len(statuses.row("mortal").last_error) == 501


def test_a_thread_that_cannot_be_had_is_a_crash_of_the_child_only(
    start_system, statuses, monkeypatch
):
    heard = Heard()
    refused = []
    start = threading.Thread.start

    def refuse_once(thread: threading.Thread) -> None:
        if thread.name == "mortal#1":
            refused.append(thread)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse_once)
    system = start_system([spec("mortal", mortal("", heard))])
    system.addresses["mortal"].tell("message")

    assert heard.wait_for(1, SOON_S) == ["message"]
    assert len(refused) == 1
    assert statuses.row("mortal").last_error == 'RuntimeError("can\'t start new thread")'


def test_a_crash_logs_its_traceback_once(start_system, logged):
    heard = Heard()
    system = start_system([spec("mortal", mortal("raise in handler", heard))])
    system.addresses["mortal"].tell("message")
    heard.wait_for(1)
    system.stop(SOON_S)

    (crash,) = logged.of("actor.crashed")
    assert isinstance(crash["exc_info"], ValueError)
    assert (crash["actor"], crash["generation"], crash["level"]) == ("mortal", 1, "error")
    (answer,) = logged.of("supervisor.child_crashed")
    assert (answer["child"], answer["restarts"], answer["retry_s"]) == ("mortal", 0, 0.0)


def test_an_exception_in_answer_to_a_question_goes_to_whoever_asked(start_system, statuses):
    class Touchy(SupervisedActor[object]):
        def handle(self, message: object) -> object:
            raise ValueError("wrong question")

    system = start_system([spec("touchy", Touchy)])

    with pytest.raises(ValueError, match="wrong question"):
        system.addresses["touchy"].ask("?", SOON_S)

    assert system.supervisor.ask(GetChildren(), SOON_S)[0].generation == 1


def test_an_actor_without_a_handler_is_never_built(start_system, statuses):
    start_system([spec("mute", SupervisedActor)])

    row = statuses.wait_for("mute", lambda row: row.last_error is not None, SOON_S)

    assert "handle" in row.last_error

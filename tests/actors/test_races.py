"""What only shows when threads interleave: a tiny switch interval widens every race."""

import gc
import sys
import threading

import pytest

from costmon.actors.backlog import MailboxRules
from costmon.actors.base import Incarnation, SupervisedActor
from costmon.messages import RestartChild
from tests.actors.parts import Heard, spec


@pytest.fixture
def _switching_all_the_time():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_switching_all_the_time")
def test_crashes_restarts_and_senders_at_once_lose_and_double_nothing(start_system):
    """Raw pykka lost half of what it had accepted in this situation."""
    heard, crashed, told = Heard(), set(), 1500

    class Fragile(SupervisedActor[int]):
        def handle(self, message: int) -> None:
            if message % 11 == 0 and message not in crashed:
                crashed.add(message)
                raise ValueError(message)
            heard.add(message)

    system = start_system([spec("c", Fragile, mailbox=MailboxRules(capacity=told))])

    def send(first: int) -> None:
        for message in range(first, told, 3):
            system.addresses["c"].tell(message)

    def restart() -> None:
        for _ in range(30):
            system.supervisor.ask(RestartChild(name="c"), 5.0)

    threads = [threading.Thread(target=send, args=(first,)) for first in range(3)]
    threads.append(threading.Thread(target=restart))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20.0)
    report = system.stop(20.0)

    assert report.exit_code == 0
    assert sorted(heard.items) == list(range(told))
    for first in range(3):
        mine = [message for message in heard.items if message % 3 == first]
        assert mine == sorted(mine)


@pytest.fixture
def _without_garbage_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_without_garbage_collector")
def test_five_hundred_crashes_leave_no_thread_and_no_actor_behind(start_system, logged):
    alive: set[int] = set()
    handled = Heard()

    class Fragile(SupervisedActor[object]):
        def __init__(self, incarnation: Incarnation) -> None:
            super().__init__(incarnation)
            alive.add(id(self))

        def __del__(self) -> None:
            alive.discard(id(self))

        def handle(self, message: object) -> None:
            if message == "crash":
                raise ValueError(message)
            handled.add(message)

    threads = threading.active_count()
    system = start_system([spec("c", Fragile)])
    for number in range(500):
        system.addresses["c"].tell("crash")
        if number % 100 == 99:
            system.addresses["c"].tell(number)
    handled.wait_for(5, 15.0)
    assert system.stop(5.0).exit_code == 0
    logged.events.clear()  # they hold tracebacks, hence actors

    assert threading.active_count() == threads
    assert len(system._children[0]._threads) <= 2
    assert len(alive) <= 1  # the last, for the report

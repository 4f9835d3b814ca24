"""The names of pykka that are not public but that supervision stands on.

A new pykka that changes one of them fails here, by name, before anything else does.
"""

import inspect
import queue
import threading

import pykka
import pytest
from pykka._actor import Actor
from pykka._envelope import Envelope
from pykka.messages import _ActorStop


class Echo(pykka.ThreadingActor):
    def __init__(self, inbox=None) -> None:
        super().__init__()
        self.calls: list[str] = []
        if inbox is not None:
            self.actor_inbox = inbox
            self.actor_ref.actor_inbox = inbox

    def _handle_receive(self, message):
        self.calls.append(type(message).__name__)
        return super()._handle_receive(message)

    def on_receive(self, message):
        return message


class OneStop:
    """An inbox that holds nothing but a stop."""

    def __init__(self) -> None:
        self.put_messages: list[object] = []

    def put(self, envelope, /):
        self.put_messages.append(envelope.message)

    def get(self):
        return Envelope(_ActorStop())

    def empty(self):
        return True


def test_an_envelope_is_a_message_and_where_to_reply():
    envelope = Envelope("message", reply_to=None)

    assert (envelope.message, envelope.reply_to) == ("message", None)
    assert Envelope("message") != envelope, "envelopes are told apart by identity"


def test_a_reference_tells_through_the_inbox_it_was_given():
    inbox = OneStop()
    ref = Echo(inbox).actor_ref

    ref.tell("message")

    assert inbox.put_messages == ["message"]


def test_the_stop_message_of_an_inbox_ends_the_loop():
    actor = Echo(OneStop())

    actor._actor_loop()

    assert actor.actor_stopped.is_set()
    assert actor.calls == ["_ActorStop"]


def test_every_message_goes_through_handle_receive():
    ref = Echo.start()

    assert ref.ask("message", timeout=5) == "message"
    ref.stop(timeout=5)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("_start_actor_loop", ["self"]),
        ("_actor_loop", ["self"]),
        ("_handle_receive", ["self", "message"]),
        ("_handle_failure", ["self", "exception_type", "exception_value", "traceback"]),
    ],
)
def test_an_overridden_method_has_the_parameters_we_know(name, parameters):
    assert list(inspect.signature(getattr(Actor, name)).parameters) == parameters


def test_a_failure_in_on_start_is_reported_to_handle_failure():
    failures: list[object] = []

    class Failing(Echo):
        def on_start(self):
            raise ValueError("on_start")

        def _handle_failure(self, exception_type, exception_value, traceback):
            failures.append(exception_value)
            self.actor_stopped.set()

    Failing(OneStop())._actor_loop()

    assert [repr(failure) for failure in failures] == ["ValueError('on_start')"]


def test_a_future_refuses_a_second_answer_with_queue_full():
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    future.set(1)

    with pytest.raises(queue.Full):
        future.set_exception((ValueError, ValueError(), None))


def test_a_future_carries_an_exception_without_traceback():
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()

    future.set_exception((ValueError, ValueError("no"), None))

    with pytest.raises(ValueError, match="no"):
        future.get(timeout=0)


def test_the_stopped_flag_is_an_event():
    assert isinstance(Echo().actor_stopped, threading.Event)

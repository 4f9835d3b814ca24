"""What surrounds every test of an actor."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pykka
import pytest
import structlog

from costmon.actors.child import ChildSpec
from costmon.actors.system import System
from costmon.clock import SystemClock
from tests.actors.parts import TIMEOUT_S, GuardState, Logged, ManualClock


@pytest.fixture(autouse=True)
def logged() -> Logged:
    capture = Logged()
    structlog.configure(
        processors=[capture],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        cache_logger_on_first_use=False,
    )
    return capture


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def statuses() -> GuardState:
    return GuardState()


@pytest.fixture(autouse=True)
def _no_actor_left() -> Iterator[None]:
    yield
    # On a busy machine a thread that has been told to end may need more than a moment.
    ends_s, pause = time.monotonic() + TIMEOUT_S, threading.Event()
    while (left := pykka.ActorRegistry.get_all()) and time.monotonic() < ends_s:
        pause.wait(0.01)
    for ref in left:
        ref.stop(block=False)
    assert not left


StartSystem = Callable[..., System]


@pytest.fixture
def start_system(statuses: GuardState) -> Iterator[StartSystem]:
    """Start systems on the machine's clock, and stop them after the test."""
    systems: list[System] = []

    def start(specs: Sequence[ChildSpec], **settings: Any) -> System:
        system = System(
            specs,
            clock=SystemClock(),
            rng=random.Random(1),
            statuses=statuses,
            **{"scan_interval_s": 0.02, **settings},
        )
        systems.append(system)
        system.start()
        return system

    yield start
    for system in systems:
        system.stop(TIMEOUT_S)

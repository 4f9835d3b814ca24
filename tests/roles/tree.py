"""Run role actors in a real supervised tree, with ears where the others would be."""

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from costmon.actors.base import Incarnation, SupervisedActor
from costmon.actors.child import ChildSpec
from costmon.actors.restarts import RestartPolicy
from costmon.actors.system import System
from costmon.clock import Clock, SystemClock
from costmon.state.published import Published

PATIENCE_S = 40.0
SOON = RestartPolicy(max_restarts=10_000, min_backoff_s=0.001, max_backoff_s=0.002)


class Ear:
    """Hears what a name is told."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self._changed = threading.Condition()

    def hear(self, message: Any) -> None:
        with self._changed:
            self.heard.append(message)
            self._changed.notify_all()

    def wait_until(self, claim: Callable[[list[Any]], bool]) -> list[Any]:
        with self._changed:
            came = self._changed.wait_for(lambda: claim(self.heard), PATIENCE_S)
            assert came, f"heard only {self.heard}"
            return list(self.heard)

    def wait_for(self, count: int) -> list[Any]:
        return self.wait_until(lambda heard: len(heard) >= count)

    def spec(self, name: str) -> ChildSpec:
        return ChildSpec(name=name, build=partial(_Listener, ear=self), core=True)


class _Nobody:
    """Takes what an alerter would be told, in tests that are about something else."""

    def tell_under(self, lease: object, message: object) -> None:
        pass


NOBODY: Any = _Nobody()


class _Listener(SupervisedActor[Any]):
    def __init__(self, incarnation: Incarnation, ear: Ear) -> None:
        super().__init__(incarnation)
        self._ear = ear

    def handle(self, message: Any) -> None:
        self._ear.hear(message)


def _is_ear(spec: ChildSpec) -> bool:
    return isinstance(spec.build, partial) and spec.build.func is _Listener


@contextmanager
def running(specs: Iterable[ChildSpec], *, clock: Clock | None = None) -> Iterator[System]:
    """Run actors; ears are started first, and so stopped after those that tell them something."""
    system = System(
        tuple(sorted(specs, key=lambda spec: not _is_ear(spec))),
        clock=clock or SystemClock(),
        rng=random.Random(1),
        statuses=Published(()),
        scan_interval_s=0.05,
    )
    system.start()
    try:
        yield system
    finally:
        report = system.stop(PATIENCE_S * 3)
        assert report.unstopped == ()
        assert report.undelivered == {}, report

"""What runs beside a metered application: the reporter and the dashboard."""

from typing import Protocol

from costmon.meter.control import Control
from costmon.meter.figures import Snapshot


class Meter(Protocol):
    """What is reported and shown: a process's meter."""

    def snapshot(self) -> Snapshot:
        """Return what it has measured."""
        ...

    def apply(self, control: Control) -> None:
        """Do what somebody wants of its recording."""
        ...


class Companions:
    """The reporter's thread, and the dashboard when there is one."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def stop(self) -> None:
        """End both."""


def start_background(meter: Meter) -> Companions:
    """Start both for a process's meter."""
    return Companions(meter)

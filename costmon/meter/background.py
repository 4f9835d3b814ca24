"""What runs beside a metered application: the reporter and the dashboard."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costmon.meter.process import ProcessMeter


class Companions:
    """The reporter's thread, and the dashboard when there is one."""

    def __init__(self, meter: "ProcessMeter") -> None:
        self._meter = meter

    def stop(self) -> None:
        """End both."""


def start_background(meter: "ProcessMeter") -> Companions:
    """Start both for a process's meter."""
    return Companions(meter)

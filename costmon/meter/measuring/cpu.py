"""The CPU clock that measures steps."""

from collections.abc import Callable
from time import thread_time_ns


class CpuClock:
    """The CPU clock of the running thread; under gevent, of the running greenlet.

    Attributes:
        now_ns: Returns CPU time in nanoseconds; only differences are meaningful.
    """

    __slots__ = ("now_ns",)

    def __init__(self) -> None:
        self.now_ns: Callable[[], int] = thread_time_ns


CPU = CpuClock()
"""The clock of this process; its function is replaced under gevent."""

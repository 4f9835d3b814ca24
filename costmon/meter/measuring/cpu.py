"""The clock that every step is measured with."""

from collections.abc import Callable
from time import thread_time_ns


class CpuClock:
    """Tells how much CPU the running thread has used; under gevent, the running greenlet.

    Attributes:
        now_ns: Returns it, in nanoseconds from some beginning; only differences mean something.
    """

    __slots__ = ("now_ns",)

    def __init__(self) -> None:
        self.now_ns: Callable[[], int] = thread_time_ns


CPU = CpuClock()
"""The process's: replaced as a whole where threads are not what runs."""

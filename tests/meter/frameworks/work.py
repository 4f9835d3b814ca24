"""Work of a known length, as the thread's own clock has it."""

import time

MS = 1_000_000


def burn(cpu_ns: int = 5 * MS) -> None:
    """Use the processor for that long, in this thread."""
    until_ns = time.thread_time_ns() + cpu_ns
    while time.thread_time_ns() < until_ns:
        pass


def is_about(measured_ns: float, expected_ns: float, *, also_ns: float = 6 * MS) -> bool:
    """Tell whether all that was burned was measured, and little more: a framework's own."""
    return expected_ns * 0.99 <= measured_ns <= expected_ns * 1.25 + also_ns

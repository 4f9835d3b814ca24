"""A signal handler that raises, or calls the guard, leaves no lock behind, wherever it runs."""

import dis
import gc
import signal
import sys
import threading

import pytest

from costmon.guard import Budget, Guard, GuardStoreUnavailable
from costmon.guard.errors import INTERRUPTED

BUDGETS = {
    "one": [Budget("global", "1000000", "total")],
    "several": [Budget("global", "1000000", "rolling:1h"), Budget("key:*", "1000000", "day")],
}


class Interrupt(BaseException):
    """What a handler raises."""


CHECKED = {"CALL", "CALL_FUNCTION_EX", "CALL_KW", "RESUME", "JUMP_BACKWARD"}
"""After these instructions the interpreter calls signal handlers."""


class Interruption:
    """Does something at the n-th point in the guard's package where a handler may run."""

    def __init__(self, at, what):
        self.at, self.what, self.count = at, what, 0
        self._last = {}

    def __enter__(self):
        sys.settrace(self._called)

    def __exit__(self, *_):
        sys.settrace(None)

    def _called(self, frame, event, _):
        if not frame.f_globals.get("__name__", "").startswith("costmon.guard"):
            return None
        frame.f_trace_opcodes = True
        return self._stepped

    def _stepped(self, frame, event, _):
        if event == "opcode":
            last = self._last.get(frame)
            self._last[frame] = frame.f_lasti
            if last is not None and dis.opname[frame.f_code.co_code[last]] in CHECKED:
                self.count += 1
                if self.count == self.at:
                    sys.settrace(None)
                    self.what()
        return self._stepped


def interrupted():
    raise Interrupt


def answers(guard):
    """Return whether another thread can use the guard, within seconds."""
    thread = threading.Thread(target=lambda: guard.reserve("key:b", "1").release(), daemon=True)
    thread.start()
    thread.join(10)
    return not thread.is_alive()


def one_call(guard):
    guard.reserve("key:a", "1").settle("0.5")


def made(kind, tmp_path):
    return "memory://" if kind == "memory" else f"sqlite:///{tmp_path / 'guard.db'}"


STEPS = {"memory": 1, "sqlite": 7}
"""Every point in memory; some of the hundreds with a file."""


@pytest.mark.parametrize("budgets", BUDGETS.values(), ids=BUDGETS.keys())
@pytest.mark.parametrize("kind", STEPS)
def test_a_handler_that_raises_leaves_no_lock(kind, budgets, tmp_path):
    with Guard(made(kind, tmp_path), budgets) as guard:
        one_call(guard)
        at = 1
        while True:
            interruption = Interruption(at, interrupted)
            try:
                with interruption:
                    one_call(guard)
            except Interrupt:
                assert answers(guard), f"after instruction {at}"
            if interruption.count < at:
                break
            at += STEPS[kind]

        assert at > 10
        if kind == "memory":
            assert guard.held("global") == sum(lease.estimate for lease in guard.leases(1000))


@pytest.mark.parametrize("kind", STEPS)
def test_a_handler_that_calls_the_guard_does_not_wait_for_itself(kind, tmp_path):
    outcomes = set()
    with Guard(made(kind, tmp_path), BUDGETS["one"]) as guard:

        def handler():
            try:
                one_call(guard)
                guard.spent("global")
            except GuardStoreUnavailable as error:
                outcomes.add(error.detail)
            else:
                outcomes.add("made")

        one_call(guard)
        at = 1
        while True:
            interruption = Interruption(at, handler)
            with interruption:
                one_call(guard)
            if interruption.count < at:
                break
            at += STEPS[kind]

        assert outcomes == {INTERRUPTED, "made"}
        assert answers(guard)
        assert guard.spent("global") <= 1000
        assert guard.held("global") == sum(lease.estimate for lease in guard.leases(1000))


def test_a_real_signal_that_raises_leaves_no_lock():
    guard = Guard(budgets=BUDGETS["several"])

    def handler(*_):
        raise Interrupt

    before = signal.signal(signal.SIGALRM, handler)
    gc.disable()  # nothing of the test tools is to be interrupted
    try:
        for _ in range(300):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0001)
                for _ in range(1000):
                    one_call(guard)
            except Interrupt:
                continue
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        gc.enable()

    assert answers(guard)
    assert guard.held("global") == sum(lease.estimate for lease in guard.leases(1000))

from structlog.testing import capture_logs

from costmon.bootstrap.clock_watch import ClockWatch
from costmon.state.clock_steps import NO_STEPS, recent_step
from costmon.state.published import Published
from costmon.testing.clock import FakeClock


def test_a_clock_that_is_set_is_logged_published_and_told_for_five_minutes():
    clock, steps = FakeClock(), Published(NO_STEPS)
    watch = ClockWatch(clock, steps)

    clock.advance(86_400)
    watch.look()
    assert recent_step(steps.read(), clock.monotonic_s()) is None

    clock.step(259_200)
    with capture_logs() as logs:
        watch.look()
        watch.look()
    clock.advance(12)

    assert [(it["event"], it["step_s"]) for it in logs] == [("bootstrap.clock_stepped", 259_200)]
    told = recent_step(steps.read(), clock.monotonic_s())
    assert told is not None
    assert told.startswith("the clock was set forward by 259200 s, 12 s ago")
    clock.advance(300)
    assert recent_step(steps.read(), clock.monotonic_s()) is None


def test_a_step_back_is_one_too_and_a_small_difference_is_none():
    clock, steps = FakeClock(), Published(NO_STEPS)
    watch = ClockWatch(clock, steps)

    clock.step(1.5)
    watch.look()
    clock.step(-3600)
    watch.look()

    assert (steps.read().count, steps.read().last_step_s) == (1, -3600)
    assert "set back" in (recent_step(steps.read(), clock.monotonic_s()) or "")

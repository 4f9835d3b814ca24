"""Failed calls are made again, as often as policy, health and budgets allow."""

import asyncio
import random
import threading
from decimal import Decimal

import pytest
import requests

from costmon.domain.budget import Budget
from costmon.errors import InputError
from costmon.guard.errors import BudgetRefused, HealthRefused, RetriesExhausted, RetryRefused
from costmon.guard.guard import Guard
from costmon.guard.health.health import Health
from costmon.guard.retries.budget import RetryBudget
from costmon.guard.retries.policy import RetryPolicy
from costmon.guard.retries.retrier import Retrier
from costmon.testing.clock import FakeClock

EXACT = RetryPolicy(jitter="none")


class Bench:
    """A guard, health and a retrier whose waits take no time."""

    def __init__(self, *budgets, retry_budget=None, policy=EXACT):
        self.clock = FakeClock()
        self.guard = Guard("memory://", budgets, clock=self.clock)
        self.health = Health(self.guard.store, clock=self.clock, rng=random.Random(1))
        self.waits: list[float] = []
        self.during_wait = lambda: None
        self.noted: list[object] = []
        self.retrier = Retrier(
            self.guard,
            self.health,
            clock=self.clock,
            rng=random.Random(1),
            policy=policy,
            budget=retry_budget and retry_budget(self.clock),
            pause=self.pause,
            async_pause=self.async_pause,
            noted=lambda refused, at_s: self.noted.append(refused),
        )

    def pause(self, seconds, cancel):
        self.waits.append(seconds)
        self.clock.advance(seconds)
        self.during_wait()
        return cancel.is_set()

    async def async_pause(self, seconds):
        self.pause(seconds, threading.Event())


class Calls:
    """A function that fails as it is told, then returns."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.made = 0

    def __call__(self):
        self.made += 1
        outcome = self.outcomes.pop(0) if self.outcomes else "done"
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def later(self):
        return self()


@pytest.fixture
def bench():
    return Bench()


def response(status, **headers):
    made = requests.Response()
    made.status_code = status
    made.headers.update(headers)
    return made


def test_a_call_that_succeeds_is_made_once(bench):
    fn = Calls("done")

    assert bench.retrier.run("a.example", fn) == "done"
    assert (fn.made, bench.waits) == (1, [])


def test_failures_of_the_host_are_tried_again_after_growing_waits(bench):
    fn = Calls(TimeoutError(), ConnectionResetError(), ConnectionRefusedError())

    assert bench.retrier.run("a.example", fn) == "done"
    assert (fn.made, bench.waits) == (4, [1, 2, 4])


def test_when_all_fail_the_last_failure_is_the_cause(bench):
    last = TimeoutError("the last")
    fn = Calls(*[TimeoutError()] * 3, last)

    with pytest.raises(RetriesExhausted, match=r"a\.example: 4 attempts failed") as caught:
        bench.retrier.run("https://A.example/x", fn)

    assert caught.value.__cause__ is last
    assert caught.value.attempts == fn.made == 4


@pytest.mark.parametrize(
    "error", [ValueError("a bug"), KeyboardInterrupt(), requests.HTTPError(response=response(404))]
)
def test_what_no_retry_can_help_is_raised_as_it_is(bench, error):
    fn = Calls(error)

    with pytest.raises(type(error)) as caught:
        bench.retrier.run("a.example", fn)

    assert caught.value is error
    assert fn.made == 1


def test_a_refusal_is_never_tried_again():
    bench = Bench(Budget("global", 0))

    def guarded():
        bench.guard.reserve("global", 1)

    with pytest.raises(BudgetRefused):
        bench.retrier.run("a.example", guarded)

    assert bench.waits == []


def test_a_host_s_own_policy_wins(bench):
    bench.guard.configure("host:a.example", retry_policy='{"max_retries": 1, "jitter": "none"}')
    fn = Calls(*[TimeoutError()] * 9)

    with pytest.raises(RetriesExhausted):
        bench.retrier.run("a.example", fn)

    assert (fn.made, bench.waits) == (2, [1])
    assert bench.retrier.policy_of("b.example") == EXACT


def test_a_policy_that_is_given_wins_over_all(bench):
    fn = Calls(TimeoutError())

    with pytest.raises(RetriesExhausted):
        bench.retrier.run("a.example", fn, policy=RetryPolicy(0))

    assert fn.made == 1


def test_a_response_that_says_busy_is_tried_again_and_the_last_one_returned(bench):
    answers = [response(503), response(429), response(502), response(500)]

    assert bench.retrier.run("a.example", Calls(*answers)) is answers[-1]
    assert bench.retrier.run("b.example", Calls(response(503), response(404))).status_code == 404


def test_the_host_is_left_alone_for_as_long_as_it_asks_up_to_the_longest_wait(bench):
    busy = requests.HTTPError(response=response(429, **{"Retry-After": "9"}))
    later = response(503, **{"Retry-After": "Sat, 21 Nov 2026 11:00:00 GMT"})

    bench.retrier.run("a.example", Calls(busy, later))

    assert bench.waits == [9, 30]


def test_a_host_that_was_put_into_quarantine_meanwhile_is_not_tried_again(bench):
    def sicken():
        for _ in range(5):
            bench.health.record("a.example", "timeout", 1.0)

    bench.during_wait = sicken
    fn = Calls(TimeoutError("first"))

    with pytest.raises(HealthRefused) as caught:
        bench.retrier.run("a.example", fn)

    assert fn.made == 1
    assert str(caught.value.__cause__) == "first"


def test_the_fifth_failure_of_a_host_ends_the_retries_without_a_wait(bench):
    fn = Calls(*[TimeoutError()] * 9)

    with pytest.raises(HealthRefused):
        bench.retrier.run("a.example", fn, amount=1, policy=RetryPolicy(8, jitter="none"))

    assert (fn.made, len(bench.waits)) == (5, 4)


def test_the_retry_budget_ends_retries_before_a_wait():
    bench = Bench(retry_budget=lambda clock: RetryBudget(clock, floor=2, share=0))
    fn = Calls(*[TimeoutError()] * 9)

    with pytest.raises(RetryRefused) as caught:
        bench.retrier.run("a.example", fn)

    assert (fn.made, len(bench.waits)) == (3, 2)
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert bench.noted == [caught.value]


def test_a_response_is_returned_when_the_retry_budget_is_used_up():
    bench = Bench(retry_budget=lambda clock: RetryBudget(clock, floor=0, share=0))

    assert bench.retrier.run("a.example", Calls(response(503))).status_code == 503


def test_money_caps_retries():
    bench = Bench(retry_budget=lambda clock: RetryBudget(clock, max_retry_cost="0.05"))

    with pytest.raises(RetryRefused, match="may cost"):
        bench.retrier.run("a.example", Calls(*[TimeoutError()] * 9), amount="0.02")
    with pytest.raises(InputError, match="max_retry_cost"):
        bench.retrier.run("b.example", Calls(TimeoutError()))


def test_every_attempt_is_a_lease_of_its_own_and_a_failed_one_is_charged():
    bench = Bench(Budget("global", "1"))
    fn = Calls(TimeoutError(), ConnectionRefusedError())

    bench.retrier.run("a.example", fn, amount="0.02", activity="completion")

    assert bench.guard.spent("global") == bench.guard.spent("host:a.example") == Decimal("0.06")
    assert bench.guard.held("global") == 0
    [row] = bench.guard.usage(
        bench.clock.now().replace(hour=0), bench.clock.now().replace(hour=23), "global"
    )
    assert (row.activity, row.requests, row.failed) == ("completion", 3, 2)
    health = bench.health.get("a.example")
    assert health is not None
    assert health.calls == pytest.approx(3, rel=0.05)
    assert health.consecutive_failures == 0


def test_retries_stop_where_the_budget_does():
    bench = Bench(Budget("global", "0.05"))
    fn = Calls(*[TimeoutError()] * 9)

    with pytest.raises(BudgetRefused) as caught:
        bench.retrier.run("a.example", fn, amount="0.02")

    assert fn.made == 2
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert bench.guard.spent("global") == Decimal("0.04")


def test_a_wait_ends_at_once_when_it_is_cancelled(bench):
    retrier = Retrier(bench.guard, bench.health, clock=bench.clock, rng=random.Random(1))
    cancel, failed = threading.Event(), threading.Event()
    raised = []

    def fn():
        failed.set()
        raise TimeoutError

    def work():
        try:
            retrier.run(
                "a.example",
                fn,
                cancel=cancel,
                policy=RetryPolicy(3, 3600, 3600, jitter="none"),
            )
        except RetriesExhausted as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert failed.wait(5)
    cancel.set()
    thread.join(5)

    assert not thread.is_alive()
    assert raised[0].attempts == 1


def test_in_asyncio_it_is_the_same(bench):
    fn = Calls(TimeoutError(), response(503), "done")

    assert asyncio.run(bench.retrier.arun("a.example", fn.later, amount="0.01")) == "done"
    assert bench.waits == [1, 2]
    assert bench.guard.spent("global") == Decimal("0.03")

    with pytest.raises(RetriesExhausted):
        asyncio.run(bench.retrier.arun("a.example", Calls(*[TimeoutError()] * 9).later))
    last = response(503)
    answers = Calls(*[response(503)] * 3, last)
    assert asyncio.run(bench.retrier.arun("b.example", answers.later)) is last


def test_in_asyncio_a_cancelled_task_ends_its_wait_at_once_and_holds_nothing(bench):
    retrier = Retrier(bench.guard, bench.health, clock=bench.clock, rng=random.Random(1))

    async def main():
        failed = asyncio.Event()

        async def fn():
            failed.set()
            raise TimeoutError

        policy = RetryPolicy(3, 3600, 3600, jitter="none")
        task = asyncio.create_task(retrier.arun("a.example", fn, amount="0.01", policy=policy))
        await asyncio.wait_for(failed.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert bench.guard.held("global") == 0
    assert bench.guard.spent("global") == Decimal("0.01")


def test_in_asyncio_a_call_that_is_cancelled_is_charged_and_says_nothing_of_the_host(bench):
    async def main():
        begun = asyncio.Event()

        async def fn():
            begun.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(bench.retrier.arun("a.example", fn, amount="0.01"))
        await asyncio.wait_for(begun.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert bench.guard.spent("global") == Decimal("0.01")
    assert bench.health.get("a.example") is None

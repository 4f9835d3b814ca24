"""Retry a failed call, as often as its host's policy, its health and the budgets allow."""

import threading
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from costmon.clock import EpochClock
from costmon.domain.amount import Amount
from costmon.domain.scope import host_of
from costmon.guard.attempt import Attempt, Reserver
from costmon.guard.clients.reentrancy import covered
from costmon.guard.errors import CallRefused
from costmon.guard.health.health import Health
from costmon.guard.retries.budget import RetryBudget
from costmon.guard.retries.course import RetryCourse
from costmon.guard.retries.policy import USUAL, RetryPolicy

if TYPE_CHECKING:
    from random import Random

T = TypeVar("T")

Pause = Callable[[float, threading.Event], bool]
"""Waits for seconds, or until the event is set; returns whether it is set."""

_MOST_POLICIES = 1000


class Retrier:
    """Retries failed calls; safe to use from any thread.

    It retries timeouts, refused and broken connections, names that were not found, 429 and 5xx,
    raised or returned; never a `CallRefused`, nor errors that say nothing about the host.

    Args:
        guard: Holds the estimate of each attempt, and has each host's policy.
        health: Must allow each retry.
        clock: Source of time.
        rng: Source of jitter.
        policy: For hosts without a policy of their own.
        budget: The retry budget of all hosts.
        pause: Waits (default: `Event.wait`).
        async_pause: Waits (default: `asyncio.sleep`).
        noted: Counts a refusal at a time, seconds since 1970.
    """

    def __init__(
        self,
        guard: Reserver,
        health: Health,
        *,
        clock: EpochClock,
        rng: "Random",
        policy: RetryPolicy = USUAL,
        budget: RetryBudget | None = None,
        pause: Pause | None = None,
        async_pause: Callable[[float], Awaitable[None]] | None = None,
        noted: Callable[[CallRefused, float], object] | None = None,
    ) -> None:
        self.policy = policy
        self.budget = budget or RetryBudget(clock, currency=guard.currency)
        self._guard = guard
        self._health = health
        self._clock = clock
        self._rng = rng
        self._pause = pause or _wait
        self._async_pause = async_pause or _async_wait
        self._noted = noted
        self._policies: dict[str, RetryPolicy] = {}

    def policy_of(self, host: str) -> RetryPolicy:
        """Return the retry policy of a host.

        Raises:
            InputError: The host or its configured policy is not valid.
            GuardStoreError: The guard's store failed.
        """
        config = self._guard.config(f"host:{host_of(host)}")
        text = None if config is None else config.retry_policy
        if text is None:
            return self.policy
        policy = self._policies.get(text)
        if policy is None:
            if len(self._policies) >= _MOST_POLICIES:
                self._policies = {}
            policy = self._policies[text] = RetryPolicy.from_text(text)
        return policy

    def run(
        self,
        host: str,
        fn: Callable[[], T],
        *,
        policy: RetryPolicy | None = None,
        cancel: threading.Event | None = None,
        amount: Amount | None = None,
        retry_cost: Amount | None = None,
        activity: str = "call",
        ttl: float = 60.0,
    ) -> T:
        """Call `fn`, and retry it while it fails and retries are allowed.

        Args:
            host: The host that `fn` calls.
            fn: Makes the call, once for each attempt.
            policy: Replaces the host's policy.
            cancel: Ends a wait at once when it is set.
            amount: The most that one attempt may cost, major units. Each attempt then has its own
                lease, which is charged in full, its result is recorded in the host's health, and
                guarded clients inside count nothing. `None` if `fn` uses a guarded client, or was
                returned by `deliver`: those do both.
            retry_cost: Cost of a retry in the retry budget; `None`: `amount`.
            activity: What kind of call it is, for the records.
            ttl: Seconds after which an attempt is charged at its estimate if it has not ended.

        Returns:
            What `fn` returned; also a response with status 429 or 5xx that must not be retried.

        Raises:
            RetriesExhausted: Every attempt failed, or `cancel` was set; from the last failure.
            CallRefused: An attempt is not allowed; from the last failure if there was one.
            Exception: What `fn` raised, if a retry would not help.
        """
        course = self._course(host, policy, amount if retry_cost is None else retry_cost)
        cancel = cancel or threading.Event()
        while True:
            attempt = self._begin(course, amount, activity, ttl)
            try:
                with covered() if attempt is not None else nullcontext():
                    result = fn()
            except BaseException as error:
                if attempt is not None:
                    attempt.failed(error)
                wait_s = course.after_error(error)
                if self._pause(wait_s, cancel):
                    raise course.exhausted() from error
                course.check(error)
            else:
                if attempt is not None:
                    attempt.answered(result)
                again_s = course.after_answer(result)
                if again_s is None or self._pause(again_s, cancel) or not course.may():
                    return result

    async def arun(
        self,
        host: str,
        fn: Callable[[], Awaitable[T]],
        *,
        policy: RetryPolicy | None = None,
        amount: Amount | None = None,
        retry_cost: Amount | None = None,
        activity: str = "call",
        ttl: float = 60.0,
    ) -> T:
        """Do as `run` does in asyncio; cancelling the task ends a wait at once."""
        use = self._guard.off_loop.run
        course = await use(
            partial(self._course, host, policy, amount if retry_cost is None else retry_cost)
        )
        while True:
            attempt = await self._begin_async(course, amount, activity, ttl)
            try:
                with covered() if attempt is not None else nullcontext():
                    result = await fn()
            except BaseException as error:
                if attempt is not None:
                    attempt.failed(error)
                if not isinstance(error, Exception):
                    raise
                await self._async_pause(await use(partial(course.after_error, error)))
                await use(partial(course.check, error))
            else:
                if attempt is not None:
                    attempt.answered(result)
                again_s = await use(partial(course.after_answer, result))
                if again_s is None:
                    return result
                await self._async_pause(again_s)
                if not await use(course.may):
                    return result

    def _course(
        self,
        host: str,
        policy: RetryPolicy | None,
        retry_cost: Amount | None,
    ) -> RetryCourse:
        host = host_of(host)
        self.budget.count_call()
        return RetryCourse(
            host,
            policy or self.policy_of(host),
            cost=retry_cost,
            budget=self.budget,
            health=self._health,
            clock=self._clock,
            rng=self._rng,
            noted=self._noted,
        )

    def _begin(
        self, course: RetryCourse, amount: Amount | None, activity: str, ttl: float
    ) -> Attempt | None:
        if amount is None:
            return None
        guard, health, clock = self._guard, self._health, self._clock
        try:
            return Attempt.begin(
                guard, health, clock, course.host, amount, activity=activity, ttl=ttl
            )
        except CallRefused as refused:
            raise refused from course.last

    async def _begin_async(
        self, course: RetryCourse, amount: Amount | None, activity: str, ttl: float
    ) -> Attempt | None:
        if amount is None:
            return None
        guard, health, clock = self._guard, self._health, self._clock
        try:
            return await Attempt.begin_async(
                guard, health, clock, course.host, amount, activity=activity, ttl=ttl
            )
        except CallRefused as refused:
            raise refused from course.last


def _wait(seconds: float, cancel: threading.Event) -> bool:
    return cancel.wait(seconds)


async def _async_wait(seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)

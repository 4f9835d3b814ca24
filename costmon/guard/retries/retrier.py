"""Make a failed call again, as often as its host's policy, its health and the budgets allow."""

import threading
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
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
"""Waits for seconds, or until the event is set; returns whether it is."""

_MOST_POLICIES = 1000


class Retrier:
    """Makes failed calls again; any thread may use it.

    Tried again are timeouts, refused and broken connections, names that were not found, 429 and
    5xx, raised or returned. A `CallRefused` never is, nor what says nothing of the host.

    Args:
        guard: Holds what each attempt may cost, and knows each host's policy.
        health: Is asked before each retry.
        clock: Tells the time.
        rng: Makes jitter.
        policy: Of hosts that have none of their own.
        budget: How many retries there may be in all.
        pause: Waits; `Event.wait` by default.
        async_pause: Waits; `asyncio.sleep` by default.
        noted: Counts a refusal, made at a second since 1970.
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
        """Return by which policy calls to a host are made again.

        Raises:
            InputError: It is no host, or what is configured about it is no policy.
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
        """Call `fn`, and again while it fails and that is allowed.

        Args:
            host: Whom `fn` calls.
            fn: The call; it is made anew each time.
            policy: In place of the host's.
            cancel: Ends a wait at once when set.
            amount: What one attempt may cost at most, major units. Each attempt is then a lease of
                its own, which is charged in full, health is told how it ended, and guarded clients
                inside count nothing. `None` when `fn` goes through a guarded client, or is what
                `deliver` returned: those do both.
            retry_cost: What a retry counts for in the retry budget; `None` for `amount`.
            activity: What kind of call it is, for the records.
            ttl: Seconds after which an attempt is charged although it has not ended.

        Returns:
            What `fn` returned; also a response with status 429 or 5xx that may not be tried again.

        Raises:
            RetriesExhausted: Every attempt failed, or `cancel` was set; from the last failure.
            CallRefused: An attempt may not be made; from the last failure if there was one.
            Exception: What `fn` raised, when trying again would not help.
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
        course = self._course(host, policy, amount if retry_cost is None else retry_cost)
        while True:
            attempt = self._begin(course, amount, activity, ttl)
            try:
                with covered() if attempt is not None else nullcontext():
                    result = await fn()
            except BaseException as error:  # noqa: BLE001 - `after_error` raises what is final
                if attempt is not None:
                    attempt.failed(error)
                await self._async_pause(course.after_error(error))
                course.check(error)
            else:
                if attempt is not None:
                    attempt.answered(result)
                again_s = course.after_answer(result)
                if again_s is None:
                    return result
                await self._async_pause(again_s)
                if not course.may():
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
        try:
            return Attempt.begin(
                self._guard,
                self._health,
                self._clock,
                course.host,
                amount,
                activity=activity,
                ttl=ttl,
            )
        except CallRefused as refused:
            raise refused from course.last


def _wait(seconds: float, cancel: threading.Event) -> bool:
    return cancel.wait(seconds)


async def _async_wait(seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)

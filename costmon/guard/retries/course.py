"""One call and its retries: whether there is another retry, and when."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from costmon.clock import EpochClock
from costmon.domain.amount import Amount
from costmon.guard.errors import CallRefused, HealthRefused, RetriesExhausted, RetryRefused
from costmon.guard.health.failures import RETRYABLE, failure_of, failure_of_status, status_of
from costmon.guard.health.health import Health
from costmon.guard.retries.budget import RetryBudget
from costmon.guard.retries.policy import RetryPolicy
from costmon.guard.retries.retry_after import retry_after_s

if TYPE_CHECKING:
    from random import Random


class RetryCourse:
    """Counts the attempts of one call and decides after each; it neither calls nor waits.

    Attributes:
        host: The called host, in canonical form.
        retries: How many were allowed.
        last: The last attempt's exception; `None` if it returned, or there was none.
    """

    def __init__(
        self,
        host: str,
        policy: RetryPolicy,
        *,
        cost: Amount | None,
        budget: RetryBudget,
        health: Health,
        clock: EpochClock,
        rng: "Random",
        noted: Callable[[CallRefused, float], object] | None,
    ) -> None:
        self.host = host
        self.retries = 0
        self.last: BaseException | None = None
        self._policy = policy
        self._cost = cost
        self._budget = budget
        self._health = health
        self._clock = clock
        self._rng = rng
        self._noted = noted

    def exhausted(self) -> RetriesExhausted:
        """Return the error for a call that ends while it waits for a retry."""
        return RetriesExhausted(self.host, self.retries)

    def after_error(self, error: BaseException) -> float:
        """Return the seconds to wait before the next attempt, or raise the final error.

        Raises:
            RetriesExhausted: It was the last attempt; from `error`.
            HealthRefused, RetryRefused: No other is allowed; from `error`.
            BaseException: `error` itself, if a retry would not help.
        """
        failure = failure_of(error) if isinstance(error, Exception) else None
        if failure not in RETRYABLE:
            raise error
        self.last = error
        if self.retries >= self._policy.max_retries:
            raise RetriesExhausted(self.host, self.retries + 1) from error
        try:
            return self._allow(error)
        except CallRefused as refused:
            raise refused from error

    def after_answer(self, result: object) -> float | None:
        """Return the seconds to wait before the next attempt; `None`: the result is final."""
        status = status_of(result)
        failure = None if status is None else failure_of_status(status)
        if failure is None or self.retries >= self._policy.max_retries:
            return None
        self.last = None
        try:
            return self._allow(result)
        except (HealthRefused, RetryRefused):
            return None

    def check(self, error: BaseException) -> None:
        """Raise `HealthRefused` if the host was put into quarantine during the wait."""
        try:
            self._health.check(self.host)
        except HealthRefused as refused:
            raise refused from error

    def may(self) -> bool:
        """Return whether the host may still be called after the wait."""
        try:
            self._health.check(self.host)
        except HealthRefused:
            return False
        return True

    def _allow(self, result: object) -> float:
        """Take a retry from the budget; return how long to wait before it."""
        self._health.check(self.host)
        try:
            self._budget.take(f"host:{self.host}", self._cost)
        except RetryRefused as refused:
            if self._noted is not None:
                self._noted(refused, self._clock.epoch_s())
            raise
        asked_s = retry_after_s(result, self._clock.epoch_s())
        wait_s = self._policy.wait_s(self.retries, self._rng, asked_s)
        self.retries += 1
        return wait_s

"""Budgets for a function that delivers activities to other servers.

Before a delivery, its tier, its host's health and its budgets are checked, in this order; a refusal
is raised before any byte is sent. Afterwards it is charged:

- it returned: what its kind costs with the bytes sent and received (bodies, without headers);
- it raised, and there had been no connection (unknown name, refused, no handshake): nothing;
- it raised anything else: what its kind costs with the whole body, because it may have been sent.

Guarded clients that the function calls charge nothing, because the delivery is already charged.
"""

from collections.abc import Callable, Collection
from functools import partial
from typing import Any, TypeVar, cast

from costmon.clock import EpochClock
from costmon.domain.amount import Amount, amount_of
from costmon.domain.scope import host_of
from costmon.guard.attempt import Attempt, Reserver
from costmon.guard.clients.reentrancy import covered
from costmon.guard.cost_headers import allowed_hosts, cost_headers
from costmon.guard.delivery_cost import (
    DeliveryCost,
    activity_of,
    aws_delivery_cost,
    received_bytes,
    size_of,
)
from costmon.guard.health.health import Health
from costmon.guard.retries.policy import RetryPolicy
from costmon.guard.retries.retrier import Retrier

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class _Delivery:
    """One delivery that is about to be made."""

    __slots__ = ("activity", "bytes_out", "estimate", "host")

    def __init__(self, url: str, body: str | bytes, cost: DeliveryCost) -> None:
        self.host = host_of(url)
        self.activity = activity_of(body)
        self.bytes_out = size_of(body)
        self.estimate: Amount = cost(self.activity, self.bytes_out, 0)


class Deliverer:
    """Wraps delivery functions; any thread may use it.

    Args:
        guard: Holds the estimate of each delivery.
        health: Allows each delivery, and records its result.
        retrier: Retries failed deliveries, if requested.
        clock: Source of time.
        cost: What a delivery costs; default: AWS's list prices in us-east-1.
    """

    def __init__(
        self,
        guard: Reserver,
        health: Health,
        retrier: Retrier,
        *,
        clock: EpochClock,
        cost: DeliveryCost | None = None,
    ) -> None:
        self._guard = guard
        self._health = health
        self._retrier = retrier
        self._clock = clock
        self._cost = cost or aws_delivery_cost()

    def wrap(
        self,
        fn: F,
        *,
        cost: DeliveryCost | None = None,
        retry: bool | RetryPolicy = False,
        cost_headers_to: Collection[str] = (),
        ttl: float = 60.0,
    ) -> F:
        """Return `fn`, guarded by the budgets.

        Args:
            fn: `fn(instance_url, activity_json)`, plain or async; may return a response, whose
                `status_code` or `status` then counts for health.
            cost: Replaces the default cost function.
            retry: Whether failed deliveries are retried, by the host's policy or this one. Each
                attempt has its own lease.
            cost_headers_to: Hosts, such as `a.example` or `*.example.org`, that are told what a
                delivery costs and what remains. Then `fn` gets the argument `headers`, a new dict
                to send with its own headers; it is empty for other hosts.
            ttl: Seconds after which a delivery is charged at its estimate if it has not ended.

        Raises:
            ScopeError: `cost_headers_to` has an entry that is not a host, or `*`.

        The returned function also raises:
            CallRefused: The delivery is not allowed; nothing was sent.
            RetriesExhausted: Every attempt failed; only with `retry`.
            ScopeError: `instance_url` has no host.
            GuardStoreError: The guard's store failed.
        """
        wrapped = _Wrapped(
            self,
            fn,
            cost=cost or self._cost,
            retrier=self._retrier if retry is not False else None,
            policy=retry if isinstance(retry, RetryPolicy) else None,
            allowed=allowed_hosts(cost_headers_to),
            ttl=ttl,
        )
        return cast("F", wrapped.async_deliver if _is_async(fn) else wrapped.deliver)

    def begin(self, delivery: _Delivery, ttl: float) -> Attempt:
        """Allow a delivery, or refuse it."""
        return Attempt.begin(
            self._guard,
            self._health,
            self._clock,
            delivery.host,
            delivery.estimate,
            activity=delivery.activity,
            ttl=ttl,
        )

    async def begin_async(self, delivery: _Delivery, ttl: float) -> Attempt:
        """Allow a delivery, or refuse it, while other tasks run."""
        return await Attempt.begin_async(
            self._guard,
            self._health,
            self._clock,
            delivery.host,
            delivery.estimate,
            activity=delivery.activity,
            ttl=ttl,
        )

    async def use_store(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, while other tasks run."""
        return await self._guard.off_loop.run(work)

    def headers(self, delivery: _Delivery, allowed: Collection[str]) -> dict[str, str]:
        """Return the cost headers for a host."""
        scope = f"host:{delivery.host}"
        if not cost_headers(delivery.host, allowed):
            return {}
        config = self._guard.config(scope)
        return cost_headers(
            delivery.host,
            allowed,
            tier="standard" if config is None else config.tier,
            remaining=self._guard.remaining(scope),
            estimate=amount_of(delivery.estimate),
            currency=self._guard.currency,
        )


class _Wrapped:
    """A delivery function and how to call it."""

    def __init__(
        self,
        deliverer: Deliverer,
        fn: Callable[..., Any],
        *,
        cost: DeliveryCost,
        retrier: Retrier | None,
        policy: RetryPolicy | None,
        allowed: tuple[str, ...],
        ttl: float,
    ) -> None:
        self._deliverer = deliverer
        self._fn = fn
        self._cost = cost
        self._retrier = retrier
        self._policy = policy
        self._allowed = allowed
        self._ttl = ttl

    def deliver(self, instance_url: str, activity_json: str | bytes) -> Any:
        """Deliver an activity."""
        delivery = _Delivery(instance_url, activity_json, self._cost)

        def once() -> Any:
            extra = self._extra(delivery)
            attempt = self._deliverer.begin(delivery, self._ttl)
            try:
                with covered():
                    result = self._fn(instance_url, activity_json, **extra)
            except BaseException as error:
                self._failed(attempt, error, delivery)
                raise
            self._answered(attempt, result, delivery)
            return result

        if self._retrier is None:
            return once()
        return self._retrier.run(
            delivery.host, once, policy=self._policy, retry_cost=delivery.estimate
        )

    async def async_deliver(self, instance_url: str, activity_json: str | bytes) -> Any:
        """Deliver an activity in asyncio."""
        delivery = _Delivery(instance_url, activity_json, self._cost)

        async def once() -> Any:
            extra = await self._deliverer.use_store(partial(self._extra, delivery))
            attempt = await self._deliverer.begin_async(delivery, self._ttl)
            try:
                with covered():
                    result = await self._fn(instance_url, activity_json, **extra)
            except BaseException as error:
                self._failed(attempt, error, delivery)
                raise
            self._answered(attempt, result, delivery)
            return result

        if self._retrier is None:
            return await once()
        return await self._retrier.arun(
            delivery.host, once, policy=self._policy, retry_cost=delivery.estimate
        )

    def _extra(self, delivery: _Delivery) -> dict[str, dict[str, str]]:
        if not self._allowed:
            return {}
        return {"headers": self._deliverer.headers(delivery, self._allowed)}

    def _answered(self, attempt: Attempt, result: object, delivery: _Delivery) -> None:
        bytes_in = received_bytes(result)
        actual: Amount | None = None
        try:
            actual = amount_of(self._cost(delivery.activity, delivery.bytes_out, bytes_in))
        finally:  # the call was made, whatever the program's cost function raises
            attempt.answered(result, actual, bytes_in=bytes_in, bytes_out=delivery.bytes_out)

    def _failed(self, attempt: Attempt, error: BaseException, delivery: _Delivery) -> None:
        attempt.failed(error, bytes_out=delivery.bytes_out, one_request=True)


def _is_async(fn: Callable[..., object]) -> bool:
    from inspect import iscoroutinefunction

    return iscoroutinefunction(fn) or iscoroutinefunction(getattr(fn, "__call__", None))  # noqa: B004 - the test is for how it is called, not whether it can be

"""Guard anything callable: functions, coroutines, generators and async generators.

```python
@guarded(guard, "key:batch", "0.02", actual=lambda answer: answer.cost)
def ask(question): ...
```

No guarded client is needed: what the function does inside is not inspected.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import partial, wraps
from typing import Any, TypeVar, cast

from costmon.domain.amount import Amount, amount_of
from costmon.guard.async_wait import wait_for_room
from costmon.guard.attempt import HeldLease
from costmon.guard.clients.finalizers import inside_a_guard
from costmon.guard.clients.gatekeeper import Gatekeeper
from costmon.guard.clients.reentrancy import covered
from costmon.guard.errors import BudgetRefused, CallRefused, GuardStoreError, RateRefused
from costmon.guard.health.failures import nothing_was_sent

F = TypeVar("F", bound=Callable[..., Any])


def guarded(
    guard: Gatekeeper,
    scopes: str | Iterable[str] | Callable[..., str | Iterable[str]],
    estimate: Amount | Callable[..., Amount],
    *,
    actual: Callable[[Any], Amount | None] | None = None,
    activity: str = "call",
    ttl: float = 60.0,
    wait: float = 0.0,
    covers: bool = False,
) -> Callable[[F], F]:
    """Return a decorator that reserves before each call and settles after it.

    A generator is one call from its first item to its last; it is settled when it ends, is closed
    or is garbage-collected.

    Args:
        guard: The guard that allows or refuses each call.
        scopes: Of the call, or a function of its arguments.
        estimate: The most that a call can cost, or a function of its arguments.
        actual: Returns the actual cost, given what the function returned, or each item that a
            generator yields (the last result that is not `None` counts). `None`: the estimate.
        activity: What kind of call it is, for the records.
        ttl: Seconds after which the call is charged at its estimate if it has not ended.
        wait: Seconds to wait for budget before the call is refused.
        covers: Whether calls by guarded clients inside are included in the price, and not charged
            again.

    The decorated function also raises:
        CallRefused: The call is not allowed; the function was not called.
        GuardStoreError: The guard's store failed.
        InputError: An argument cannot be used.

    If the function raises, the estimate is charged, unless a guard inside refused the call or there
    was no connection.
    """

    def decorate(function: F) -> F:
        gate = _Gate(guard, scopes, estimate, actual, activity, ttl, wait, covers)
        return cast("F", wraps(function)(gate.around(function)))

    return decorate


class _Gate:
    """The guard of one function."""

    def __init__(
        self,
        guard: Gatekeeper,
        scopes: str | Iterable[str] | Callable[..., str | Iterable[str]],
        estimate: Amount | Callable[..., Amount],
        actual: Callable[[Any], Amount | None] | None,
        activity: str,
        ttl: float,
        wait: float,
        covers: bool,  # noqa: FBT001 - as of `guarded`
    ) -> None:
        self._guard = guard
        self._scopes = scopes if callable(scopes) or isinstance(scopes, str) else tuple(scopes)
        self._estimate = estimate
        self._actual = actual
        self._activity = activity
        self._ttl = ttl
        self._wait = wait
        self._covers = covers

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of the same kind."""
        import inspect

        if inspect.isasyncgenfunction(function):
            return self._around_async_generator(function)
        if inspect.isgeneratorfunction(function):
            return self._around_generator(function)
        if inspect.iscoroutinefunction(function):
            return self._around_coroutine(function)
        return self._around_function(function)

    def _around_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            paid = self._paid(args, named)
            try:
                if self._covers:
                    with covered():
                        result = function(*args, **named)
                else:
                    result = function(*args, **named)
            except BaseException as error:
                paid.failed(error)
                raise
            paid.item(result)
            paid.ended()
            return result

        return call

    def _around_coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any, **named: Any) -> Any:
            paid = await self._paid_async(args, named)
            try:
                if self._covers:
                    with covered():
                        result = await function(*args, **named)
                else:
                    result = await function(*args, **named)
            except BaseException as error:
                paid.failed(error)
                raise
            paid.item(result)
            paid.ended()
            return result

        return call

    def _around_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Iterator[Any]:
            paid = self._paid(args, named)
            try:
                for item in function(*args, **named):
                    paid.item(item)
                    yield item
            except GeneratorExit:
                paid.ended(later=inside_a_guard())
                raise
            except BaseException as error:
                paid.failed(error)
                raise
            paid.ended()

        return call

    def _around_async_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any, **named: Any) -> AsyncIterator[Any]:
            paid = await self._paid_async(args, named)
            try:
                async for item in function(*args, **named):
                    paid.item(item)
                    yield item
            except GeneratorExit:
                paid.ended(later=inside_a_guard())
                raise
            except BaseException as error:
                paid.failed(error)
                raise
            paid.ended()

        return call

    def _terms(
        self, args: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[str | Iterable[str], Amount]:
        scopes = self._scopes(*args, **named) if callable(self._scopes) else self._scopes
        amount = self._estimate(*args, **named) if callable(self._estimate) else self._estimate
        return scopes, amount

    def _reserve(self, scopes: str | Iterable[str], amount: Amount, wait: float) -> HeldLease:
        return self._guard.reserve(
            scopes, amount, ttl=self._ttl, activity=self._activity, wait=wait
        )

    def _paid(self, args: tuple[Any, ...], named: dict[str, Any]) -> "_Paid":
        lease = self._reserve(*self._terms(args, named), self._wait)
        return _Paid(self._guard, lease, self._actual)

    async def _paid_async(self, args: tuple[Any, ...], named: dict[str, Any]) -> "_Paid":
        threads = self._guard.off_loop
        deadline_s = self._guard.clock.monotonic_s() + self._wait
        work = partial(self._reserve, *self._terms(args, named), 0.0)
        while True:
            try:
                lease = await threads.run(work, undo=_released)
            except (BudgetRefused, RateRefused) as refused:
                if not await wait_for_room(self._guard, refused, deadline_s):
                    raise
            else:
                return _Paid(self._guard, threads.kept(lease), self._actual)


def _released(lease: HeldLease) -> None:
    lease.release()


class _Paid:
    """One allowed call."""

    def __init__(
        self, guard: Gatekeeper, lease: HeldLease, actual: Callable[[Any], Amount | None] | None
    ) -> None:
        self._guard = guard
        self._lease = lease
        self._actual = actual
        self._cost: Amount | None = None

    def item(self, item: object) -> None:
        """Note what was returned or yielded."""
        if self._actual is None:
            return
        try:
            cost = self._actual(item)
            if cost is not None:
                self._cost = amount_of(cost)
        except BaseException:
            self.ended()  # the call was made, whatever `actual` raises
            raise

    def ended(self, *, later: bool = False) -> None:
        """Charge it; `later` if a finalizer may have interrupted the guard itself."""
        if later:
            self._guard.abandon(self._lease, self._cost)
            return
        try:
            self._lease.settle(self._cost)
        except GuardStoreError:
            return  # logged by the guard; the lease is charged when it expires

    def failed(self, error: BaseException) -> None:
        """Charge it, unless certainly nothing was sent."""
        unsent = isinstance(error, Exception) and nothing_was_sent(error)
        try:
            if unsent or isinstance(error, CallRefused):
                self._lease.release()
            else:
                self._lease.settle(self._cost, failed=True)
        except GuardStoreError:
            return

"""One allowed call: admitted by host health and held in the budgets, then ended in both.

The checks have the order of the reference system: the tier `blocked`, then health, then circuits
and budgets. Nothing is sent before all of them pass, and a refusal leaves neither a lease nor a
probe.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Protocol

from costmon.clock import EpochClock
from costmon.domain.amount import Amount
from costmon.guard.config import ScopeConfig
from costmon.guard.errors import GuardStoreError
from costmon.guard.health.called_host import Admission
from costmon.guard.health.failures import (
    FailureClass,
    failure_of,
    failure_of_status,
    nothing_was_sent,
    refusal_of,
    status_of,
)
from costmon.guard.health.health import Health

if TYPE_CHECKING:
    from costmon.guard.off_loop import OffLoop

_CLIENT_ERROR = 400


class HeldLease(Protocol):
    """The methods of a lease that a call needs."""

    def settle(
        self,
        actual: Amount | None = None,
        *,
        bytes_in: int = 0,
        bytes_out: int = 0,
        failed: bool = False,
    ) -> None:
        """Charge what the call cost; `None`: the estimate."""
        ...

    def release(self) -> None:
        """Charge nothing, because nothing was sent."""
        ...


class Reserver(Protocol):
    """The methods of a guard that a call needs."""

    @property
    def currency(self) -> str:
        """Return the ISO 4217 code of all amounts."""
        ...

    @property
    def off_loop(self) -> "OffLoop":
        """Return the threads in which coroutines use the store."""
        ...

    def reserve(
        self, scopes: Iterable[str], amount: Amount, *, ttl: float = 60.0, activity: str = "call"
    ) -> HeldLease:
        """Hold an estimate, or raise `CallRefused`."""
        ...

    def config(self, scope: str) -> ScopeConfig | None:
        """Return a scope's configuration."""
        ...

    def remaining(self, scope: str) -> Decimal | None:
        """Return what may still be spent; `None` without a limit."""
        ...


class Attempt:
    """A call that is being made; end it once, by `answered`, `failed` or `abandoned`."""

    __slots__ = ("_admission", "_begun_s", "_clock", "_health", "_lease", "_off_loop")

    def __init__(
        self, lease: HeldLease, health: Health, admission: Admission, clock: EpochClock
    ) -> None:
        self._lease = lease
        self._health = health
        self._admission = admission
        self._clock = clock
        self._begun_s = clock.monotonic_s()
        self._off_loop: OffLoop | None = None

    @classmethod
    def begin(
        cls,
        guard: Reserver,
        health: Health,
        clock: EpochClock,
        host: str,
        amount: Amount,
        *,
        activity: str,
        ttl: float,
    ) -> "Attempt":
        """Allow a call to `host`, in canonical form, in the scopes `global` and of the host.

        Raises:
            CallRefused: It is not allowed.
            GuardStoreError: The guard's store failed.
            InputError: An argument cannot be used.
        """
        scopes = ("global", f"host:{host}")
        lease = None
        config = guard.config(scopes[1])
        if config is not None and config.tier == "blocked":
            lease = guard.reserve(scopes, amount, ttl=ttl, activity=activity)  # raises the refusal
        try:
            admission = health.admit(host)
        except BaseException:
            if lease is not None:
                lease.release()
            raise
        if lease is None:
            try:
                lease = guard.reserve(scopes, amount, ttl=ttl, activity=activity)
            except BaseException:
                health.withdraw(admission)
                raise
        return cls(lease, health, admission, clock)

    @classmethod
    async def begin_async(
        cls,
        guard: Reserver,
        health: Health,
        clock: EpochClock,
        host: str,
        amount: Amount,
        *,
        activity: str,
        ttl: float,
    ) -> "Attempt":
        """Do as `begin` does, and let other tasks run meanwhile."""
        work = partial(cls.begin, guard, health, clock, host, amount, activity=activity, ttl=ttl)
        attempt = await guard.off_loop.run(work, undo=cls.abandoned)
        attempt._off_loop = guard.off_loop  # noqa: SLF001 - of this class
        return attempt

    @property
    def elapsed_s(self) -> float:
        """Return how long the call has taken so far."""
        return self._clock.monotonic_s() - self._begun_s

    def answered(
        self,
        result: object,
        actual: Amount | None = None,
        *,
        bytes_in: int = 0,
        bytes_out: int = 0,
    ) -> None:
        """End the call with what it returned; a response with a status is judged by its status."""
        status = status_of(result)
        failure = None if status is None else failure_of_status(status)
        self._record(failure)
        failed = status is not None and status >= _CLIENT_ERROR
        self._settle(actual, bytes_in=bytes_in, bytes_out=bytes_out, failed=failed)

    def failed(
        self,
        error: BaseException,
        actual: Amount | None = None,
        *,
        bytes_out: int = 0,
        one_request: bool = False,
    ) -> None:
        """End the call with the exception that it raised.

        `actual` is charged, or the estimate: a failed call may still have cost money. Nothing is
        charged if a guard inside refused the call, or if it is `one_request` and there was no
        connection. Errors that say nothing about the host do not change its health.
        """
        if refusal_of(error) is not None:
            self.abandoned()
            return
        failure = failure_of(error) if isinstance(error, Exception) else None
        if failure is not None or status_of(error) is not None:
            self._record(failure)
        else:
            self._soon(partial(self._health.withdraw, self._admission))
        if one_request and failure is not None and nothing_was_sent(error):
            self._release()
        else:
            self._settle(actual, bytes_out=bytes_out, failed=True)

    def abandoned(self) -> None:
        """End the call as not made."""
        self._soon(partial(self._health.withdraw, self._admission))
        self._release()

    def _record(self, failure: FailureClass | None) -> None:
        admission = self._admission
        self._soon(
            partial(
                self._health.record,
                admission.host,
                failure,
                self.elapsed_s,
                admission=admission,
            )
        )

    # The call has ended, and its result must reach the caller. The guard counts and logs a store
    # that fails now, and the lease is charged at its estimate when it expires.

    def _settle(
        self, actual: Amount | None, *, bytes_in: int = 0, bytes_out: int = 0, failed: bool
    ) -> None:
        self._soon(
            partial(
                self._lease.settle, actual, bytes_in=bytes_in, bytes_out=bytes_out, failed=failed
            )
        )

    def _release(self) -> None:
        self._soon(self._lease.release)

    def _soon(self, work: Callable[[], object]) -> None:
        if self._off_loop is not None:
            self._off_loop.later(work)
            return
        try:
            work()
        except GuardStoreError:
            return

"""A lease: an estimate that is held until the actual cost is known."""

from decimal import Decimal
from types import TracebackType
from typing import Protocol, Self

from costmon.domain.amount import Amount, currency_of
from costmon.domain.money import plain
from costmon.errors import AmountError, InputError
from costmon.guard.errors import LeaseError
from costmon.guard.nano_cache import NanoCache
from costmon.guard.stores.base import NOTHING, Hold, LeaseState, Outcome

DEFAULT_TTL_S = 60.0
LONGEST_TTL_S = 31 * 86_400
LONGEST_KEY = 200
NO_WAIT = 0.0


class Ending(Protocol):
    """What a lease needs of a store."""

    def settle(self, hold: Hold, nano: int, outcome: Outcome = NOTHING) -> object:
        """Charge what the call cost."""
        ...

    def release(self, hold: Hold) -> object:
        """Charge nothing."""
        ...

    def renew(self, hold: Hold, ttl_s: float) -> LeaseState | None:
        """Make a held lease expire `ttl_s` seconds from now."""
        ...


class Keeper(Protocol):
    """What a lease needs of its guard.

    Attributes:
        currency: ISO 4217.
        spends: Converts actual costs to nano-units.
        busy: Whether it must be notified when a lease ends.
    """

    currency: str
    spends: NanoCache
    busy: bool

    @property
    def store(self) -> Ending:
        """Return the store of its counters."""
        ...

    def ended(self, hold: Hold, nano: int | None, upper: int | None) -> None:
        """Handle the end of a lease."""
        ...


class Lease:
    """A call that was allowed: its estimate is held until it is settled, released or expired.

    Used in a `with` statement, it is settled at its estimate at the end unless it was ended before:
    a call that raised may still have cost money. It is safe to use from any thread.
    """

    __slots__ = ("__weakref__", "_guard", "_hold", "_upper")

    def __init__(self, guard: Keeper, hold: Hold, upper: int | None = None) -> None:
        self._guard = guard
        self._hold = hold
        self._upper = upper

    def __repr__(self) -> str:
        return f"<Lease {self.id} of {self.estimate} for {', '.join(self.scopes)}: {self.state}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._hold.state == "held":
            self.settle(failed=error is not None)

    @property
    def id(self) -> str:
        """Return its id in the guard's store; see `Guard.lease`."""
        return self._hold.id

    @property
    def key(self) -> str | None:
        """Return the idempotency key it was reserved with."""
        return self._hold.key

    @property
    def estimate(self) -> Decimal:
        """Return the amount that is held, major units."""
        return plain(self._hold.nano)

    @property
    def state(self) -> LeaseState:
        """Return `held`, `settled`, `released` or `expired`, as last known to this object."""
        return self._hold.state

    @property
    def scopes(self) -> tuple[str, ...]:
        """Return the chain of scopes that it counts for."""
        return self._hold.plan.scopes

    @property
    def activity(self) -> str:
        """Return the kind of call."""
        return self._hold.plan.activity

    def settle(
        self,
        actual: Amount | None = None,
        *,
        bytes_in: int = 0,
        bytes_out: int = 0,
        failed: bool = False,
        currency: str | None = None,
    ) -> None:
        """Charge what the call cost, even if that is more than the estimate.

        Only the first settle or release counts; later ones change nothing. The charge of an expired
        lease, which was its estimate, is corrected.

        Args:
            actual: Major units; `None` for the estimate.
            bytes_in: Received.
            bytes_out: Sent.
            failed: Whether the call failed, for the usage rows.
            currency: ISO 4217; must be the guard's when given.

        Raises:
            AmountError: `actual` is not a valid amount, or in another currency. Nothing was
                settled.
            GuardStoreError: The store failed. If the guard is configured to continue without its
                store, it settles later; otherwise the lease is charged at its estimate.
        """
        hold = self._hold
        guard = self._guard
        if currency is not None and currency_of(currency) != guard.currency:
            accepted = f"an amount in {guard.currency}, the currency of this guard"
            raise AmountError(currency, accepted)
        if actual is None:
            nano = hold.nano
        else:
            spends = guard.spends
            nano = spends[actual] if actual.__class__ is str else spends.of(actual)
        if bytes_in or bytes_out or failed:
            outcome = Outcome(_count(bytes_in), _count(bytes_out), failed)
        else:
            outcome = NOTHING
        guard.store.settle(hold, nano, outcome)
        if guard.busy:
            guard.ended(hold, nano, self._upper)

    def release(self) -> None:
        """Charge nothing; use it only if the call was certainly not made.

        Raises:
            GuardStoreError: The store failed; the lease is charged at its estimate.
        """
        self._guard.store.release(self._hold)
        if self._guard.busy:
            self._guard.ended(self._hold, None, None)

    def renew(self, ttl: float) -> None:
        """Extend the lease: it expires `ttl` seconds from now.

        Raises:
            LeaseError: The lease has ended.
            GuardStoreError: The store failed.
        """
        state = self._guard.store.renew(self._hold, checked_ttl(ttl))
        if state != "held":
            detail = f"it cannot be renewed, because it is {state or 'not known any more'}"
            raise LeaseError(self.id, detail)


def checked_ttl(ttl: object) -> float:
    """Check a time to live in seconds.

    Raises:
        AmountError: It is not above 0 and at most 31 days.
    """
    if isinstance(ttl, bool) or not isinstance(ttl, int | float) or not 0 < ttl <= LONGEST_TTL_S:
        raise AmountError(f"ttl={ttl!r}", f"seconds above 0, at most {LONGEST_TTL_S}")
    return ttl


def checked_wait(wait: object) -> float:
    """Check how long to wait for budget, in seconds.

    Raises:
        AmountError: It is not from 0 to 31 days.
    """
    if (
        isinstance(wait, bool)
        or not isinstance(wait, int | float)
        or not 0 <= wait <= LONGEST_TTL_S
    ):
        raise AmountError(f"wait={wait!r}", f"seconds from 0 to {LONGEST_TTL_S}")
    return wait


def checked_key(key: object) -> str:
    """Check an idempotency key.

    Raises:
        InputError: It is not printable text of 1 to 200 characters.
    """
    if not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
        accepted = f"printable text of 1 to {LONGEST_KEY} characters"
        raise InputError(f"key={ascii(key)[:60]}: give {accepted}")
    return key


def _count(number: object) -> int:
    if not isinstance(number, int) or number < 0:
        raise AmountError(repr(number), "a number of bytes, 0 or more")
    return number

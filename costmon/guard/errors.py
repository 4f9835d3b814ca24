"""Errors of the guard: refused calls, failed attempts and failed stores.

```
GuardError (costmon.errors)
├── CallRefused               nothing was sent and nothing was charged
│   ├── BudgetRefused         a budget has no room for the estimate
│   ├── RateRefused           a scope's rate limit has no room for another call
│   ├── TierRefused           a scope's tier is `blocked`
│   ├── CircuitRefused        an open circuit covers a scope
│   ├── HealthRefused         a host is in quarantine
│   ├── UnpricedRefused       the price of a model is not known, and such calls are refused
│   └── RetryRefused          the retry budget has no room for another attempt
├── RetriesExhausted          every attempt failed; the last cause is `__cause__`
├── LeaseError                the operation on a lease is not possible
├── CurrencyError             the store counts in another currency
└── GuardStoreError           the guard's store failed
    ├── GuardStoreUnavailable temporarily: unreachable, locked, disk full
    └── GuardDriverMissing    the driver of this kind of store cannot be imported
```

Every refusal names the scope it is about; its text says what failed and what to do next. The text
is built when it is read, because refusals are frequent and must be cheap.
"""

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Protocol

from costmon.domain.circuit import Circuit
from costmon.domain.money import plain, shown_exact
from costmon.errors import GuardError, MissingPackageError


class _Line(Protocol):
    """The counter that had no room; see `costmon.guard.stores.base.Line`."""

    @property
    def scope(self) -> str: ...
    @property
    def period(self) -> str: ...
    @property
    def limit(self) -> int | None: ...
    @property
    def resets_at(self) -> float | None: ...


class _Shortage(Protocol):
    """A store's refusal; see `costmon.guard.stores.base.Refusal`."""

    @property
    def line(self) -> _Line: ...
    @property
    def spent(self) -> int: ...
    @property
    def held(self) -> int: ...


class CallRefused(GuardError):
    """The call was not made: nothing was sent, nothing is charged.

    Attributes:
        reason: The class of refusal, as metrics and pages show it.
        scope: What the refusal is about.
        retry_after_s: Seconds until a retry may succeed; `None` when unknown or never.
    """

    reason: ClassVar[str] = "refused"

    def __init__(self, scope: str, retry_after_s: float | None = None) -> None:
        # BaseException.__new__ has kept the arguments of the class itself, so that pickle works.
        self.scope = scope
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"the call was refused for {self.scope}"


class BudgetRefused(CallRefused):
    """A budget has no room for the estimate.

    Its figures are computed when they are read, so that a refusal costs little more than a plain
    exception.

    Attributes:
        remedy: What would make this call fit, such as `max_tokens=1200 would fit`; `None`: unknown.
    """

    reason: ClassVar[str] = "budget"
    remedy: str | None = None

    if TYPE_CHECKING:

        def __init__(
            self, refusal: _Shortage, estimate_nano: int, currency: str, at_s: float
        ) -> None:
            """Create the refusal of a call made at `at_s`, seconds since 1970."""
    else:
        # BaseException keeps the arguments, in a quarter of the time that assigning them takes.
        __init__ = Exception.__init__

    @property
    def _refusal(self) -> _Shortage:
        return self.args[0]  # type: ignore[no-any-return]  # `args` is untyped

    @property
    def currency(self) -> str:
        """Return the currency of all four amounts, ISO 4217."""
        return self.args[2]  # type: ignore[no-any-return]  # `args` is untyped

    @property
    def scope(self) -> str:  # type: ignore[override]  # a property here
        """Return the budget's scope, in canonical form."""
        return self._refusal.line.scope

    @property
    def period(self) -> str:
        """Return the budget's period."""
        return self._refusal.line.period

    @property
    def limit(self) -> Decimal:
        """Return what may be spent and held, reduced by block threshold and tier."""
        return plain(self._refusal.line.limit or 0)

    @property
    def spent(self) -> Decimal:
        """Return what has been spent in the window."""
        return plain(self._refusal.spent)

    @property
    def held(self) -> Decimal:
        """Return what calls in flight hold."""
        return plain(self._refusal.held)

    @property
    def estimate(self) -> Decimal:
        """Return the estimate of the refused call."""
        return plain(self.args[1])

    @property
    def resets_at(self) -> dt.datetime | None:
        """Return when the window ends, aware UTC; `None` for `total`.

        A rolling window frees budget gradually before that.
        """
        at_s = self._refusal.line.resets_at
        return None if at_s is None else dt.datetime.fromtimestamp(at_s, dt.UTC)

    @property
    def retry_after_s(self) -> float | None:  # type: ignore[override]  # a property here
        """Return the seconds until the reset; `None`: never."""
        at_s = self._refusal.line.resets_at
        return None if at_s is None else max(0.0, at_s - self.args[3])

    def __str__(self) -> str:
        until = (
            f"resets at {self.resets_at:%Y-%m-%d %H:%M:%S} UTC" if self.resets_at else "no reset"
        )
        estimate, limit, spent, held = map(
            shown_exact, (self.estimate, self.limit, self.spent, self.held)
        )
        return (
            f"the {self.period} budget of {self.scope} has no room for {estimate} {self.currency}:"
            f" limit {limit}, spent {spent}, held {held}; {until};"
            " raise the budget, wait, or make the call cheaper"
        ) + (f": {self.remedy}" if self.remedy else "")


class RateRefused(CallRefused):
    """A scope's rate limit has no room for another call.

    Attributes:
        limit: Calls in a minute.
    """

    reason: ClassVar[str] = "rate"

    def __init__(self, scope: str, limit: int, retry_after_s: float | None) -> None:
        super().__init__(scope, retry_after_s)
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.scope} may be called {self.limit} times a minute; wait, or raise the limit"


class TierRefused(CallRefused):
    """A scope's tier is `blocked`."""

    reason: ClassVar[str] = "tier"

    def __str__(self) -> str:
        return f"{self.scope} has the tier `blocked`; set another tier to allow calls"


class CircuitRefused(CallRefused):
    """An open circuit covers a scope.

    Attributes:
        circuit: The scope or pattern whose circuit is open.
        why: The reason that its author gave.
        author: Who opened it.
        opened_at: When, aware UTC.
        expires_at: When it closes automatically, aware UTC; `None`: never.
    """

    reason: ClassVar[str] = "circuit"

    def __init__(self, scope: str, circuit: Circuit, retry_after_s: float | None) -> None:
        super().__init__(scope, retry_after_s)
        self.circuit = circuit.scope
        self.why = circuit.reason
        self.author = circuit.author
        self.opened_at = circuit.changed_at
        self.expires_at = circuit.expires_at

    def __str__(self) -> str:
        until = (
            f"until {self.expires_at:%Y-%m-%d %H:%M:%S %Z}" if self.expires_at else "until closed"
        )
        return (
            f"the circuit {self.circuit} is open {until}, by {self.author}: {self.why};"
            " close it when spending may continue"
        )


class HealthRefused(CallRefused):
    """A host is in quarantine, and this call is not its probe.

    Attributes:
        score: Its health, 0..1.
        failures: Consecutive failures.
        until: When the next probe is allowed, aware UTC.
    """

    reason: ClassVar[str] = "health"

    def __init__(
        self,
        scope: str,
        score: float,
        failures: int,
        until: dt.datetime,
        retry_after_s: float | None,
    ) -> None:
        super().__init__(scope, retry_after_s)
        self.score = score
        self.failures = failures
        self.until = until

    def __str__(self) -> str:
        return (
            f"{self.scope} is in quarantine until {self.until:%Y-%m-%d %H:%M:%S %Z} (score"
            f" {self.score:.2f}, {self.failures} consecutive failures); then one"
            " probe call decides whether it ends"
        )


class UnpricedRefused(CallRefused):
    """No price is known for the model of a call, and `Costing(unpriced="refuse")` refuses those.

    Attributes:
        name: The model and the host.
        detail: Why there is no price.
    """

    reason: ClassVar[str] = "unpriced"

    def __init__(self, scope: str, name: str, detail: str) -> None:
        super().__init__(scope)
        self.name = name
        self.detail = detail

    def __str__(self) -> str:
        return (
            f"a call of {self.name} has no price ({self.detail}): give one by"
            " Costing(prices={...}), or allow such calls by unpriced='hold_default'"
        )


class RetryRefused(CallRefused):
    """The retry budget has no room for another attempt.

    Attributes:
        detail: Which limit was reached, as a sentence.
    """

    reason: ClassVar[str] = "retry"

    def __init__(self, scope: str, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(scope, retry_after_s)
        self.detail = detail

    def __str__(self) -> str:
        return f"no retry for {self.scope}: {self.detail}"


class RetriesExhausted(GuardError):
    """Every attempt failed; the last failure is `__cause__`.

    Attributes:
        host: The host that was called.
        attempts: How many there were, including the first.
    """

    def __init__(self, host: str, attempts: int) -> None:
        self.host = host
        self.attempts = attempts

    def __str__(self) -> str:
        return f"{self.host}: {self.attempts} attempts failed; the last: {self.__cause__!r}"


class LeaseError(GuardError):
    """The operation on a lease is not possible: it has ended, or its key belongs to another call.

    Attributes:
        lease: Its id or key.
    """

    def __init__(self, lease: str, detail: str) -> None:
        self.lease = lease
        self.detail = detail

    def __str__(self) -> str:
        return f"lease {self.lease}: {self.detail}"


class CurrencyError(GuardError):
    """The store counts in another currency than the guard; nothing was held or charged.

    Attributes:
        store: Its URL without credentials.
        counted: The currency that it counts in, ISO 4217.
        wanted: The guard's.
    """

    def __init__(self, store: str, counted: str, wanted: str) -> None:
        self.store = store
        self.counted = counted
        self.wanted = wanted

    def __str__(self) -> str:
        return (
            f"the guard's store {self.store} counts in {self.counted}, but this guard in"
            f" {self.wanted}: amounts are not converted; give this guard another store, or the"
            f" currency {self.counted}"
        )


class GuardStoreError(GuardError):
    """The guard's store failed.

    Attributes:
        store: Its URL without credentials.
        operation: What it could not do.
    """

    def __init__(self, store: str, operation: str, detail: str) -> None:
        self.store = store
        self.operation = operation
        self.detail = detail

    def __str__(self) -> str:
        return f"the guard's store {self.store} could not {self.operation}: {self.detail}"


class GuardStoreUnavailable(GuardStoreError):
    """The store cannot be used temporarily: unreachable, locked, disk full; try again later."""


class GuardDriverMissing(GuardStoreError, MissingPackageError):
    """The driver of this kind of store is not installed, or cannot be imported."""


INTERRUPTED = (
    "it was called by a signal handler that interrupted it; let the handler set a flag, or raise,"
    " and call the guard after that"
)
"""Detail of the error for a handler, which must not wait for what it has interrupted."""

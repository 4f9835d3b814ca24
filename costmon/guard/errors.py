"""Name every way in which a guard does not let a call pass.

```
GuardError (costmon.errors)
├── CallRefused               nothing was sent and nothing was charged
│   ├── BudgetRefused         a budget has no room for the estimate
│   ├── RateRefused           a scope's rate limit has no room for another call
│   ├── TierRefused           a scope's tier is `blocked`
│   ├── CircuitRefused        somebody opened a circuit that covers a scope
│   ├── HealthRefused         a host is in quarantine
│   └── RetryRefused          the retry budget has no room for another attempt
├── RetriesExhausted          every attempt failed; the last cause is `__cause__`
├── LeaseError                a lease cannot do what was asked
└── GuardStoreError           the guard's store failed
    └── GuardStoreUnavailable for now: away, locked, disk full
```

Every refusal names the scope it is about; its text says what failed and what to do next. The text
is made when it is read, for refusals are frequent and cheap.
"""

import datetime as dt
from decimal import Decimal
from typing import ClassVar

from costmon.errors import GuardError


class CallRefused(GuardError):  # noqa: N818 - a refusal is no fault: the stable name says so
    """The call was not made: nothing was sent, nothing is charged.

    Attributes:
        reason: The class of refusal, as metrics and pages show it.
        scope: What the refusal is about.
        retry_after_s: Seconds after which it is worth asking again; `None` when unknown or never.
    """

    reason: ClassVar[str] = "refused"

    def __init__(self, scope: str, retry_after_s: float | None = None) -> None:
        super().__init__(scope, retry_after_s)
        self.scope = scope
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"the call was refused for {self.scope}"


class BudgetRefused(CallRefused):
    """A budget has no room for the estimate.

    Attributes:
        scope: Whose budget it is, in its one spelling.
        period: The budget's period.
        limit: What may be spent and held, after the block threshold and the tier's share.
        spent: What has been spent in the window.
        held: What calls in flight hold of it.
        estimate: What this call asked for.
        currency: Of all four amounts.
        resets_at: When the window is over, aware UTC; `None` for `total`.
    """

    reason: ClassVar[str] = "budget"

    def __init__(  # noqa: PLR0913 - one for each field the text is made of
        self,
        scope: str,
        *,
        period: str,
        limit: Decimal,
        spent: Decimal,
        held: Decimal,
        estimate: Decimal,
        currency: str,
        resets_at: dt.datetime | None,
        retry_after_s: float | None,
    ) -> None:
        super().__init__(scope, retry_after_s)
        self.period = period
        self.limit = limit
        self.spent = spent
        self.held = held
        self.estimate = estimate
        self.currency = currency
        self.resets_at = resets_at

    def __str__(self) -> str:
        until = f"resets at {self.resets_at:%Y-%m-%d %H:%M:%S %Z}" if self.resets_at else "no reset"
        return (
            f"the {self.period} budget of {self.scope} has no room for {self.estimate}"
            f" {self.currency}: limit {self.limit}, spent {self.spent}, held {self.held}; {until};"
            " raise the budget, wait, or make the call cheaper"
        )


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
        return f"{self.scope} may be called {self.limit} times a minute; wait, or raise its rate"


class TierRefused(CallRefused):
    """A scope's tier is `blocked`."""

    reason: ClassVar[str] = "tier"

    def __str__(self) -> str:
        return f"{self.scope} is blocked by its tier; give it another tier to call it"


class CircuitRefused(CallRefused):
    """Somebody opened a circuit that covers a scope.

    Attributes:
        circuit: The scope or pattern that was opened.
        why: The reason that was given.
        author: Who opened it.
        opened_at: When, aware UTC.
        expires_at: When it closes by itself, aware UTC; `None`: it does not.
    """

    reason: ClassVar[str] = "circuit"

    def __init__(  # noqa: PLR0913 - one for each field the text is made of
        self,
        scope: str,
        *,
        circuit: str,
        why: str,
        author: str,
        opened_at: dt.datetime,
        expires_at: dt.datetime | None,
        retry_after_s: float | None,
    ) -> None:
        super().__init__(scope, retry_after_s)
        self.circuit = circuit
        self.why = why
        self.author = author
        self.opened_at = opened_at
        self.expires_at = expires_at

    def __str__(self) -> str:
        until = f"until {self.expires_at:%Y-%m-%d %H:%M:%S %Z}" if self.expires_at else "for good"
        return (
            f"the circuit {self.circuit} is open {until}, by {self.author}: {self.why};"
            " close it when spending may go on"
        )


class HealthRefused(CallRefused):
    """A host is in quarantine, and this is not its probe.

    Attributes:
        score: Its health, 0..1.
        failures: Consecutive failures.
        until: When the next probe is let through, aware UTC.
    """

    reason: ClassVar[str] = "health"

    def __init__(
        self,
        scope: str,
        *,
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
            f" {self.score:.2f}, {self.failures} failures in a row); then one probe decides"
        )


class RetryRefused(CallRefused):
    """The retry budget has no room for another attempt.

    Attributes:
        detail: Which limit it was, in words.
    """

    reason: ClassVar[str] = "retry"

    def __init__(self, scope: str, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(scope, retry_after_s)
        self.detail = detail

    def __str__(self) -> str:
        return f"no retry for {self.scope}: {self.detail}"


class RetriesExhausted(GuardError):  # noqa: N818 - as RetryError libraries name it, but ours
    """Every attempt failed; the last failure is `__cause__`.

    Attributes:
        host: Who was called.
        attempts: How often, the first time included.
    """

    def __init__(self, host: str, attempts: int) -> None:
        super().__init__(host, attempts)
        self.host = host
        self.attempts = attempts

    def __str__(self) -> str:
        return f"{self.host}: {self.attempts} attempts failed; the last: {self.__cause__!r}"


class LeaseError(GuardError):
    """A lease cannot do what was asked: it is over, or its key belongs to another call.

    Attributes:
        lease: Its id or key.
    """

    def __init__(self, lease: str, detail: str) -> None:
        super().__init__(f"lease {lease}: {detail}")
        self.lease = lease


class GuardStoreError(GuardError):
    """The guard's store failed.

    Attributes:
        store: Which one, without credentials.
        operation: What was tried.
    """

    def __init__(self, store: str, operation: str, detail: str) -> None:
        super().__init__(f"the guard's store {store} could not {operation}: {detail}")
        self.store = store
        self.operation = operation


class GuardStoreUnavailable(GuardStoreError):  # noqa: N818 - a state of the store, like the others
    """The store cannot be used for now: away, locked, disk full; try again later."""

"""Name everything that can go wrong.

```
CostmonError
├── ConfigError                 settings that cannot be used, all faults at once
├── InputError                  what a program handed to a library of ours cannot be used
│   ├── AmountError             no amount of money, or none of that currency
│   ├── ScopeError              no scope, or no host
│   ├── BudgetError             no budget, period or threshold
│   ├── ChargeError             charges that contradict themselves
│   ├── PriceUnknownError       no price list we have names a price of that
│   └── UnknownActivityError    no kind of activity has that name
├── MissingPackageError         an optional package is needed and not installed
├── GuardError                  see costmon/guard/errors.py: refusals, leases, the guard's store
├── ProviderError               a vendor's API could not be read; `reason` is the metric label
│   ├── ProviderAuthError       401: the token is wrong or was revoked
│   ├── ProviderPermissionError 403: the token may not see this kind
│   ├── ProviderPlanError       the account's plan does not offer this
│   ├── ProviderFrozenError     410: the endpoint was removed, or figures that no longer move
│   ├── ProviderRateLimitError  429: asked too often
│   ├── ProviderTimeoutError    no answer, or no whole answer, within the deadline
│   ├── ProviderServerError     5xx: the vendor had an internal error
│   ├── ProviderNetworkError    DNS, connection refused, reset, TLS
│   └── ProviderSchemaError     an answer that is not what the API documents
│       └── ProviderNotFoundError 404: nothing is there, which some kinds mean as "none"
├── StoreError                  history could not be read or written
│   ├── StoreUnavailableError   for now: locked, disk full, server away
│   ├── StoreDamagedError       its file is not a database, or is corrupt
│   ├── StoreRefusedError       these values cannot be stored; others can
│   ├── StoreFencedError        by this incarnation: it has been replaced
│   ├── StoreDriverError        with this installation: the driver cannot be imported
│   ├── StoreOutdatedError      by this schema: it needs `costmon db upgrade`
│   └── StoreTooNewError        by this version: a newer costmon wrote the schema
├── SupervisionError
│   ├── MailboxFullError        a bounded mailbox refused a message
│   ├── FencedError             a replaced incarnation tried to act
│   └── UnknownChildError       no child has that name
├── ConsoleError
│   ├── ConsoleUnavailableError nobody answers at the console's socket, or not to this user
│   └── ConsoleRequestError     the request is not one that the console supports
├── SnapshotClosedError         the service is draining or its core gave up
├── NotifyError                 a channel did not take an alert
└── StateDirectoryError         the state directory cannot be used, or is in use
```

Every text says what failed, where, and what to do next. None holds a secret.
"""

from typing import ClassVar, Literal, NamedTuple

FailureReason = Literal[
    "auth",
    "permission",
    "plan",
    "rate_limit",
    "timeout",
    "server",
    "schema",
    "network",
    "frozen",
]


class CostmonError(Exception):
    """The root of every error that costmon raises on purpose."""


class Fault(NamedTuple):
    """One thing wrong with the configuration.

    Attributes:
        name: The environment variable, or the path in the TOML file.
        value: What was given, as text, with secrets masked. Empty when nothing was given, or when
            the name itself is wrong.
        accepted: What is accepted, as a noun phrase; without a value, what is wrong.
    """

    name: str
    value: str
    accepted: str

    def __str__(self) -> str:
        if not self.value:
            return f"{self.name} {self.accepted}"
        return f"{self.name}={self.value} is not valid; accepted: {self.accepted}"


class ConfigError(CostmonError):
    """The settings are not valid.

    Attributes:
        faults: Every fault found, not only the first.
    """

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("; ".join(str(fault) for fault in faults))


class InputError(CostmonError, ValueError):
    """An input is not valid; nothing was done with it."""


class AmountError(InputError):
    """An amount of money is not valid, or not in the expected currency.

    Attributes:
        given: What was given, as text.
        accepted: What would be.
    """

    def __init__(self, given: str, accepted: str) -> None:
        self.given = given
        self.accepted = accepted
        super().__init__(f"{given} is not valid: use {accepted}")


class ScopeError(InputError):
    """A scope is not valid.

    Attributes:
        given: What was given, as text, without user information and query.
        accepted: What would be.
    """

    def __init__(self, given: str, accepted: str) -> None:
        self.given = given
        self.accepted = accepted
        super().__init__(f"{given!r} is not a valid scope: use {accepted}")


class BudgetError(InputError):
    """A budget, period or threshold is not valid."""


class ChargeError(InputError):
    """A window of charges cannot be kept; none of its rows was.

    Attributes:
        account: The account's name.
        fault: What is wrong, in words.
    """

    def __init__(self, account: str, fault: str) -> None:
        self.account = account
        self.fault = fault
        super().__init__(f"charges of {account} cannot be kept: {fault}")


class PriceUnknownError(InputError):
    """No known price list has a price for it; it is not treated as free.

    Attributes:
        what: What has no price, such as `transfer_out in mars-1`.
        known: What has one.
    """

    def __init__(self, what: str, known: tuple[str, ...]) -> None:
        self.what = what
        self.known = known
        super().__init__(
            f"the price of {what} is unknown: give your own, or use one of {', '.join(known)}"
        )


class UnknownActivityError(InputError):
    """No kind of activity has that name.

    Attributes:
        name: What was asked for.
        known: The names that exist.
    """

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name = name
        self.known = known
        super().__init__(
            f"{name!r} is not a known activity: register it, or use one of {', '.join(known)}"
        )


class MissingPackageError(CostmonError):
    """An optional package is needed and not installed; the text says how to install it."""


class GuardError(CostmonError):
    """A guard refused a call, or could not do what was requested."""


class ProviderError(CostmonError):
    """A vendor's API could not be read.

    Attributes:
        reason: The class of the failure, as metrics and `/api/v1/providers` show it.
        retryable: Whether asking again soon can help.
        provider: The vendor's slug.
        endpoint: Method and path, without host, query and credentials.
        detail: What happened, in words, free of secrets.
        hint: What the operator can do.
        retry_after_s: Seconds the vendor asked us to wait; `None` when it did not say.
        path: Where in the answer the fault is (`$.items[0].id`); `None` when not about content.
            status: The HTTP status of an answer that was refused; `None` when there was none.
        answer: The first 4 KiB of its body, for the provider to tell faults apart. It may hold
            anything: it is never shown, logged or stored.
        challenge: Its header `WWW-Authenticate`, for providers whose vendor wants an answer to it;
            never shown, logged or stored either.
    """

    reason: ClassVar[FailureReason] = "network"
    retryable: ClassVar[bool] = True

    def __init__(
        self,
        *,
        provider: str,
        endpoint: str,
        detail: str,
        hint: str,
        retry_after_s: float | None = None,
        path: str | None = None,
        status: int | None = None,
        answer: bytes = b"",
        challenge: str = "",
    ) -> None:
        self.provider = provider
        self.endpoint = endpoint
        self.detail = detail
        self.hint = hint
        self.retry_after_s = retry_after_s
        self.path = path
        self.status = status
        self.answer = answer
        self.challenge = challenge
        where = f" at {path}" if path else ""
        super().__init__(f"{provider}: {endpoint}: {detail}{where}; {hint}")

    def explained(
        self,
        kind: "type[ProviderError] | None" = None,
        *,
        detail: str | None = None,
        hint: str | None = None,
    ) -> "ProviderError":
        """Return the error that a vendor means by this one; what is not given stays."""
        return (kind or type(self))(
            provider=self.provider,
            endpoint=self.endpoint,
            detail=self.detail if detail is None else detail,
            hint=self.hint if hint is None else hint,
            retry_after_s=self.retry_after_s,
            path=self.path,
            status=self.status,
            answer=self.answer,
            challenge=self.challenge,
        )


class ProviderAuthError(ProviderError):
    """The vendor rejected the token (401)."""

    reason: ClassVar[FailureReason] = "auth"
    retryable: ClassVar[bool] = False


class ProviderPermissionError(ProviderError):
    """The token is valid but not allowed to read this (403)."""

    reason: ClassVar[FailureReason] = "permission"
    retryable: ClassVar[bool] = False


class ProviderPlanError(ProviderError):
    """The vendor does not offer this on the account's plan."""

    reason: ClassVar[FailureReason] = "plan"
    retryable: ClassVar[bool] = False


class ProviderFrozenError(ProviderError):
    """The endpoint has been removed (410), or its figures no longer move."""

    reason: ClassVar[FailureReason] = "frozen"
    retryable: ClassVar[bool] = False


class ProviderRateLimitError(ProviderError):
    """The vendor says we ask too often (429)."""

    reason: ClassVar[FailureReason] = "rate_limit"


class ProviderTimeoutError(ProviderError):
    """No complete response arrived within the deadline."""

    reason: ClassVar[FailureReason] = "timeout"


class ProviderServerError(ProviderError):
    """The vendor had an internal error (5xx)."""

    reason: ClassVar[FailureReason] = "server"


class ProviderNetworkError(ProviderError):
    """The vendor could not be reached."""

    reason: ClassVar[FailureReason] = "network"


class ProviderSchemaError(ProviderError):
    """The response does not match the vendor's documentation; `path` says where."""

    reason: ClassVar[FailureReason] = "schema"
    retryable: ClassVar[bool] = False


class ProviderNotFoundError(ProviderSchemaError):
    """Nothing is at that path (404): a fault, unless the caller knows that it means "no rows"."""


class StoreError(CostmonError):
    """History could not be read or written."""


class StoreUnavailableError(StoreError):
    """The database cannot be used for now (locked, disk full, server away); try again later."""


class StoreDamagedError(StoreError):
    """The database's file is damaged: trying again does not help, `costmon db restore` does."""


class StoreRefusedError(StoreError):
    """The database cannot hold these values: trying again does not help, other values can be."""


class StoreDriverError(StoreError, MissingPackageError):
    """The driver of the configured database is not installed, or cannot be imported."""


class StoreFencedError(StoreError):
    """A replaced incarnation tried to commit; its transaction was rolled back."""


class StoreOutdatedError(StoreError):
    """The schema is older than this version needs: run `costmon db upgrade`."""


class StoreTooNewError(StoreError):
    """A newer costmon wrote this schema: use that version, or restore a backup."""


class SupervisionError(CostmonError):
    """A rule of the supervised actors was broken."""


class MailboxFullError(SupervisionError):
    """A bounded mailbox refused a message.

    Attributes:
        name: Whose mailbox it is.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"the mailbox of {name} is full")


class FencedError(SupervisionError):
    """An incarnation that has been replaced tried to act.

    Attributes:
        name: The actor's name.
        generation: The incarnation that was refused.
    """

    def __init__(self, name: str, generation: int) -> None:
        self.name = name
        self.generation = generation
        super().__init__(f"{name}#{generation} has been replaced and cannot act any more")


class UnknownChildError(SupervisionError):
    """No child has that name.

    Attributes:
        name: What was asked for.
        known: The names and roles that exist.
    """

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name = name
        self.known = known
        super().__init__(f"there is no child {name!r}; known: {', '.join(known)}")


class ConsoleError(CostmonError):
    """The console could not do what was requested."""


class ConsoleUnavailableError(ConsoleError):
    """No whole answer came from the console's socket: no service, another user's, or too late."""


class ConsoleRequestError(ConsoleError):
    """The request is not one that the console supports.

    Attributes:
        detail: What was wrong with it.
        valid: What could have been asked instead; empty when that is not the point.
    """

    def __init__(self, detail: str, valid: tuple[str, ...] = ()) -> None:
        self.detail = detail
        self.valid = valid
        super().__init__(f"{detail}; known: {', '.join(valid)}" if valid else detail)


class SnapshotClosedError(CostmonError):
    """The current costs cannot be read: the service is draining or its core gave up."""


class NotifyError(CostmonError):
    """A channel did not accept an alert.

    Attributes:
        channel: The channel's name.
        retry_after_s: Seconds that the channel wants to be left alone; `None` when it did not say.
        is_final: Whether the same alert would be refused again until somebody changes something.
    """

    def __init__(
        self,
        channel: str,
        detail: str,
        *,
        retry_after_s: float | None = None,
        is_final: bool = False,
    ) -> None:
        self.channel = channel
        self.retry_after_s = retry_after_s
        self.is_final = is_final
        super().__init__(f"channel {channel}: {detail}")


class StateDirectoryError(CostmonError):
    """The state directory cannot be used, or another service uses it."""

"""The interface of a store, and the values that guard and store exchange.

The guard decides which counters and limits apply to a call (a `Plan`); the store does the
arithmetic in one atomic step and persists it. All amounts are whole nano-units.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple, Protocol

LeaseState = Literal["held", "settled", "released", "expired"]
RecordKind = Literal["budget", "scope", "health", "model"]

REMEMBERED_S = 86_400
"""How long a lease that expired, or that has a key, is kept at least after its end."""


class Line(NamedTuple):
    """One counter that a call is counted on.

    Attributes:
        scope: In canonical form, never a pattern.
        period: Identifies the counter with the scope: `month`, `rolling:24h`, or
            `calls/rolling:60s`.
        bucket: The bucket that this call is counted in.
        first: Oldest bucket of the window that `limit` applies to.
        last: Newest bucket of it.
        limit: The most that the window may have spent and hold; `None`: counted only.
        warn: Amount from which users are warned; `None`: never.
        fixed: What each call counts here, independent of its cost (1 for a rate limit); `None`: its
            cost.
        resets_at: When the window ends, seconds since 1970; `None`: never.
    """

    scope: str
    period: str
    bucket: int
    first: int
    last: int
    limit: int | None
    warn: int | None
    fixed: int | None
    resets_at: float | None


class Plan:
    """The counters of one chain of scopes, valid for a span of time and one revision.

    Attributes:
        lines: One for each counter, none if no budget covers a scope of the chain; in the order in
            which a refusal should name them.
        scopes: The chain, without duplicates.
        activity: Kind of call, for the usage rows.
        hour: The UTC hour that usage is counted in, seconds since 1970.
        revision: Revision of the settings that it was made from.
        cache: For the store only.
    """

    __slots__ = ("activity", "cache", "hour", "lines", "revision", "scopes")

    def __init__(
        self,
        lines: tuple[Line, ...],
        scopes: tuple[str, ...],
        activity: str,
        hour: int,
        revision: int,
    ) -> None:
        self.lines = lines
        self.scopes = scopes
        self.activity = activity
        self.hour = hour
        self.revision = revision
        self.cache: object = None


class Hold:
    """A lease in a store.

    Attributes:
        id: Unique in the store.
        plan: The counters that it is counted on.
        nano: The estimate.
        key: Its idempotency key, if any.
        expires_in_s: Seconds from now until it expires.
        state: As last known here; the store's record decides.
        warned: Lines at or above their `warn`, including this hold, with what was spent and held
            then.
        cells: For the store only.
    """

    __slots__ = ("_id", "cells", "expires_in_s", "key", "nano", "plan", "state", "warned")

    def __init__(
        self,
        id: str | int,
        plan: Plan,
        nano: int,
        expires_in_s: float,
        key: str | None = None,
        cells: object = None,
    ) -> None:
        self._id = id
        self.plan = plan
        self.nano = nano
        self.expires_in_s = expires_in_s
        self.state: LeaseState = "held"
        self.warned: tuple[tuple[Line, int, int], ...] = ()
        self.key = key
        self.cells = cells

    @property
    def id(self) -> str:
        """Return its id."""
        return str(self._id)


class Refusal(NamedTuple):
    """No room: the first line, in order, whose limit would be exceeded. Nothing was changed.

    Attributes:
        line: The line.
        spent: What its window has spent.
        held: What its window holds.
    """

    line: Line
    spent: int
    held: int


class Outdated(NamedTuple):
    """The plan was made from older settings; nothing was changed. Read `settings` and try again."""

    revision: int


class Outcome(NamedTuple):
    """What is known besides its cost when a call has ended.

    Attributes:
        bytes_in: Received, as sent over the wire where that is known.
        bytes_out: Sent.
        failed: Whether the call failed; it may be charged in either case.
        requests: How many calls this is the sum of; `failed` is then the number of failed ones.
    """

    bytes_in: int = 0
    bytes_out: int = 0
    failed: int = False
    requests: int = 1


NOTHING = Outcome()

Replan = Callable[[Plan], Plan]
"""Converts an outdated plan to the current settings."""


class Settings(NamedTuple):
    """Settings in the store, which apply to all guards on it.

    Attributes:
        revision: Incremented by every change of a `budget` or `scope` record.
        budgets: Texts by key.
        scopes: Texts by key.
    """

    revision: int
    budgets: dict[str, str]
    scopes: dict[str, str]


class UsageRow(NamedTuple):
    """What one scope has spent on one activity in one hour.

    Attributes:
        hour: The UTC hour in which the leases were made, seconds since 1970.
        scope: Each scope of a chain has its own row: do not add up rows of different scopes.
        activity: Such as `http_request`.
        spent: Nano-units.
        requests: Settled or expired leases; released ones do not count.
        failed: Of these, failed ones.
        expired: Of these, charged at their estimate because they were not settled (yet).
        bytes_in: Received.
        bytes_out: Sent.
        changes: Incremented by every change of the row: the copy with more changes is newer.
    """

    hour: int
    scope: str
    activity: str
    spent: int
    requests: int
    failed: int
    expired: int
    bytes_in: int
    bytes_out: int
    changes: int


class LeaseRow(NamedTuple):
    """One lease, for display.

    Attributes:
        id: Unique in the store.
        key: Its idempotency key, if any.
        scopes: The chain.
        activity: Kind of call.
        nano: The estimate.
        state: Now.
        expires_in_s: Seconds until it expires; negative if it is overdue.
    """

    id: str
    key: str | None
    scopes: tuple[str, ...]
    activity: str
    nano: int
    state: LeaseState
    expires_in_s: float


class Store(Protocol):
    """Counters, leases and records; every method is atomic and may be called from any thread.

    Every method raises `GuardStoreUnavailable` if the store is temporarily unavailable and
    `GuardStoreError` for permanent failures; neither text contains credentials. A shared store must
    stay correct while several processes use it, also when one is killed at any instant, and must
    handle a fork.

    Counting rules, the same for every store (the contract suite checks them):

    * A lease is held, then settled (spent += actual), released (nothing was sent) or expired
      (spent += estimate). `held` decreases by the estimate in each case.
    * An expired lease may still be settled or released: the charge is then corrected.
    * After a lease was settled or released, later operations on it change nothing.
    * Expiry moves the same amount from held to spent, so it may happen late (in `sweep`, and before
      any figure is read) without changing a decision.
    * Usage rows change in the same step as the counters, in the hour of the plan.
    * A counter of money is made when a plan with a line of its scope and period is first reserved
      or charged with. In the same step it starts from what happened before in its window, by whole
      hours: the amounts in the usage rows of its scope, minus what was reset, and the amounts held
      by leases whose chain has the scope. From then on those leases are counted on it, too,
      however they end. (Lines with `fixed` start from zero.)
    * A plan with a line must only be used if every plan of the same revision has a line for that
      scope and period: otherwise the counter would miss what others spend.
    * Only `reserve`, `charge` and `reset` change counters. A figure without a counter in its window
      is what the counter would start from.
    """

    shared: bool
    """Whether other processes may be using it, too."""

    def __str__(self) -> str:
        """Return its URL without credentials."""
        ...

    def identity(self) -> str:
        """Return a random name of this store's content, which was chosen when it was created."""
        ...

    def reserve(
        self, plan: Plan, nano: int, ttl_s: float, key: str | None = None
    ) -> Hold | Refusal | Outdated:
        """Hold `nano` on every line (`fixed` where set) or on none.

        If a lease of the same scopes has this `key`, return that lease in its current state and
        change nothing.

        Raises:
            LeaseError: `key` belongs to a lease of other scopes.
        """
        ...

    def settle(self, hold: Hold, nano: int, outcome: Outcome = NOTHING) -> LeaseState | None:
        """Charge what the call cost.

        Returns:
            The state before; if it was `settled` or `released`, nothing was changed. `None` if the
            lease is not known any more: nothing was changed.
        """
        ...

    def release(self, hold: Hold) -> LeaseState | None:
        """Charge nothing, because nothing was sent; returns the same as `settle`."""
        ...

    def renew(self, hold: Hold, ttl_s: float) -> LeaseState | None:
        """Make a held lease expire `ttl_s` seconds from now; in other states it does not change."""
        ...

    def find(self, id: str) -> Hold | None:
        """Return a lease, with the plan that it was made with; `None` if unknown."""
        ...

    def charge(
        self,
        plan: Plan,
        nano: int,
        id: str,
        outcome: Outcome = NOTHING,
    ) -> bool | Outdated:
        """Charge without a lease or limits; False if `id` was charged before."""
        ...

    def totals(self, lines: Sequence[Line]) -> list[tuple[int, int]]:
        """Return what each line's window has spent and holds, after expiring what is due."""
        ...

    def reset(self, line: Line) -> int:
        """Set what the line's window has spent to 0; return what it was. Holds do not change.

        Without a counter, the amount that was reset is recorded for each hour of the window.
        """
        ...

    def sweep(self) -> int:
        """Expire what is due, delete old data; return how many leases were expired."""
        ...

    def leases(self, limit: int) -> list[LeaseRow]:
        """Return the held leases, oldest first."""
        ...

    def usage(self, since: int, until: int, scope: str | None = None) -> list[UsageRow]:
        """Return the rows of the hours in [since, until), oldest first, of one scope or of all."""
        ...

    def settings(self) -> Settings:
        """Return the settings."""
        ...

    def read(self, kind: RecordKind, key: str) -> str | None:
        """Return a record's text."""
        ...

    def update(
        self, kind: RecordKind, key: str, change: Callable[[str | None], str | None]
    ) -> str | None:
        """Replace a record by `change` of it in one atomic step; `None` removes it.

        `change` may be called more than once and must not touch the store.

        Returns:
            The new text.
        """
        ...

    def records(self, kind: RecordKind) -> Iterable[tuple[str, str]]:
        """Return all records of a kind, by key."""
        ...

    def close(self) -> None:
        """Close connections; leases do not change."""
        ...


def shown_url(url: str) -> str:
    """Return a store's scheme, host and path: no user, no password, no query."""
    scheme, _, rest = url.partition("://")
    before, _, place = rest.rpartition("@")
    # A query may hold a password, and so may what looks like a host after an unusual user part.
    return f"{scheme}://..." if "?" in before else f"{scheme}://{place.partition('?')[0]}"

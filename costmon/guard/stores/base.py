"""What a guard asks of a store, and the values they hand each other.

The guard decides what a call is counted by and which limits hold (a `Plan`); the store does the
arithmetic in one atomic step and remembers. All amounts are whole nano-units.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple, Protocol

LeaseState = Literal["held", "settled", "released", "expired"]
RecordKind = Literal["budget", "scope", "health"]

REMEMBERED_S = 86_400
"""How long a lease that expired, or that has a key, is remembered at least once it is over."""


class Line(NamedTuple):
    """One counter that a call is counted by.

    Attributes:
        scope: In its one spelling, never a pattern.
        period: Names the counter with the scope: `month`, `rolling:24h`, or `calls/rolling:60s`.
        bucket: Where this call is counted.
        first: Oldest bucket of the window that `limit` is about.
        last: Newest bucket of it.
        limit: What the window may hold and have spent together; `None`: counted only.
        warn: From how much on people are to be told; `None`: never.
        fixed: What each call counts here, whatever it costs (1 for a rate limit); `None` for money.
        resets_at: When the window is over, seconds since 1970; `None`: never.
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
    """What one chain of scopes is counted by, right for a span of time and one revision.

    Attributes:
        lines: One for each counter, none where no budget covers a scope of the chain. First those
            that a refusal should name first.
        scopes: The chain, each once.
        activity: What kind of call it is, for the usage rows.
        hour: The UTC hour that usage is counted in, seconds since 1970.
        revision: The settings that it was made by.
        cache: The store's own; never touched by others.
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
    """A lease as a store knows it.

    Attributes:
        id: Unique in the store.
        plan: What it is counted by.
        nano: The estimate.
        key: The idempotency key it was made with, if any.
        expires_in_s: How long from the answer it is good for.
        state: As last known here; the store's own record decides.
        warned: Lines that are at or above their `warn`, this hold included, with what was spent and
            held then.
        cells: The store's own.
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
        """Return its name."""
        return str(self._id)


class Refusal(NamedTuple):
    """No room: the first line, in order, whose limit would be passed. Nothing was changed.

    Attributes:
        line: Which.
        spent: What its window has spent.
        held: What its window holds.
    """

    line: Line
    spent: int
    held: int


class Outdated(NamedTuple):
    """The plan was made by older settings; nothing was changed. Read `settings` and ask again."""

    revision: int


class Outcome(NamedTuple):
    """What besides money is known when a call is over.

    Attributes:
        bytes_in: Received, as sent over the wire where that is known.
        bytes_out: Sent.
        failed: Whether the call failed (what is charged is another question).
        requests: How many calls it was; then `failed` says how many of them failed.
    """

    bytes_in: int = 0
    bytes_out: int = 0
    failed: int = False
    requests: int = 1


NOTHING = Outcome()

Replan = Callable[[Plan], Plan]
"""Makes an outdated plan anew, as the present settings have it."""


class Settings(NamedTuple):
    """What was configured in the store and holds for all guards on it.

    Attributes:
        revision: Goes up with every change of a `budget` or `scope` record.
        budgets: Texts by key.
        scopes: Texts by key.
    """

    revision: int
    budgets: dict[str, str]
    scopes: dict[str, str]


class UsageRow(NamedTuple):
    """What one scope has spent on one activity in one hour: the sum of the events.

    Attributes:
        hour: The UTC hour in which the leases were made, seconds since 1970.
        scope: Each scope of a chain has its own row: never add rows of different scopes.
        activity: Such as `http_request`.
        spent: Nano-units.
        requests: Leases settled or expired; released ones do not count.
        failed: Of these, failed ones.
        expired: Of these, charged at their estimate because nobody settled them (yet).
        bytes_in: Received.
        bytes_out: Sent.
        changes: Goes up with every change of the row: of two copies the higher is newer.
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
    """One lease, for people.

    Attributes:
        id: Unique in the store.
        key: The idempotency key it was made with, if any.
        scopes: The chain.
        activity: What kind of call it is.
        nano: The estimate.
        state: Now.
        expires_in_s: Seconds until it expires; negative when that has passed.
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

    Every method raises `GuardStoreUnavailable` when the store cannot be used for now and
    `GuardStoreError` when it never will; neither text holds a credential. A store that several
    processes use must be right while they all use it, also when one is killed at any instant, and
    must notice a fork.

    Counting rules, the same for every store (the contract suite checks them):

    * A lease is held, then settled (spent += actual), released (nothing was sent) or expired
      (spent += estimate). `held` goes down by the estimate whichever it is.
    * An expired lease may still be settled or released: the charge is then corrected.
    * Whatever comes after a lease was settled or released changes nothing.
    * Expiry moves the same amount from held to spent, so it may happen late (`sweep`, and before
      any figure is shown), but never changes a decision.
    * Usage rows change in the same step as the counters, in the hour of the plan.
    * A counter of money is made when a plan with a line of its scope and period is first reserved
      or charged with. In the same step it starts from what happened before in its window, by whole
      hours: what the usage rows of its scope say was spent, less what resets have forgiven, and
      what is held by leases whose chain has the scope. From then on those leases are counted on it,
      too, however they end. (Lines with `fixed` start from nothing.)
    * A plan with a line must be used only when every plan of the same revision has a line for that
      scope and period: otherwise the counter would miss what is spent by the others.
    * Only `reserve`, `charge` and `reset` change counters. A figure that has no counter in its
      window yet is what the counter would start from.
    """

    shared: bool
    """Whether other processes may be using it, too."""

    def __str__(self) -> str:
        """Return its URL without credentials."""
        ...

    def identity(self) -> str:
        """Return a random name that was given to this store's content when it was made."""
        ...

    def reserve(
        self, plan: Plan, nano: int, ttl_s: float, key: str | None = None
    ) -> Hold | Refusal | Outdated:
        """Hold `nano` on every line (`fixed` where set) or on none.

        With a `key` that a lease of the same scopes has, return that lease in its present state and
        change nothing.

        Raises:
            LeaseError: `key` belongs to a lease of other scopes.
        """
        ...

    def settle(self, hold: Hold, nano: int, outcome: Outcome = NOTHING) -> LeaseState | None:
        """Charge what the call really cost.

        Returns:
            The state before; after `settled` and `released` nothing was changed. `None` when the
            lease has been forgotten: nothing was changed.
        """
        ...

    def release(self, hold: Hold) -> LeaseState | None:
        """Give everything back: nothing was sent. Returns as `settle` does."""
        ...

    def renew(self, hold: Hold, ttl_s: float) -> LeaseState | None:
        """Let a held lease expire `ttl_s` seconds from now; one in another state stays as it is."""
        ...

    def find(self, id: str) -> Hold | None:
        """Return a lease, its plan with the lines it was made with; `None` when unknown."""
        ...

    def charge(
        self,
        plan: Plan,
        nano: int,
        id: str,
        outcome: Outcome = NOTHING,
    ) -> bool | Outdated:
        """Count what was spent elsewhere, whatever the limits; False when `id` was before."""
        ...

    def totals(self, lines: Sequence[Line]) -> list[tuple[int, int]]:
        """Return what each line's window has spent and holds, after expiring what is due."""
        ...

    def reset(self, line: Line) -> int:
        """Set what the line's window has spent to 0, for good; return what it was. Holds stay.

        Without a counter it is recorded for each hour of the window how much was forgiven.
        """
        ...

    def sweep(self) -> int:
        """Expire what is due, forget what is long over; return how many leases were expired."""
        ...

    def leases(self, limit: int) -> list[LeaseRow]:
        """Return the held leases, oldest first."""
        ...

    def usage(self, since: int, until: int, scope: str | None = None) -> list[UsageRow]:
        """Return the rows of the hours in [since, until), oldest first, of one scope or of all."""
        ...

    def settings(self) -> Settings:
        """Return what is configured."""
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
            What is there now.
        """
        ...

    def records(self, kind: RecordKind) -> Iterable[tuple[str, str]]:
        """Return all records of a kind, by key."""
        ...

    def close(self) -> None:
        """Close what is open; leases stay as they are."""
        ...


def shown_url(url: str) -> str:
    """Return a store's scheme, host and path: no user, no password, no query."""
    scheme, _, rest = url.partition("://")
    before, _, place = rest.rpartition("@")
    # A query may hold a password, and so may what looks like a host after an unusual user part.
    return f"{scheme}://..." if "?" in before else f"{scheme}://{place.partition('?')[0]}"

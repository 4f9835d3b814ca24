"""What guards report of the spending they let pass, and of what they did not.

Rows are cumulative: each says what one scope has spent on one activity in one hour, as far as the
guard's store knows, so that a report that is lost or comes twice changes nothing. Amounts are
`Decimal` in major units; times are aware UTC.
"""

import datetime as dt
from decimal import Decimal
from typing import Literal, NamedTuple

NoticeKind = Literal[
    "warn", "refused", "store_lost", "store_returned", "quarantined", "expired", "unpriced"
]

UNPRICED_CALL = "unpriced_call"
"""The activity of calls to a model without a known price, whose costs are estimated."""


class SpendRow(NamedTuple):
    """What one scope has spent on one activity in one hour.

    Attributes:
        hour: Start of the UTC hour.
        scope: Each scope of a call's chain has its own row: never add rows of different scopes.
        activity: Such as `http_request`.
        spent: Major units.
        requests: Calls that were charged.
        failed: Of these, failed ones.
        expired: Of these, charged at their estimate, since nobody has settled them yet.
        bytes_in: Received.
        bytes_out: Sent.
        changes: Of two rows of the same store, hour, scope and activity the higher is newer.
    """

    hour: dt.datetime
    scope: str
    activity: str
    spent: Decimal
    requests: int
    failed: int
    expired: int
    bytes_in: int
    bytes_out: int
    changes: int


class ScopeGauge(NamedTuple):
    """How a budget stands.

    Attributes:
        scope: In canonical form, not a pattern.
        period: The budget's.
        limit: Major units, after threshold and tier; `None`: counted, not limited.
        spent: In the present window.
        held: By calls in flight.
        resets_at: End of the window; `None`: never.
    """

    scope: str
    period: str
    limit: Decimal | None
    spent: Decimal
    held: Decimal
    resets_at: dt.datetime | None


class LeaseNote(NamedTuple):
    """A call in flight."""

    id: str
    scopes: tuple[str, ...]
    activity: str
    estimate: Decimal
    expires_at: dt.datetime


class RefusalNote(NamedTuple):
    """A call that was not made.

    Attributes:
        at: When.
        scope: What it was refused for.
        reason: `budget`, `rate`, `tier`, `circuit`, `health`, `retry` or `store`.
        text: The error's whole text.
    """

    at: dt.datetime
    scope: str
    reason: str
    text: str


class RefusalCount(NamedTuple):
    """How many calls this guard has refused since it was made."""

    scope: str
    reason: str
    refused: int


class Notice(NamedTuple):
    """Something that people should know.

    Attributes:
        id: Unique: telling it twice is telling it once.
        at: When it happened.
        kind: What it was.
        scope: What it is about; `global` when about the guard itself.
        text: In words, with figures.
    """

    id: str
    at: dt.datetime
    kind: NoticeKind
    scope: str
    text: str


class GuardReport(NamedTuple):
    """All that one guard has to say at one moment.

    Attributes:
        guard: A random name of this guard object; another after every start.
        store: The identity of its store: guards that share one report the same rows.
        sequence: Goes up with every report of this guard.
        app: What the program calls itself.
        host: The machine's name.
        pid: The process.
        sent_at: By the sender's clock.
        currency: Of all amounts.
        rows: Those not yet confirmed; at most 200.
        scopes: The budgets that have been used recently; at most 100.
        leases: The oldest calls in flight; at most 50.
        refusals: The latest; at most 20.
        refused: Counts by scope and reason; at most 200.
        notices: Those not yet confirmed; at most 20.
    """

    guard: str
    store: str
    sequence: int
    app: str
    host: str
    pid: int
    sent_at: dt.datetime
    currency: str
    rows: tuple[SpendRow, ...]
    scopes: tuple[ScopeGauge, ...]
    leases: tuple[LeaseNote, ...]
    refusals: tuple[RefusalNote, ...]
    refused: tuple[RefusalCount, ...]
    notices: tuple[Notice, ...]

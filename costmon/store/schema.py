"""The tables of history. `migrations/` builds them; a test keeps the two the same.

Key columns have a length, so that every database can index them.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from costmon.store.columns import NanoAmount, UtcMicros
from costmon.store.text import KEY_CHARACTERS

VERSION_TABLE = "costmon_schema"
"""Where alembic keeps the revision: our own name, so that a shared PostgreSQL database works."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_Key = String(KEY_CHARACTERS)
# SQLite fills in and clusters by a primary key only when its type is exactly INTEGER.
_Id = BigInteger().with_variant(Integer, "sqlite")

poll_cycle = Table(
    "poll_cycle",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("cycle_id", _Key, nullable=False, unique=True),
    Column("account", _Key, nullable=False),
    Column("provider", _Key, nullable=False),
    Column("started_at", UtcMicros, nullable=False),
    Column("observed_at", UtcMicros, nullable=False),
    Column("duration_s", Double, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("reason", String(32)),
    Column("message", Text),
    Column("requests", Integer, nullable=False),
    Column("account_monthly", NanoAmount),
    Column("account_currency", _Key),
    Column("total_currency", _Key),
    Column("total_monthly", NanoAmount),
    Column("total_daily", NanoAmount),
    Column("total_hourly", NanoAmount),
    Column("resource_count", Integer),
    Column("unpriced_count", Integer),
    Column("gaps", Text),
    Column("not_priced", Text),
    Column("balance", Text),
    Column("kind_counts", Text),
    CheckConstraint("outcome IN ('good', 'failed')", name="outcome"),
    Index(None, "observed_at"),
)
"""One row a cycle, good or failed. `total_*` and the counts are over all accounts.

`kind_counts` is a JSON object of counts by kind; absent when they are not known.
"""

account = Table(
    "account",
    metadata,
    Column("account", _Key, primary_key=True),
    Column("provider", _Key, primary_key=True),
    Column("cycle_id", _Key, nullable=False),
    Column("observed_at", UtcMicros, nullable=False),
    Column("accrued_until", UtcMicros, nullable=False),
    Column("gaps", Text, nullable=False),
    Column("not_priced", Text, nullable=False),
    Column("balance", Text),
    Column("failed", Text),
)
"""The last good cycle of each account; outlives the cycle's own row.

`accrued_until` is `observed_at`, unless the machine's clock was set back: it never goes back.
"""

reading_state = Table(
    "reading_state",
    metadata,
    Column("account", _Key, primary_key=True),
    Column("provider", _Key, primary_key=True),
    Column("reading", String(16), primary_key=True),
    Column("next_poll_at", UtcMicros, nullable=False),
    Column("last_success_at", UtcMicros, nullable=False),
    Column("complete_through", UtcMicros),
    Column("content", Text),
    CheckConstraint("reading IN ('inventory', 'charges', 'usage')", name="reading"),
)
"""When each reading last went well and is due again; written once all of it is recorded.

`content` is what was read as JSON, where no other table has it: the usage.
"""

resource = Table(
    "resource",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("account", _Key, nullable=False),
    Column("provider", _Key, nullable=False),
    Column("kind", _Key, nullable=False),
    Column("vendor_id", _Key, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("region", _Key),
    Column("size", Text),
    Column("status", Text),
    Column("created_at", UtcMicros),
    Column("currency", _Key, nullable=False),
    Column("basis", String(16), nullable=False),
    Column("unpriced", Text),
    Column("waste", Text),
    Column("details", Text, nullable=False),
    UniqueConstraint("account", "provider", "kind", "vendor_id"),
)
"""What was last known of each resource; `position` keeps the vendor's order, with gaps."""

rate_interval = Table(
    "rate_interval",
    metadata,
    Column("resource_id", _Id, ForeignKey(resource.c.id), primary_key=True, autoincrement=False),
    Column("valid_from", UtcMicros, primary_key=True, autoincrement=False),
    Column("valid_to", UtcMicros),
    Column("monthly", NanoAmount),
    Column("currency", _Key, nullable=False),
    CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="order"),
    Index(None, "valid_to"),
    sqlite_with_rowid=False,
)
"""What a resource cost a month during [valid_from, valid_to).

No `valid_to`: it still does. No `monthly`: its price was unknown. An empty interval is a resource
that was seen at this rate in one cycle only.
"""

daily_rollup = Table(
    "daily_rollup",
    metadata,
    Column("day", Date, primary_key=True),
    Column("account", _Key, primary_key=True),
    Column("provider", _Key, primary_key=True),
    Column("kind", _Key, primary_key=True),
    Column("region", _Key, primary_key=True),
    Column("currency", _Key, primary_key=True),
    Column("accrued", NanoAmount, nullable=False),
    Column("remainder", BigInteger, nullable=False),
    Column("last_monthly", NanoAmount, nullable=False),
    Column("resource_count", Integer, nullable=False),
    Column("unpriced_count", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""What the intervals of one UTC day add up to, exactly.

`remainder` is what `accrued` leaves below a nano-unit, in nano-units x microseconds of a 720-hour
month, so that a day of 288 cycles is as exact as one. `last_monthly` is the run-rate at the last
observation of the day; the counts are the largest of the day. An absent region is "-".
"""

history_gap = Table(
    "history_gap",
    metadata,
    Column("account", _Key, primary_key=True),
    Column("provider", _Key, primary_key=True),
    Column("started_at", UtcMicros, primary_key=True),
    Column("kind", _Key, primary_key=True),
    Column("region", _Key, primary_key=True),
    Column("currency", _Key, primary_key=True),
    Column("ended_at", UtcMicros, nullable=False),
    Column("reason", String(16), nullable=False),
    Column("monthly", NanoAmount, nullable=False),
    Column("resource_count", Integer, nullable=False),
    Column("unpriced_count", Integer, nullable=False),
    Index(None, "ended_at"),
    sqlite_with_rowid=False,
)
"""What was not observed, and the rates that are assumed for it; not in the roll-ups.

The row without a kind is the gap itself. `reason`: `downtime`, `polls` (they failed, or came too
late) or `clock` (it was set forward).
"""

daily_coverage = Table(
    "daily_coverage",
    metadata,
    Column("day", Date, primary_key=True),
    Column("account", _Key, primary_key=True),
    Column("provider", _Key, primary_key=True),
    Column("observed_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""How much of a UTC day lies between good cycles of an account, in microseconds.

Kept apart from the roll-ups: a kind that lived for an hour was observed all day.
"""

fence = Table(
    "fence",
    metadata,
    Column("name", _Key, primary_key=True),
    Column("token", BigInteger, nullable=False),
)
"""The newest claim of each writer; an older one may not commit."""

alert_memory = Table(
    "alert_memory",
    metadata,
    Column("condition", _Key, primary_key=True),
    Column("state", Text, nullable=False),
)
"""What was last sent about each condition, in the alerter's own words (JSON)."""

alert_outbox = Table(
    "alert_outbox",
    metadata,
    Column("alert_id", _Key, primary_key=True),
    Column("channel", _Key, primary_key=True),
    Column("alert", Text, nullable=False),
    Column("raised_at", UtcMicros, nullable=False),
    Column("ended_at", UtcMicros),
    Column("error", Text),
    Index(None, "ended_at"),
)
"""Alerts by channel. No `ended_at`: not delivered yet. `error`: the channel refused it for good."""

guard_spend = Table(
    "guard_spend",
    metadata,
    Column("store", _Key, primary_key=True),
    Column("hour", UtcMicros, primary_key=True),
    Column("scope", _Key, primary_key=True),
    Column("activity", _Key, primary_key=True),
    Column("currency", _Key, nullable=False),
    Column("spent", NanoAmount, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("expired", BigInteger, nullable=False),
    Column("bytes_in", BigInteger, nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
    Column("changes", BigInteger, nullable=False),
    Index(None, "hour"),
    sqlite_with_rowid=False,
)
"""What guards have reported: cumulative, so that of two copies the one with more `changes` holds.

Each scope of a call has its own row: rows of different scopes are never added.
"""

guard_total = Table(
    "guard_total",
    metadata,
    Column("scope", _Key, primary_key=True),
    Column("currency", _Key, primary_key=True),
    Column("spent", NanoAmount, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What `guard_spend` adds up to by scope, rows included that are no longer kept."""

guard_unpriced = Table(
    "guard_unpriced",
    metadata,
    Column("scope", _Key, primary_key=True),
    Column("currency", _Key, primary_key=True),
    Column("spent", NanoAmount, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""The part of `guard_total` that is of calls to models without a known price."""

guard_seen = Table(
    "guard_seen",
    metadata,
    Column("guard", _Key, primary_key=True),
    Column("store", _Key, nullable=False),
    Column("app", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("confirmed", BigInteger),
    Column("gap_at", UtcMicros),
    Column("seen_at", UtcMicros, nullable=False),
    Index(None, "seen_at"),
)
"""Each guard by its latest report, and up to which one nothing of it is missing (`confirmed`).

`gap_at` is when, by the guard's clock, a report was missed that may have held rows.
"""

budget = Table(
    "budget",
    metadata,
    Column("scope", _Key, primary_key=True),
    Column("period", _Key, primary_key=True),
    Column("limit_amount", NanoAmount, nullable=False),
    Column("currency", _Key, nullable=False),
    Column("warn", NanoAmount),
    Column("block", NanoAmount),
    Column("author", Text),
    Column("changed_at", UtcMicros, nullable=False),
)
"""Budgets set by API; they win over those of costmon.toml. `warn` and `block` are per cent."""

circuit = Table(
    "circuit",
    metadata,
    Column("scope", _Key, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("changed_at", UtcMicros, nullable=False),
    Column("expires_at", UtcMicros),
    Column("revision", BigInteger, nullable=False),
    Column("rule", _Key),
    Column("cause", String(16)),
    Column("openings", Integer, nullable=False, server_default="0"),
    Column("trial_ends_at", UtcMicros),
    CheckConstraint("state IN ('open', 'closed')", name="state"),
)
"""What was last decided about each scope's circuit."""

audit = Table(
    "audit",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("change_id", _Key, nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("scope", _Key, nullable=False),
    Column("author", Text, nullable=False),
    Column("changed_at", UtcMicros, nullable=False),
    Column("change", Text, nullable=False),
)
"""Every change of a circuit or budget and every decision about an alert, for ever.

`scope` is that of the circuit or budget, or the alert's condition; `change` is all of it as JSON.
"""

spend_bucket = Table(
    "spend_bucket",
    metadata,
    Column("scope", _Key, primary_key=True),
    Column("unit", _Key, primary_key=True),
    Column("ends_at", UtcMicros, primary_key=True),
    Column("amount", NanoAmount, nullable=False),
    Column("late", NanoAmount, nullable=False),
    Index(None, "ends_at"),
    sqlite_with_rowid=False,
)
"""What each series has cost by bucket, for two days; `late`: reported after the bucket was over."""

spend_watch = Table(
    "spend_watch",
    metadata,
    Column("scope", _Key, primary_key=True),
    Column("unit", _Key, primary_key=True),
    Column("began_at", UtcMicros),
    Column("fed_until", UtcMicros, nullable=False),
    Column("state", LargeBinary, nullable=False),
)
"""The state of each series' watch; without a scope: how far all have come, the rules' state,
and what was seen of metered applications."""

finding = Table(
    "finding",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("opened_at", UtcMicros, nullable=False),
    Column("changed_at", UtcMicros, nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "opened_at"),
    Index(None, "state"),
)
"""What detection has found, by its newest state; `detail` is all of it as JSON."""

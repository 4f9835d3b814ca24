"""Read a guard's report: bytes to values, or an error that says where the fault is.

Reports come from programs that run anywhere, so nothing in them is trusted: every list, text and
figure is bounded, every scope canonical, every time has a zone. Fields that are not known here
are ignored: a guard may be newer than the service.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Annotated, TypeVar

import msgspec

from costmon.domain.amount import amount_of, currency_of
from costmon.domain.scope import LONGEST, scope_of
from costmon.domain.spend import (
    GuardReport,
    LeaseNote,
    Notice,
    NoticeKind,
    RefusalCount,
    RefusalNote,
    ScopeGauge,
    SpendRow,
)
from costmon.domain.window import period_of
from costmon.errors import InputError
from costmon.intake.wording import NAME_CHARACTERS, TEXT_CHARACTERS, wording

LARGEST_BYTES = 60_000
"""Of one report."""

MOST_ROWS = 200
MOST_SCOPES = 100
MOST_LEASES = 50
MOST_REFUSALS = 20
MOST_COUNTS = 200
MOST_NOTICES = 20
MOST_SCOPES_OF_A_CALL = 32

_LEAST_EXPONENT = -18
_FIRST_YEAR, _LAST_YEAR = 2000, 2200

# `$` also matches before a last line feed.
_Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z._:/+=-]{0,99}$(?!\n)")]
_Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,29}$(?!\n)")]
# A host may be longer before it is in canonical form.
_Scope = Annotated[str, msgspec.Meta(min_length=1, max_length=2 * LONGEST)]
_Name = Annotated[str, msgspec.Meta(max_length=2 * NAME_CHARACTERS)]
_Text = Annotated[str, msgspec.Meta(max_length=2 * TEXT_CHARACTERS)]
_Amount = Annotated[str, msgspec.Meta(max_length=40)]
_Moment = Annotated[dt.datetime, msgspec.Meta(tz=True)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class RowBody(msgspec.Struct, frozen=True, gc=False):
    """What one scope has spent on one activity in one hour, so far."""

    hour: _Moment
    scope: _Scope
    activity: _Name
    spent: _Amount
    requests: _Count
    failed: _Count
    expired: _Count
    bytes_in: _Count
    bytes_out: _Count
    changes: _Count


class GaugeBody(msgspec.Struct, frozen=True, gc=False):
    """How a budget stands."""

    scope: _Scope
    period: _Name
    limit: _Amount | None
    spent: _Amount
    held: _Amount
    resets_at: _Moment | None


class LeaseBody(msgspec.Struct, frozen=True, gc=False):
    """A call in flight."""

    id: _Id
    scopes: Annotated[list[_Scope], msgspec.Meta(max_length=MOST_SCOPES_OF_A_CALL)]
    activity: _Name
    estimate: _Amount
    expires_at: _Moment


class RefusalBody(msgspec.Struct, frozen=True, gc=False):
    """A call that was not made, and why."""

    at: _Moment
    scope: _Scope
    reason: _Slug
    text: _Text


class RefusedBody(msgspec.Struct, frozen=True, gc=False):
    """How many calls were refused since the guard was made."""

    scope: _Scope
    reason: _Slug
    refused: _Count


class NoticeBody(msgspec.Struct, frozen=True, gc=False):
    """Something that people should know."""

    id: _Id
    at: _Moment
    kind: NoticeKind
    scope: _Scope
    text: _Text


class ReportBody(msgspec.Struct, frozen=True, gc=False):
    """A guard's report as it is sent: the fields of `costmon.domain.spend.GuardReport`."""

    guard: _Id
    store: _Id
    sequence: _Count
    app: _Name
    host: _Name
    pid: _Count
    sent_at: _Moment
    currency: _Name
    rows: Annotated[list[RowBody], msgspec.Meta(max_length=MOST_ROWS)]
    scopes: Annotated[list[GaugeBody], msgspec.Meta(max_length=MOST_SCOPES)]
    leases: Annotated[list[LeaseBody], msgspec.Meta(max_length=MOST_LEASES)]
    refusals: Annotated[list[RefusalBody], msgspec.Meta(max_length=MOST_REFUSALS)]
    refused: Annotated[list[RefusedBody], msgspec.Meta(max_length=MOST_COUNTS)]
    notices: Annotated[list[NoticeBody], msgspec.Meta(max_length=MOST_NOTICES)]


_decoder = msgspec.json.Decoder(ReportBody)

Given = TypeVar("Given")
Made = TypeVar("Made")


def decode_report(body: bytes | msgspec.Raw) -> GuardReport:
    """Return the report in a JSON text.

    Raises:
        InputError: It is not valid; the error names the path (`$.rows[3].scope`).
    """
    if memoryview(body).nbytes > LARGEST_BYTES:
        raise InputError(f"$: the report is larger than {LARGEST_BYTES} bytes: send fewer rows")
    try:
        sent = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(f"the report is not valid: {error}") from None
    except RecursionError:
        raise InputError("$: the report is nested too deeply") from None
    return GuardReport(
        guard=sent.guard,
        store=sent.store,
        sequence=sent.sequence,
        app=_name("$.app", sent.app),
        host=_name("$.host", sent.host),
        pid=sent.pid,
        sent_at=_utc("$.sent_at", sent.sent_at),
        currency=_at("$.currency", currency_of, sent.currency),
        rows=_each("$.rows", _row, sent.rows),
        scopes=_each("$.scopes", _gauge, sent.scopes),
        leases=_each("$.leases", _lease, sent.leases),
        refusals=_each("$.refusals", _refusal, sent.refusals),
        refused=_each("$.refused", _refused, sent.refused),
        notices=_each("$.notices", _notice, sent.notices),
    )


def _row(path: str, row: RowBody) -> SpendRow:
    hour = _utc(f"{path}.hour", row.hour)
    if hour.minute or hour.second or hour.microsecond:
        raise InputError(f"{path}.hour: {hour.isoformat()} is not the start of an hour")
    return SpendRow(
        hour=hour,
        scope=_at(f"{path}.scope", scope_of, row.scope),
        activity=_name(f"{path}.activity", row.activity),
        spent=_amount(f"{path}.spent", row.spent),
        requests=row.requests,
        failed=row.failed,
        expired=row.expired,
        bytes_in=row.bytes_in,
        bytes_out=row.bytes_out,
        changes=row.changes,
    )


def _gauge(path: str, gauge: GaugeBody) -> ScopeGauge:
    return ScopeGauge(
        scope=_at(f"{path}.scope", scope_of, gauge.scope),
        period=_at(f"{path}.period", period_of, gauge.period),
        limit=None if gauge.limit is None else _amount(f"{path}.limit", gauge.limit),
        spent=_amount(f"{path}.spent", gauge.spent),
        held=_amount(f"{path}.held", gauge.held),
        resets_at=None if gauge.resets_at is None else _utc(f"{path}.resets_at", gauge.resets_at),
    )


def _lease(path: str, lease: LeaseBody) -> LeaseNote:
    return LeaseNote(
        id=lease.id,
        scopes=_each(f"{path}.scopes", lambda at, scope: _at(at, scope_of, scope), lease.scopes),
        activity=_name(f"{path}.activity", lease.activity),
        estimate=_amount(f"{path}.estimate", lease.estimate),
        expires_at=_utc(f"{path}.expires_at", lease.expires_at),
    )


def _refusal(path: str, refusal: RefusalBody) -> RefusalNote:
    return RefusalNote(
        at=_utc(f"{path}.at", refusal.at),
        scope=_at(f"{path}.scope", _pattern, refusal.scope),
        reason=refusal.reason,
        text=_at(f"{path}.text", _sentence, refusal.text),
    )


def _refused(path: str, count: RefusedBody) -> RefusalCount:
    return RefusalCount(
        scope=_at(f"{path}.scope", _pattern, count.scope),
        reason=count.reason,
        refused=count.refused,
    )


def _notice(path: str, notice: NoticeBody) -> Notice:
    return Notice(
        id=notice.id,
        at=_utc(f"{path}.at", notice.at),
        kind=notice.kind,
        scope=_at(f"{path}.scope", _pattern, notice.scope),
        text=_at(f"{path}.text", _sentence, notice.text),
    )


def _pattern(text: str) -> str:
    return scope_of(text, pattern=True)


def _sentence(text: str) -> str:
    return wording(text, TEXT_CHARACTERS)


def _name(path: str, text: str) -> str:
    return _at(path, lambda given: wording(given, NAME_CHARACTERS), text)


def _amount(path: str, text: str) -> Decimal:
    amount = _at(path, amount_of, text)
    exponent = amount.as_tuple().exponent
    # Longer ones are not amounts, and 1E-999999 would be a megabyte when it is written out.
    if isinstance(exponent, int) and exponent < _LEAST_EXPONENT:
        raise InputError(f"{path}: {text!r} has more than {-_LEAST_EXPONENT} decimals")
    return amount


def _utc(path: str, moment: dt.datetime) -> dt.datetime:
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise InputError(
            f"{path}: {moment.isoformat()} is not between {_FIRST_YEAR} and {_LAST_YEAR}"
        )
    return moment.astimezone(dt.UTC)


def _each(
    path: str, make: Callable[[str, Given], Made], given: Sequence[Given]
) -> tuple[Made, ...]:
    return tuple(make(f"{path}[{index}]", item) for index, item in enumerate(given))


def _at(path: str, make: Callable[[str], Made], given: str) -> Made:
    try:
        return make(given)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None

"""Encode reports as JSON, and decode the service's policy: pure, with strict validation.

Unknown fields are ignored, so that an older guard works with a newer service. Anything else that is
not valid rejects the whole policy: half a policy could be a budget that was never set.
"""

import datetime as dt
import json
from decimal import Decimal
from typing import Any, NoReturn, get_args

from costmon.domain.amount import amount_of
from costmon.domain.budget import Budget, Thresholds
from costmon.domain.circuit import Circuit, CircuitState, OpeningCause
from costmon.domain.policy import BudgetSource, Policy, PolicyBudget
from costmon.domain.scope import scope_of
from costmon.domain.spend import GuardReport, Notice, NoticeKind, SpendRow
from costmon.errors import InputError

REPORT_BYTES = 60_000
"""The largest report; the service refuses bodies of more than 64 KiB."""

TEXT_CHARACTERS = 500
MOST_ENTRIES = 20_000
MOST_ROWS = 100_000
_REVISION_CHARACTERS = 200
_SCOPES_OF_A_CALL = 32


class WireError(ValueError):
    """What the service sent is not valid; the text says where."""


def encode_report(report: GuardReport) -> bytes:
    """Return a report as compact JSON in UTF-8, its fields by name."""
    document = report._asdict()
    document["sent_at"] = _time_text(report.sent_at)
    document["rows"] = [
        {**row._asdict(), "hour": _time_text(row.hour), "spent": amount_text(row.spent)}
        for row in report.rows
    ]
    document["scopes"] = [
        {
            "scope": gauge.scope,
            "period": gauge.period,
            "limit": None if gauge.limit is None else amount_text(gauge.limit),
            "spent": amount_text(gauge.spent),
            "held": amount_text(gauge.held),
            "resets_at": None if gauge.resets_at is None else _time_text(gauge.resets_at),
        }
        for gauge in report.scopes
    ]
    document["leases"] = [
        {
            **note._asdict(),
            "scopes": note.scopes[:_SCOPES_OF_A_CALL],
            "estimate": amount_text(note.estimate),
            "expires_at": _time_text(note.expires_at),
        }
        for note in report.leases
    ]
    document["refusals"] = [
        {**note._asdict(), "at": _time_text(note.at), "text": note.text[:TEXT_CHARACTERS]}
        for note in report.refusals
    ]
    document["refused"] = [count._asdict() for count in report.refused]
    document["notices"] = [
        {**notice._asdict(), "at": _time_text(notice.at), "text": notice.text[:TEXT_CHARACTERS]}
        for notice in report.notices
    ]
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


def report_of(body: bytes) -> GuardReport:
    """Return the rows and notices of an encoded report, as a spool keeps them.

    Raises:
        WireError: It is not valid.
    """
    fields = _mapping(document_of(body), "the report")
    return GuardReport(
        guard=_text(fields.get("guard"), "guard"),
        store=_text(fields.get("store"), "store"),
        sequence=_count(fields.get("sequence"), "sequence"),
        app=_text(fields.get("app"), "app"),
        host=_text(fields.get("host"), "host"),
        pid=_count(fields.get("pid"), "pid"),
        sent_at=time_of(fields.get("sent_at"), "sent_at"),
        currency=_text(fields.get("currency"), "currency"),
        rows=tuple(
            _row(entry, f"rows[{place}]")
            for place, entry in enumerate(_entries(fields.get("rows"), "rows", MOST_ROWS))
        ),
        scopes=(),
        leases=(),
        refusals=(),
        refused=(),
        notices=tuple(
            _notice(entry, f"notices[{place}]")
            for place, entry in enumerate(_entries(fields.get("notices"), "notices"))
        ),
    )


def fitted(report: GuardReport) -> tuple[GuardReport, bytes]:
    """Return the largest part of a report that fits in one message, and its JSON.

    The current state (leases, refusals, gauges, counts) is reduced first, to a third of the size,
    because a later report has it again; then rows, of which at least one stays.
    """
    body = encode_report(report)
    while len(body) > REPORT_BYTES:
        bare = report._replace(rows=())
        if report.rows and len(encode_report(bare)) > REPORT_BYTES // 3:
            thinner = _thinned(report)
            if thinner is not None:
                report, body = thinner, encode_report(thinner)
                continue
        if len(report.rows) > 1:
            report = report._replace(rows=report.rows[: len(report.rows) * 3 // 4])
        else:
            thinner = _thinned(report)
            if thinner is None:
                break
            report = thinner
        body = encode_report(report)
    return report, body


def _thinned(report: GuardReport) -> GuardReport | None:
    """Return a report with half of the longest list of its state; `None` if all are empty."""
    lists = {
        name: len(json.dumps(getattr(report, name), default=str))
        for name in ("leases", "refusals", "scopes", "refused", "notices")
        if getattr(report, name)
    }
    if not lists:
        return None
    name = max(lists, key=lists.__getitem__)
    entries = getattr(report, name)
    return report._replace(**{name: entries[: len(entries) // 2]})


def amount_text(amount: Decimal) -> str:
    """Return a decimal string without exponent and without trailing zeros."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def time_of(text: object, where: str) -> dt.datetime:
    """Return an RFC 3339 time as aware UTC.

    Raises:
        WireError: It is not valid.
    """
    if isinstance(text, str) and len(text) <= 40:  # noqa: PLR2004 - the longest time has 32 characters
        try:
            time = dt.datetime.fromisoformat(text)
            if time.tzinfo is not None:
                return time.astimezone(dt.UTC)
        except (ValueError, OverflowError):
            pass
    raise WireError(f"{where} is not an RFC 3339 time")


def _time_text(time: dt.datetime) -> str:
    return f"{time.astimezone(dt.UTC).replace(tzinfo=None).isoformat()}Z"


def document_of(body: bytes) -> object:
    """Parse a JSON text.

    Raises:
        WireError: It is not valid, or malicious.
    """
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise WireError(f"the response is not JSON ({type(error).__name__})") from None


def _refuse_constant(name: str) -> NoReturn:
    raise WireError(f"{name} is not JSON")


def policy_of(document: object) -> Policy:
    """Return the policy in the service's response.

    Reasons and authors are displayed: characters that cannot be printed on one line are replaced.

    Raises:
        WireError: A part of it is not valid.
    """
    data = _mapping(_mapping(document, "the answer").get("data"), "data")
    revision = _text(data.get("revision"), "revision", _REVISION_CHARACTERS)
    budgets = tuple(
        _budget(entry, f"budgets[{place}]")
        for place, entry in enumerate(_entries(data.get("budgets"), "budgets"))
    )
    circuits = tuple(
        _circuit(entry, f"circuits[{place}]")
        for place, entry in enumerate(_entries(data.get("circuits"), "circuits"))
    )
    return Policy(revision, budgets, circuits)


def _budget(entry: object, where: str) -> PolicyBudget:
    fields = _mapping(entry, where)
    warn, block, currency = (fields.get(name) for name in ("warn", "block", "currency"))
    try:
        levels = (
            None
            if warn is None and block is None
            else Thresholds(
                80 if warn is None else _amount(warn, f"{where}.warn"),
                100 if block is None else _amount(block, f"{where}.block"),
            )
        )
        budget = Budget(
            _text(fields.get("scope"), f"{where}.scope"),
            _amount(fields.get("limit"), f"{where}.limit"),
            _text(fields.get("period"), f"{where}.period"),
            None if currency is None else _text(currency, f"{where}.currency"),
            levels,
        )
    except InputError as error:
        raise WireError(f"{where}: {error}") from None
    source: BudgetSource
    match fields.get("source"):
        case "file":
            source = "file"
        case "api":
            source = "api"
        case _:
            raise WireError(f"{where}.source is neither 'file' nor 'api'")
    author = fields.get("author")
    return PolicyBudget(budget, source, None if author is None else _words(author, where))


def _circuit(entry: object, where: str) -> Circuit:
    fields = _mapping(entry, where)
    state: CircuitState
    match fields.get("state"):
        case "open":
            state = "open"
        case "closed":
            state = "closed"
        case _:
            raise WireError(f"{where}.state is neither 'open' nor 'closed'")
    expires_at = fields.get("expires_at")
    revision = fields.get("revision", 0)
    if isinstance(revision, bool) or not isinstance(revision, int):
        raise WireError(f"{where}.revision is not a whole number")
    try:
        scope = scope_of(fields.get("scope"), pattern=True)
    except InputError as error:
        raise WireError(f"{where}: {error}") from None
    rule, cause, trial = (fields.get(name) for name in ("rule", "cause", "trial_ends_at"))
    return Circuit(
        scope=scope,
        state=state,
        reason=_words(fields.get("reason"), f"{where}.reason"),
        author=_words(fields.get("author"), f"{where}.author"),
        changed_at=time_of(fields.get("changed_at"), f"{where}.changed_at"),
        expires_at=None if expires_at is None else time_of(expires_at, f"{where}.expires_at"),
        revision=revision,
        rule=None if rule is None else _words(rule, f"{where}.rule"),
        # A later service may know further causes.
        cause=cause if cause in get_args(OpeningCause) else None,
        openings=_count(fields.get("openings", 0), f"{where}.openings"),
        trial_ends_at=None if trial is None else time_of(trial, f"{where}.trial_ends_at"),
    )


def _row(entry: object, where: str) -> SpendRow:
    fields = _mapping(entry, where)
    try:
        spent = amount_of(_amount(fields.get("spent"), f"{where}.spent"))
    except InputError as error:
        raise WireError(f"{where}: {error}") from None
    return SpendRow(
        time_of(fields.get("hour"), f"{where}.hour"),
        _text(fields.get("scope"), f"{where}.scope"),
        _text(fields.get("activity"), f"{where}.activity"),
        spent,
        *(_count(fields.get(name), f"{where}.{name}") for name in SpendRow._fields[4:]),
    )


def _notice(entry: object, where: str) -> Notice:
    fields = _mapping(entry, where)
    if fields.get("kind") not in get_args(NoticeKind):
        raise WireError(f"{where}.kind is unknown")
    kind: NoticeKind = fields["kind"]
    return Notice(
        _text(fields.get("id"), f"{where}.id"),
        time_of(fields.get("at"), f"{where}.at"),
        kind,
        _text(fields.get("scope"), f"{where}.scope"),
        _words(fields.get("text"), f"{where}.text"),
    )


def _mapping(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WireError(f"{where} is not an object")
    return value


def _entries(value: object, where: str, most: int = MOST_ENTRIES) -> list[object]:
    if not isinstance(value, list) or len(value) > most:
        raise WireError(f"{where} is not a list of at most {most} items")
    return value


def _count(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise WireError(f"{where} is not a whole number from 0 to 2**63 - 1")
    return value


def _text(value: object, where: str, longest: int = TEXT_CHARACTERS) -> str:
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= longest:
        raise WireError(f"{where} is not a text of one line")
    return value


def _words(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise WireError(f"{where} is not a text")
    cut = value[:TEXT_CHARACTERS]
    return "".join(letter if letter.isprintable() else " " for letter in cut)


def _amount(value: object, where: str) -> str | int:
    if isinstance(value, str) and len(value) <= 40:  # noqa: PLR2004 - 64-bit nano-units have 20 digits
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise WireError(f"{where} is not a decimal amount as text")

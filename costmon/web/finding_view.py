"""What the page shows of findings: open and past ones, each with its chart, alert and circuit."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from costmon.alerts.memory import OpenAlert
from costmon.domain.circuit import Circuit
from costmon.domain.finding import Series, SpendFinding, bucket_floor
from costmon.domain.policy import Policy
from costmon.domain.stops import standing_of
from costmon.errors import StoreError

MOST_OPEN = 50
MOST_PAST = 30
_MOST_READ = 200
_MOST_BARS = 72
_LEAD_BUCKETS = 36
_LEAD_DAYS = 14
_DAY = dt.timedelta(days=1)
_KEPT = dt.timedelta(days=2)
"""How long buckets are kept."""
_BY_DAY = frozenset({"step", "leak", "job", "daily", "budget"})
"""Causes that are judged by the day."""

CAUSES: Mapping[str, str] = {
    "hourly": "above the hourly amount",
    "daily": "above the daily amount",
    "budget": "too fast for the budget",
    "new": "never cost anything before",
    "burst": "far above the usual",
    "ramp": "rises from bucket to bucket",
    "shift": "jumped and stayed",
    "lumps": "too many peaks",
    "step": "days above the usual",
    "leak": "rises day after day",
    "job": "a job larger than its like",
    "frozen": "the same figure again and again",
}
"""What a finding's cause is called on the page."""

SeriesSpend = Callable[[Series, dt.datetime, dt.datetime], Mapping[dt.datetime, Decimal]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingReader:
    """Reads what detection has found, and what series have cost.

    Attributes:
        newest: Returns the findings that were opened last, at most so many; raises `StoreError`.
        opened: Returns all that are open, from memory; `None` until they have been read.
        buckets: Returns what a series has cost by the ends of buckets; raises `StoreError`.
        hours: Returns what guards have reported of a series by hour; raises `StoreError`.
        bucket_s: Length of a bucket in seconds.
    """

    newest: Callable[[int], tuple[SpendFinding, ...]]
    opened: Callable[[], Iterable[SpendFinding] | None]
    buckets: SeriesSpend
    hours: SeriesSpend
    bucket_s: int


class Bar(NamedTuple):
    """What was spent in one step of a chart.

    Attributes:
        height: In per cent of the highest bar.
        is_since: The finding had begun.
    """

    height: Decimal
    is_since: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What a series has cost before a finding and since.

    Attributes:
        bars: From the oldest on, at most 72.
        step_s: Seconds that each is about.
        start: Where the first one starts.
        end: Where the last one ends.
        highest: What the highest one stands for.
    """

    bars: tuple[Bar, ...]
    step_s: int
    start: dt.datetime
    end: dt.datetime
    highest: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """One finding with what belongs to it.

    Attributes:
        finding: By its newest state.
        cause: In words.
        alert: The open alert about it; `None`: no alert is open.
        circuit: What stops its scope, or that of a part, or has it on trial; `None`: nothing does.
        circuit_state: What that is now.
        not_spent: What would have been spent above the usual while the circuit was open; `None`: it
            was not opened during the finding.
        parts: Open findings of the same money, which are not told themselves.
        chart: `None`: no figures are kept of that time, or they cannot be read.
    """

    finding: SpendFinding
    cause: str
    alert: OpenAlert | None
    circuit: Circuit | None
    circuit_state: str
    not_spent: float | None
    parts: tuple[SpendFinding, ...]
    chart: Chart | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the page shows of findings.

    Attributes:
        opened: The open ones, most severe first.
        hidden: How many more are open.
        past: Those that are over, newest first.
    """

    opened: tuple[FindingRow, ...]
    hidden: int
    past: tuple[FindingRow, ...]


def findings_shown(
    reader: FindingReader,
    alerts: Sequence[OpenAlert],
    policy: Policy | None,
    now: dt.datetime,
) -> Findings:
    """Return what the page shows at `now`.

    Raises:
        StoreError: Findings cannot be read.
    """
    known = {one.id: one for one in reader.newest(_MOST_READ)}
    known |= {one.id: one for one in reader.opened() or () if one.id not in known}
    parts: dict[str, list[SpendFinding]] = {}
    for one in known.values():
        if one.part_of is not None:
            parts.setdefault(one.part_of, []).append(one)
    told = {it.alert.facts.get("finding"): it for it in alerts}

    def row(one: SpendFinding) -> FindingRow:
        its_parts = parts.get(one.id, ())
        found = (_circuit(it, one, policy, now) for it in (one, *its_parts))
        circuit = next((it for it in found if it is not None), None)
        return FindingRow(
            finding=one,
            cause=CAUSES.get(one.cause, one.cause),
            alert=told.get(one.id),
            circuit=circuit,
            circuit_state="" if circuit is None else circuit.current_state(now),
            not_spent=None if circuit is None else not_spent(one, circuit, now),
            parts=tuple(it for it in its_parts if it.is_open),
            chart=_chart_if_readable(one, reader, now),
        )

    whole = [one for one in known.values() if one.part_of is None]
    opened = sorted((one for one in whole if one.is_open), key=_urgency)
    past = sorted((one for one in whole if not one.is_open), key=lambda it: it.at, reverse=True)
    return Findings(
        opened=tuple(row(one) for one in opened[:MOST_OPEN]),
        hidden=max(0, len(opened) - MOST_OPEN),
        past=tuple(row(one) for one in past[:MOST_PAST]),
    )


def chart_of(finding: SpendFinding, reader: FindingReader, now: dt.datetime) -> Chart | None:
    """Return what a finding's series has cost; `None`: no figures are kept of that time.

    By bucket where the whole of it is kept by bucket, otherwise by the day in UTC.

    Raises:
        StoreError: It cannot be read.
    """
    bucket = dt.timedelta(seconds=reader.bucket_s)
    end = bucket_floor(now if finding.is_open else finding.at, reader.bucket_s)
    lead = max(_LEAD_BUCKETS * bucket, (end - finding.since) / 2)
    start = bucket_floor(max(finding.since - lead, now - _KEPT), reader.bucket_s)
    if finding.cause not in _BY_DAY and now - finding.since < _KEPT:
        steps = max(1, -((start - end) // bucket))
        step = bucket * -(-steps // _MOST_BARS)
        return _drawn(
            finding, reader.buckets(finding.series, start, end), end, step, steps * bucket
        )
    last = end.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
    days = min(_MOST_BARS, (last - finding.since) // _DAY + _LEAD_DAYS)
    spent = reader.hours(finding.series, last - days * _DAY, last)
    ends = {hour + dt.timedelta(hours=1): amount for hour, amount in spent.items()}
    return _drawn(finding, ends, last, _DAY, days * _DAY)


def not_spent(finding: SpendFinding, circuit: Circuit, now: dt.datetime) -> float | None:
    """Return what would have been spent above the usual while a circuit was open.

    At the average rate between the finding's beginning and the opening; `None`: it did not burn
    before, or the circuit was not open.
    """
    burned_for, until = circuit.changed_at - finding.since, min(now, circuit.expires_at or now)
    if circuit.state == "closed" or burned_for <= dt.timedelta() or finding.burned <= 0:
        return None
    return finding.burned * ((until - circuit.changed_at) / burned_for)


def _drawn(
    finding: SpendFinding,
    ends: Mapping[dt.datetime, Decimal],
    last: dt.datetime,
    step: dt.timedelta,
    span: dt.timedelta,
) -> Chart | None:
    """Return the chart of amounts by the ends of what they are about."""
    count = -(-span // step)
    sums = [Decimal()] * count
    for at, amount in ends.items():
        back = (last - at) // step
        if 0 <= back < count:
            sums[count - 1 - back] += amount
    highest = max(sums)
    if highest <= 0:
        return None
    starts = [last - (count - n) * step for n in range(count)]
    return Chart(
        bars=tuple(
            Bar(
                (max(Decimal(), amount) * 100 / highest).quantize(Decimal("0.1")),
                start + step > finding.since,
            )
            for start, amount in zip(starts, sums, strict=True)
        ),
        step_s=int(step.total_seconds()),
        start=starts[0],
        end=last,
        highest=highest,
    )


def _chart_if_readable(
    finding: SpendFinding, reader: FindingReader, now: dt.datetime
) -> Chart | None:
    try:
        return chart_of(finding, reader, now)
    except StoreError:
        return None  # the page says that there is no chart; the figures are more important


def _circuit(
    part: SpendFinding, finding: SpendFinding, policy: Policy | None, now: dt.datetime
) -> Circuit | None:
    """Return what stops a part's scope; of a past finding only what a finding has opened since."""
    if policy is None:
        return None
    circuit = standing_of(part.series.scope, policy.circuits, now)
    if circuit is None or finding.is_open:
        return circuit
    is_its_own = circuit.cause == "finding" and circuit.scope == part.series.scope
    return circuit if is_its_own and circuit.changed_at >= finding.opened_at else None


def _urgency(finding: SpendFinding) -> tuple[int, float, str]:
    return (
        ("critical", "warning", "info").index(finding.severity),
        -finding.opened_at.timestamp(),
        finding.id,
    )

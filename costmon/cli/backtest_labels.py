"""Which findings of `costmon backtest` were incidents and which false alarms, as far as is known.

Known incidents come from a file, with windows as the Numenta Anomaly Benchmark has them: what is
told within a window is an incident, all else is a false alarm. Without a file, what people have
acknowledged ("it was fine") when it was told is a false alarm; of the rest nothing is known.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from costmon.alerts.spend import condition_name
from costmon.cli.backtest_input import Recorded
from costmon.domain.finding import Series
from costmon.errors import InputError

if TYPE_CHECKING:
    from costmon.store import Store

Label = Literal["incident", "false alarm"]
Span = tuple[dt.datetime, dt.datetime]
_MOST_FINDINGS = 100_000


class Labels(NamedTuple):
    """What is known of the past.

    Attributes:
        incidents: By series, as its scope is called; `None`: no file was given.
        accepted: From when to when findings were open that people have acknowledged, by series.
    """

    incidents: Mapping[str, Sequence[Span]] | None
    accepted: Mapping[Series, Sequence[Span]]

    def of(
        self, recorded: Recorded, found_at: dt.datetime, over_at: dt.datetime | None
    ) -> Label | None:
        """Return the label of what was found; `None`: it is not known."""
        if self.incidents is not None:
            spans = self.incidents.get(recorded.series.scope, ())
            is_inside = any(start <= found_at <= end for start, end in spans)
            return "incident" if is_inside else "false alarm"
        known = self.accepted.get(recorded.series, ()) if recorded.source == "guards" else ()
        for start, end in known:
            if found_at <= end and (over_at is None or over_at >= start):
                return "false alarm"
        return None

    def incidents_of(self, scope: str, first: dt.datetime, last: dt.datetime) -> tuple[Span, ...]:
        """Return the incidents of a series between two moments."""
        spans = (self.incidents or {}).get(scope, ())
        return tuple((start, end) for start, end in spans if start <= last and end >= first)


NOTHING_KNOWN = Labels(None, {})


def from_file(path: Path) -> Labels:
    """Read `{"SERIES": [["START", "END"], ...]}`; a series without incidents has an empty list.

    Raises:
        InputError: It is not such a file; the error names the series.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise InputError(f'{path}: use JSON such as {{"SERIES": [["START", "END"]]}}')
    return Labels({scope: _spans(path, scope, it) for scope, it in document.items()}, {})


def acknowledged(store: "Store") -> Labels:
    """Return what people have acknowledged, with what was part of it."""
    findings = store.findings(_MOST_FINDINGS)
    decided = store.acknowledged()
    fine = {
        one.id
        for one in findings
        for condition, at in decided
        if condition == condition_name(one.series, one.cause)
        and one.opened_at <= at
        and (one.is_open or at <= one.at)
    }
    accepted: dict[Series, list[Span]] = {}
    for one in findings:
        if one.id in fine or one.part_of in fine:
            accepted.setdefault(one.series, []).append((one.since, one.at))
    return Labels(None, accepted)


def _spans(path: Path, scope: str, spans: Any) -> list[Span]:  # noqa: ANN401 - parsed JSON
    try:
        found = [tuple(map(dt.datetime.fromisoformat, one)) for one in spans]
        if all(start.tzinfo and end.tzinfo and start <= end for start, end in found):
            return [(start, end) for start, end in found]
    except (ValueError, TypeError):
        pass
    raise InputError(
        f"{path}, {scope!r}: each incident needs its start and its end, with a time zone, such as"
        ' ["2026-11-21T10:00:00Z", "2026-11-21T12:00:00Z"]'
    )

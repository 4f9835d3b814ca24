"""`costmon backtest`: what rules and detection would have alerted in the past."""

import argparse
import datetime as dt
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from costmon.cli.command import add_settings, load_settings, require_service
from costmon.errors import ConfigError

if TYPE_CHECKING:
    from costmon.alerts.backtest import Broken, Spent
    from costmon.cli.backtest_input import Recorded
    from costmon.cli.backtest_labels import Labels
    from costmon.config.settings import Settings
    from costmon.detection.backtest import Replayed
    from costmon.domain.rule import Rule

NAME = "backtest"
HELP = "replay recorded spend, or a CSV file, and print what would have been alerted"

_BAR = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--from",
        dest="start",
        type=_day,
        metavar="DATE",
        help="first day in UTC, such as 2026-11-21 (default: everything)",
    )
    parser.add_argument(
        "--to",
        dest="end",
        type=_day,
        metavar="DATE",
        help="the day after the last one, in UTC (default: everything)",
    )
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="replay FILE, with the columns time (end of a bucket, ISO 8601 with time zone), "
        "amount and, optionally, series: a scope (default: the history in the database)",
    )
    parser.add_argument(
        "--rules",
        type=Path,
        metavar="FILE",
        help="a TOML file with [[rule]] tables to try (default: the rules of the settings)",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help='known incidents as JSON, {"SERIES": [["START", "END"], ...]}: what is found outside '
        "them is a false alarm (default: what was acknowledged is one)",
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    add_settings(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print one line for each finding and broken rule; the exit code is 0 even without any."""
    from costmon.cli.backtest_labels import from_file

    settings = load_settings(arguments).settings
    rules = settings.rules if arguments.rules is None else _rules(arguments.rules)
    labels = None if arguments.labels is None else from_file(arguments.labels)
    recorded, labels = _recorded(arguments.csv, settings, labels)
    start = arguments.start or dt.datetime.min.replace(tzinfo=dt.UTC)
    end = arguments.end or dt.datetime.max.replace(tzinfo=dt.UTC)
    rows: list[dict[str, object]] = []
    counts: Counter[str] = Counter()
    for number, one in enumerate(recorded):
        _progress(number, len(recorded))
        spent = _within(one.spent, start, end)
        found = _findings(one, spent, settings)
        found += _broken_rules(one, _within(one.finer, start, end), rules)
        counts += _labelled(one, spent, found, labels)
        rows += found
    _progress(len(recorded), len(recorded))
    rows.sort(key=lambda row: (str(row["found_at"]), str(row["series"]), str(row["cause"])))
    if arguments.json:
        samples = sum(len(one.spent) for one in recorded)
        meta: dict[str, object] = {
            "series": len(recorded),
            "samples": samples,
            "rules": len(rules),
            "false_alarms": counts["false alarm"],
            "incidents": None if labels.incidents is None else counts["incidents"],
            "incidents_missed": None if labels.incidents is None else counts["missed"],
        }
        print(json.dumps({"data": rows, "meta": meta}))
    else:
        _print(rows, recorded, _said(counts, labels))
    return 0


def _recorded(
    path: Path | None, settings: "Settings", labels: "Labels | None"
) -> "tuple[list[Recorded], Labels]":
    from costmon.cli.backtest_input import from_csv, from_history
    from costmon.cli.backtest_labels import NOTHING_KNOWN, acknowledged

    if path is not None:
        return from_csv(path), labels or NOTHING_KNOWN
    require_service(NAME)
    from costmon.clock import SystemClock
    from costmon.store import open_store

    clock = SystemClock()
    with open_store(settings.database_url, clock=clock) as store:
        zone, bucket_s = ZoneInfo(settings.timezone), settings.detection.bucket_s
        recorded = from_history(store, clock.now(), zone, bucket_s)
        return recorded, labels or acknowledged(store)


def _rules(path: Path) -> "tuple[Rule, ...]":
    from costmon.config.file import read_file
    from costmon.providers import catalog

    file = read_file(path, catalog.declarations(), required=True)
    if file.faults:
        raise ConfigError(file.faults)
    return file.rules


def _within(spent: "Sequence[Spent]", start: dt.datetime, end: dt.datetime) -> "list[Spent]":
    return [one for one in spent if start < one.at <= end]


def _findings(
    one: "Recorded", spent: "Sequence[Spent]", settings: "Settings"
) -> list[dict[str, object]]:
    from costmon.detection import WatchConfig
    from costmon.detection.backtest import replay

    zone = ZoneInfo(settings.timezone)
    # A file's first rows may be far apart: its own step is learned.
    widths = {int(it.width.total_seconds()) for it in spent} if one.source != "csv" else set()
    config = WatchConfig(step_s=min(widths, default=None))
    local = [(it.at.astimezone(zone), max(Decimal(), it.amount)) for it in spent]
    return [_finding_row(one, it) for it in replay(local, config, settings.detection.expected)]


def _broken_rules(
    one: "Recorded", spent: "Sequence[Spent]", rules: "Sequence[Rule]"
) -> list[dict[str, object]]:
    from costmon.alerts.backtest import replay_rules

    scope, unit = one.series
    chosen = [rule for rule in rules if unit in {rule.currency, ""}]
    return [_rule_row(one, it) for it in replay_rules(chosen, scope, spent)]


def _labelled(
    one: "Recorded",
    spent: "Sequence[Spent]",
    rows: Sequence[dict[str, object]],
    labels: "Labels",
) -> Counter[str]:
    """Label the rows of a series; return how many were false alarms, and what was missed."""
    counts: Counter[str] = Counter()
    told = []
    for row in rows:
        told.append(dt.datetime.fromisoformat(str(row["found_at"])))
        over_at = None if row["over_at"] is None else str(row["over_at"])
        ended = None if over_at is None else dt.datetime.fromisoformat(over_at)
        row["label"] = labels.of(one, told[-1], ended)
        counts["false alarm"] += row["label"] == "false alarm" and not row["quiet"]
    if spent:
        for start, end in labels.incidents_of(one.series.scope, spent[0].at, spent[-1].at):
            counts["incidents"] += 1
            counts["missed"] += not any(start <= at <= end for at in told)
    return counts


def _finding_row(recorded: "Recorded", one: "Replayed") -> dict[str, object]:
    opened, last = one.opened, one.last
    return {
        "source": recorded.source,
        "series": recorded.series.scope,
        "unit": recorded.series.unit,
        "cause": opened.cause,
        "rule": None,
        "quiet": opened.quiet,
        "found_at": opened.at.isoformat(),
        "since": opened.since.isoformat(),
        "observed": opened.observed,
        "expected": opened.expected,
        "burned_before": opened.burned,
        "burned": one.burned,
        "opens_circuit_at": None,
        "over_at": last.at.isoformat() if last.state == "resolved" else None,
        "why": list(opened.why),
    }


def _rule_row(recorded: "Recorded", one: "Broken") -> dict[str, object]:
    opened = one.opened
    limit = opened.limit or Decimal()
    return {
        "source": recorded.source,
        "series": recorded.series.scope,
        "unit": opened.rule.currency,
        "cause": f"rule {opened.kind}",
        "rule": opened.rule.scope,
        "quiet": False,
        "found_at": opened.at.isoformat(),
        "since": opened.since.isoformat(),
        "observed": float(opened.observed),
        "expected": float(limit),
        "burned_before": float(opened.observed - limit),
        "burned": float(one.highest - limit),
        "opens_circuit_at": one.opens_at.isoformat() if one.opens_at else None,
        "over_at": one.over_at.isoformat() if one.over_at else None,
        "why": [opened.text],
    }


def _print(rows: Sequence[dict[str, object]], recorded: "Sequence[Recorded]", labels: str) -> None:
    from costmon.console.table import table

    if not recorded:
        print("No spend was recorded: neither guards nor vendors have reported any yet.")
        return
    if not rows:
        print(f"Nothing would have been alerted in {len(recorded)} series{labels}.")
        return
    columns = {
        "found": "found_at",
        "source": "source",
        "series": "series",
        "cause": "cause",
        "since": "since",
        "burned before": "burned_before",
        "burned in all": "burned",
        "unit": "unit",
        "circuit opens": "opens_circuit_at",
        "over": "over_at",
        "known as": "label",
    }
    shown = [
        [
            "quiet: " + str(row[key]) if key == "cause" and row["quiet"] else _shown(row[key])
            for key in columns.values()
        ]
        for row in rows
    ]
    print(table(tuple(columns), shown, right={"burned before", "burned in all"}))
    print(_summary(rows, recorded) + labels)


def _summary(rows: Iterable[dict[str, object]], recorded: "Sequence[Recorded]") -> str:
    listed = list(rows)
    quiet = sum(bool(row["quiet"]) for row in listed)
    rules = sum(row["rule"] is not None for row in listed)
    return (
        f"{len(listed) - rules - quiet} findings, {quiet} quiet ones and {rules} broken rules in"
        f" {len(recorded)} series"
    )


def _said(counts: Counter[str], labels: "Labels") -> str:
    """Return what is known of findings, for the end of a sentence."""
    if labels.incidents is None:
        return f"; {counts['false alarm']} acknowledged as false alarms" if labels.accepted else ""
    found = counts["incidents"] - counts["missed"]
    return f"; {found} of {counts['incidents']} incidents, {counts['false alarm']} false alarms"


def _shown(value: object) -> object:
    return (
        round(Decimal(value), 2) if isinstance(value, float) else ("-" if value is None else value)
    )


def _progress(done: int, total: int) -> None:
    if not sys.stderr.isatty() or total == 0:
        return
    filled = _BAR * done // total
    bar = "#" * filled + "." * (_BAR - filled)
    end = "\r\x1b[K" if done == total else ""
    print(f"\r[{bar}] {done} of {total} series{end}", end="", file=sys.stderr, flush=True)


def _day(text: str) -> dt.datetime:
    try:
        return dt.datetime.combine(dt.date.fromisoformat(text), dt.time(), dt.UTC)
    except ValueError:
        msg = f"{text!r} is not a date such as 2026-11-21"
        raise argparse.ArgumentTypeError(msg) from None

"""`costmon backtest`: what detection would have found in the past."""

import argparse
import csv
import datetime as dt
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from costmon.cli.command import add_settings, load_settings, require_service
from costmon.domain.finding import Series
from costmon.errors import InputError

if TYPE_CHECKING:
    from costmon.detection.backtest import Replayed

NAME = "backtest"
HELP = "replay recorded spend, or a CSV file, and print what would have been alerted"

Samples = Sequence[tuple[dt.datetime, Decimal]]
_HOUR_S = 3600
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
        "amount and, optionally, series (default: what guards reported by hour)",
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    add_settings(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print one line for each finding; the exit code is 0 even without findings."""
    from costmon.detection import WatchConfig
    from costmon.detection.backtest import replay

    settings = load_settings(arguments).settings
    if arguments.csv is not None:
        series, config = _from_csv(arguments.csv), WatchConfig()
    else:
        series, config = _from_history(settings.database_url), WatchConfig(step_s=_HOUR_S)
    start = arguments.start or dt.datetime.min.replace(tzinfo=dt.UTC)
    end = arguments.end or dt.datetime.max.replace(tzinfo=dt.UTC)
    zone = ZoneInfo(settings.timezone)
    found: list[tuple[Series, Replayed]] = []
    for number, (one, samples) in enumerate(sorted(series.items())):
        _progress(number, len(series))
        chosen = [(at.astimezone(zone), amount) for at, amount in samples if start < at <= end]
        replayed = replay(chosen, config, settings.detection.expected)
        found += [(one, it) for it in replayed]
    _progress(len(series), len(series))
    found.sort(key=lambda it: (it[1].opened.at, it[0]))
    rows = [_row(one, it) for one, it in found]
    if arguments.json:
        count = sum(len(samples) for samples in series.values())
        print(json.dumps({"data": rows, "meta": {"series": len(series), "samples": count}}))
        return 0
    _print(rows, series)
    return 0


def _print(rows: Sequence[Mapping[str, object]], series: Mapping[Series, Samples]) -> None:
    from costmon.console.table import table

    if not series:
        print("No spend was recorded: guards have reported nothing yet.")
        return
    if not rows:
        print(f"Nothing would have been alerted in {len(series)} series.")
        return
    columns = (
        "found",
        "series",
        "cause",
        "since",
        "burned before",
        "burned in all",
        "unit",
        "over",
    )
    keys = ("found_at", "series", "cause", "since", "burned_before", "burned", "unit", "over_at")
    shown = [
        [
            "quiet: " + str(row[key]) if key == "cause" and row["quiet"] else _shown(row[key])
            for key in keys
        ]
        for row in rows
    ]
    print(table(columns, shown, right={"burned before", "burned in all"}))


def _shown(value: object) -> object:
    return (
        round(Decimal(value), 2) if isinstance(value, float) else ("-" if value is None else value)
    )


def _row(series: Series, one: "Replayed") -> dict[str, object]:
    opened, last = one.opened, one.last
    return {
        "series": series.scope,
        "unit": series.unit,
        "cause": opened.cause,
        "quiet": opened.quiet,
        "found_at": opened.at.isoformat(),
        "since": opened.since.isoformat(),
        "observed": opened.observed,
        "expected": opened.expected,
        "burned_before": opened.burned,
        "burned": one.burned,
        "over_at": last.at.isoformat() if last.state == "resolved" else None,
        "why": list(opened.why),
    }


def _from_history(url: str) -> Mapping[Series, Samples]:
    """Return what guards reported, by hour; hours without a report cost nothing."""
    require_service(NAME)
    from costmon.clock import SystemClock
    from costmon.store import open_store

    with open_store(url, clock=SystemClock()) as store:
        return {one: list(_filled(hours)) for one, hours in store.guard_hours().items()}


def _filled(hours: Mapping[dt.datetime, Decimal]) -> Iterator[tuple[dt.datetime, Decimal]]:
    at, last, hour = min(hours), max(hours), dt.timedelta(seconds=_HOUR_S)
    while at <= last:
        yield at + hour, max(Decimal(), hours.get(at, Decimal()))
        at += hour


def _from_csv(path: Path) -> Mapping[Series, Samples]:
    found: dict[Series, list[tuple[dt.datetime, Decimal]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if not {"time", "amount"} <= set(reader.fieldnames or ()):
            raise InputError(f"{path}: the first line must name the columns time and amount")
        for row in reader:
            sample = _sample(row["time"], row["amount"])
            if sample is None:
                raise InputError(
                    f"{path}, line {reader.line_num}: use a time with its zone, such as"
                    " 2026-11-21T10:05:00Z, and a number"
                )
            found.setdefault(Series(row.get("series") or "total", ""), []).append(sample)
    return {one: sorted(samples) for one, samples in found.items()}


def _sample(time: str | None, amount: str | None) -> tuple[dt.datetime, Decimal] | None:
    """Return a bucket; `None` when it is not valid."""
    try:
        at, number = (
            dt.datetime.fromisoformat((time or "").strip()),
            Decimal((amount or "").strip()),
        )
    except (ValueError, InvalidOperation):
        return None
    return (at, number) if at.tzinfo is not None and number.is_finite() else None


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

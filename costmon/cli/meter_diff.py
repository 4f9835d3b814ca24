"""`costmon meter diff`: compare two recordings, and tell changes from noise."""

import argparse
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from costmon.cli.guard_tables import to_json
from costmon.cli.meter_source import NothingMeasuredError
from costmon.console.table import table
from costmon.console.text import harmless
from costmon.errors import InputError
from costmon.meter.comparison import Change, Comparison, Side, compared
from costmon.meter.figures import Snapshot
from costmon.meter.recordings import load

_HEADINGS = ("endpoint", "requests", "old ms", "new ms", "change", "95 % interval", "verdict")
_RIGHT = ("requests", "old ms", "new ms", "change", "95 % interval")
_MS = 1_000_000
_WORDS = {
    "slower": "more CPU",
    "faster": "less CPU",
    "noise": "not significant",
    "few": "too few requests",
    "new": "only in new",
    "gone": "only in old",
}


def run(arguments: argparse.Namespace) -> int:
    """Print the changes; return 1 when one is above `--fail-above`.

    Raises:
        NothingMeasuredError: A recording has no requests after its warm-up.
        InputError: A file is not a recording, or the percentage is not valid.
    """
    limit = None if arguments.fail_above is None else _share(arguments.fail_above)
    old, new = load(arguments.old), load(arguments.new)
    for path, snapshot in ((arguments.old, old), (arguments.new, new)):
        _require_requests(str(path), snapshot)
    comparison = compared(old.settled, new.settled)
    above = () if limit is None else comparison.above(limit)
    if arguments.json:
        print(to_json({**_document(comparison, above), "remarks": list(remarks(old, new))}))
        return 1 if above else 0
    for remark in remarks(old, new):
        print(harmless(remark))
    print(table(_HEADINGS, [_row(change) for change in comparison.changes], right=_RIGHT))
    if comparison.ratio is None:
        print("no endpoint is in both recordings")
    else:
        print(f"CPU per request, weighted by the new traffic mix: {comparison.ratio:+.1%}")
    for change in above:
        print(harmless(f"{change.name}: {change.ratio:+.1%}, above the limit of {limit:.1%}"))
    return 1 if above else 0


def remarks(old: Snapshot, new: Snapshot) -> Iterator[str]:
    """Yield warnings about recordings that are not really comparable."""
    if (old.service, old.recording, old.started_at) == (new.service, new.recording, new.started_at):
        yield "The new recording continues the old one, so it includes the same requests:"
        yield "run `costmon meter record reset` between the two."
    if old.service != new.service:
        yield f"The recordings are of different applications: {old.service} and {new.service}."
    if old.host and new.host and old.host != new.host:
        yield f"The recordings are from different machines: {old.host} and {new.host}."
    factors = old.options.cpu_factor, new.options.cpu_factor
    if factors[0] != factors[1]:
        yield f"CPU is compared without cpu_factor, which differs: {factors[0]} and {factors[1]}."


def _require_requests(name: str, snapshot: Snapshot) -> None:
    if any(row.requests for row in snapshot.settled.routes):
        return
    if any(row.requests for row in snapshot.routes):
        raise NothingMeasuredError(
            f"{name} has requests only in its warm-up: record for longer, or with --warmup-s 0"
        )
    raise NothingMeasuredError(f"{name} has no requests: there is nothing to compare")


def _share(text: str) -> Decimal:
    try:
        percent = Decimal(text.removesuffix("%").strip())
    except InvalidOperation:
        percent = Decimal("NaN")
    if not percent.is_finite() or percent < 0:
        raise InputError(f"--fail-above {text!r} is not valid: use a percentage, such as 10%")
    return percent / 100


def _row(change: Change) -> tuple[object, ...]:
    requests = [side.requests for side in (change.old, change.new) if side is not None]
    between = (
        "?"
        if change.low_ns is None or change.high_ns is None
        else f"{change.low_ns / _MS:+.3f} to {change.high_ns / _MS:+.3f}"
    )
    return (
        change.name,
        " -> ".join(f"{count:,}" for count in requests),
        _mean_ms(change.old),
        _mean_ms(change.new),
        "?" if change.ratio is None else f"{change.ratio:+.1%}",
        between,
        _WORDS[change.verdict],
    )


def _mean_ms(side: Side | None) -> str:
    return "" if side is None else f"{side.mean_ns / _MS:.3f}"


def _document(comparison: Comparison, above: tuple[Change, ...]) -> Mapping[str, Any]:
    return {
        "ratio": comparison.ratio,
        "above": [change.name for change in above],
        "changes": [
            {
                "method": change.method,
                "route": change.route,
                "verdict": change.verdict,
                "ratio": change.ratio,
                "old": _side(change.old),
                "new": _side(change.new),
                "low_ns": change.low_ns,
                "high_ns": change.high_ns,
            }
            for change in comparison.changes
        ],
    }


def _side(side: Side | None) -> Mapping[str, Any] | None:
    if side is None:
        return None
    return {
        "requests": side.requests,
        "cpu_mean_ns": side.mean_ns,
        "bytes_out_mean": side.bytes_out_mean,
    }
